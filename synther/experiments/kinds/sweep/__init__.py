"""A figure of final returns against the updates an environment step, a panel a task."""
