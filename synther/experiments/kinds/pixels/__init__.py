"""A table of agents that see pixels: a comparison, of other runs."""
