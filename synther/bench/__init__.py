"""`synther bench`: every hot path as a ratio to its own limit, measured in the same run."""
