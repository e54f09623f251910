"""A figure of agents that learn in their environment: return against steps, a panel a task."""
