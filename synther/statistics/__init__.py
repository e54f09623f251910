"""From rows of results to numbers: scores of seeds, intervals, and the paper's own numbers."""
