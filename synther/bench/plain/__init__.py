"""The agents once more, plainly: one seed, `nn.Linear`, ordinary Adam, equation by equation.

They are what the stacked agents are tested against and timed against.
"""
