"""Score against how much of the data is kept: a panel a dataset and agent."""
