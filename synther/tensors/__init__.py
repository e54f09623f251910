"""Parameters as flat tensors: their optimizer, CUDA graphs, and weights on disk."""
