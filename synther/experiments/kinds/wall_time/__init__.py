"""A table of where the time of agents that learn in their environment went."""
