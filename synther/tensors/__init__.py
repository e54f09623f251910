"""Parameters as flat tensors: their optimizer, calls that are replayed, and weights on disk."""
