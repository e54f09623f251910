"""Agents over the datasets of each group: aggregates, performance profiles, sample efficiency."""
