"""The loops: offline and online training, evaluation, behaviour policies."""
