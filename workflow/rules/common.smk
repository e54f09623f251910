# What the rules share: the matrix of every preset, and what wildcards may be.
from synther import config as specs
from synther.experiments import (
    Experiments,
    agent_settings,
    preset_experiments,
    source_settings,
)

EXPERIMENTS = preset_experiments(config["preset"])
# A conda user makes it with `conda env create -f environment.yml` and gives `--use-conda`; without
# that option the rules run in the environment that snakemake itself runs in.
ENVIRONMENT = "synther"


wildcard_constraints:
    preset="|".join(EXPERIMENTS),
    dataset="[a-z0-9-]+",
    source="[a-z0-9-]+",
    agent="[a-z0-9_-]+",
    task="[a-z0-9-]+",
    experiment="[a-z0-9_]+",
    first=r"\d+",
    last=r"\d+",
