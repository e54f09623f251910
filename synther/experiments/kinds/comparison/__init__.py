"""A table: a row a dataset, a column an agent and source, with aggregates below."""
