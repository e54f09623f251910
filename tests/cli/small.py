"""Settings of a training run that takes a second."""

SMALL = ["--set", "steps=20", "--set", "hidden=[16,16]", "--set", "eval_every=10"]
SMALL += ["--set", "eval_episodes=1", "--set", "batch_size=32"]
