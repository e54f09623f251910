"""A scaling law: the loss of denoisers against their parameters and their transitions."""
