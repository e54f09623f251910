# What the rules share: the matrix of every preset, and what wildcards may be.
import functools
from pathlib import Path
import shutil

from snakemake.exceptions import WorkflowError

from synther.config import load, spec, specs
from synther.config.shares import share_of, split
from synther.datasets import source_file
from synther.experiments import Experiments
from synther.jobs import bucket
from synther.planning import costs
from synther.planning.resources import RuleResources
from synther.sheets.writers import suffixes

experiments = functools.cache(Experiments)
# Makes `resources` of a cost: what jobs ask of a scheduler, and what they do, which limits nothing and
# is there for `synther plan`. From config/rates.yaml and results/bench/.
asks = RuleResources(experiments, config["device"])
# The pinned versions. Rules run in the environment that snakemake itself runs in (make environment,
# or conda with this file); the directive records it.
ENVIRONMENT = "../../environment.yml"
# D4RL's files, each with its dataset.
D4RL_FILES = {
    Path(spec["url"]).stem: name
    for name, spec in load("datasets")["datasets"].items()
    if spec["kind"] == "d4rl"
}
# Sources that need no device, shares of the data included.
NOISE = f"({'|'.join(specs.noise_sources())})(-[0-9]+(pct|rows|step))?"


# Where all files are kept, if not here: tell synther's jobs, which start from this process.
if BUCKET := workflow.storage_settings.default_storage_prefix:
    bucket.announce(
        BUCKET, workflow.storage_registry.default_storage_provider.local_prefix
    )


wildcard_constraints:
    preset="[^/]+",
    dataset="[a-z0-9-]+",
    source="[a-z0-9-]+",
    agent="[a-z0-9_-]+",
    task="[a-z0-9-]+",
    experiment="[a-z0-9_]+",
    first=r"\d+",
    last=r"\d+",
    share=r"\d+(pct|rows|step)(-whole)?(-draw\d+)?",


def options(settings):
    """Return settings as options of a verb."""
    return " ".join(f"--{key.replace('_', '-')} {v}" for key, v in settings.items())


def experiments_of(wildcards):
    """Return the experiments of a target's preset; the paper's where it names none."""
    return experiments(wildcards.get("preset", "paper"))


def generator_seed(wildcards):
    """Return the seed of all that is drawn of a preset's generators, on this draw of a share."""
    share = split(wildcards.get("source", ""))[1]
    draw = share.draw if share else 0
    return experiments(wildcards.preset).scale["generator_seed"] + draw


def assignments(settings):
    """Return settings as --set arguments."""
    return " ".join(f"--set {key}={value}" for key, value in settings.items())


def page_inputs(wildcards):
    """Return what a preset's page is made from."""
    plan = experiments_of(wildcards)
    sheets = plan.sheets()
    rows, others = plan.results(*sheets), plan.records(*sheets)
    records = [str(Path(path).with_suffix(".json")) for path in rows]
    return [*sheets.values(), *([*rows, *records, *others] if BUCKET else [])]


def fidelity_threads(wildcards):
    """Return how many threads compare a preset's samples."""
    return 8 if experiments(wildcards.preset).fidelity_samples() > 20_000 else 1


def lift_usual_rate(workflow):
    """Lift Snakemake's limit of 100 jobs a second, and keep one that somebody has set.

    It wakes the scheduler once a second for every job so far, as long as others wait: of 188 jobs
    that took minutes.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def require_scheduler(workflow):
    """Refuse a profile whose scheduler's commands are not here."""
    if workflow.executor_plugin.name != "slurm":
        return
    needed = ["sbatch", "scancel", workflow.executor_settings.status_command or "sacct"]
    if missing := [command for command in needed if shutil.which(command) is None]:
        raise WorkflowError(
            f"this profile hands jobs over by {', '.join(needed)}; not found: {', '.join(missing)}. "
            "Run it where they are, such as a cluster's login node, or leave --profile out"
        )


def own_file(wildcards):
    """The file of one's own that a dataset is copied from; none of D4RL's has one."""
    source = source_file(D4RL_FILES[wildcards.file])
    copied = (
        source
        and not source.exists()
        and Path(f"data/d4rl/{wildcards.file}.hdf5").exists()
    )
    return [str(source)] if source and not copied else []
