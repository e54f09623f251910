"""Samples held against the data and the simulator: tables and figures of generators."""
