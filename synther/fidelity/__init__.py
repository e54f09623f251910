"""How good samples are: marginals, correlations, dynamics against the simulator, diversity.

Measured once a (dataset, source) into a result; tables and figures are those of kind `fidelity`.
"""
