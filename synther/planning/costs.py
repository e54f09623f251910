"""What a job of each rule costs: a function of what the preset runs and of the rule's wildcards.

The rules in workflow/ name these functions (`asks(costs.subset)`); one of your own does as well. It
takes `Experiments` and the wildcards as attributes, reads the specs, and returns a `Cost`.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from synther import config
from synther.config import specs
from synther.config.shares import share_of
from synther.experiments import FULL_ROWS, Experiments
from synther.planning import sizes
from synther.planning.rates import BENCHED_SEEDS, Cost, Work

# What an agent of one's own leaves out; `OfflineSettings`' defaults, by a test.
DEFAULTS: dict[str, Any] = dict(
    steps=1_000_000, batch_size=256, eval_every=5_000, eval_episodes=10, hidden=[256, 256]
)
_BENCHED_CALLS = 255  # of the network, a sample, where that is measured: 128 steps of Heun's method
_LARGE_DATASET = 800_000
_INPUTS = 64  # stands for inputs and outputs beside hidden layers: a few dozen on every task
_MODES, _COPIES = 11, 3  # numbers that CTGAN makes of an entry, and how often it holds them
_BODY_BYTES = 40e6  # of a seed trained on frames: trunks of 39,200 x 50, encoder and heads
_EPISODE_BYTES = 20.0  # a row of results, compressed


def _seeds(w: Any) -> int:
    return int(w.last) - int(w.first) + 1


# Data


def download(dataset: str, file: str = "", memory_mb: float = 1000) -> Cost:
    """Return the cost of fetching a dataset of D4RL's or OGBench's, or one file of V-D4RL's."""
    spec = config.spec(dataset, "dataset")
    size = spec["files"][file]["bytes"] if file else spec.get("bytes")
    size = sizes.file_bytes(spec.get("rows", FULL_ROWS), spec["task"]) if size is None else size
    return Cost((Work("download_bytes", size),), memory_mb, size)


def ogbench_dataset(plan: Experiments, w: Any) -> Cost:
    """Return the cost of fetching OGBench's file and giving it the rewards of a task."""
    return download(w.dataset, memory_mb=sizes.memory_mb(plan, w.dataset))


def d4rl_policies(plan: Experiments, w: Any) -> Cost:
    """Return the cost of D4RL's behaviour policies, of which the medium one is in its dataset."""
    medium = config.load("behaviour")["d4rl"]["tasks"][w.task]["medium"]["dataset"]
    return download(medium, memory_mb=2000)


def collect_dataset(plan: Experiments, w: Any) -> Cost:
    """Return the cost of rolling policies out."""
    rows, task = plan.rows(w.dataset), sizes.task_of(w.dataset)
    memory = sizes.memory_mb(plan, w.dataset, "real")
    return Cost((Work("env_steps", rows, task),), memory, sizes.file_bytes(rows, task))


def render_dataset(plan: Experiments, w: Any) -> Cost:
    """Return the cost of a dataset of frames, compressed as V-D4RL's shards are."""
    rows = plan.frames()
    return Cost((Work("frames", rows),), 4000, 0.3 * rows * sizes.FRAME_BYTES)


def subset(plan: Experiments, w: Any) -> Cost:
    """Return the cost of choosing a share of a dataset."""
    rows = sizes.transitions(plan, w.dataset, "real")
    share = share_of(w.share)
    kept = share.of(rows) if share else rows
    size = sizes.file_bytes(kept, sizes.task_of(w.dataset))
    return Cost((Work("rows", rows),), sizes.memory_mb(plan, w.dataset, "real"), size)


def mix_sources(plan: Experiments, w: Any) -> Cost:
    """Return the cost of mixing real transitions with samples."""
    rows = plan.samples(w.source)
    memory = sizes.memory_mb(plan, w.dataset, w.source)
    return Cost((Work("rows", rows),), memory, sizes.file_bytes(rows, sizes.task_of(w.dataset)))


# Generators. Not its name but what settings it has says what one trains: SynthER's network, an
# ensemble of members, or something in epochs; of any other, rows are counted.


def _is_denoiser(settings: Mapping[str, Any]) -> bool:
    return {"width", "depth", "dim_t", "batch_size", "sampling_steps"} <= settings.keys()


def _parameters(settings: Mapping[str, Any], columns: int) -> float:
    """Return how many parameters a denoiser has."""
    width, dim_t = settings["width"], settings["dim_t"]
    return settings["depth"] * width**2 + width * (dim_t + columns) + dim_t * (dim_t + columns)


def _size(settings: Mapping[str, Any], columns: int) -> float:
    """Return a denoiser's size in that at which rates are measured."""
    measured = specs.source_spec("synther")["settings"]
    return _parameters(settings, columns) / _parameters(measured, columns)


def _fit_denoiser(settings: Mapping[str, Any], columns: int, rows: int, fits: float = 1.0) -> Work:
    """Return the training of denoisers; a batch is what is set, or what the released code takes."""
    batch = settings["batch_size"] or (1024 if rows >= _LARGE_DATASET else 256)
    steps = settings["steps"] * fits
    return Work("diffusion_fit_rows", steps * batch, size=_size(settings, columns), count=steps)


def _denoise(
    settings: Mapping[str, Any], columns: int, samples: float, generator: str = "diffusion"
) -> Work:
    """Return the sampling of rows: Heun's method calls the network twice a step.

    Only a diffusion's last step is Euler's. Guidance doubles the calls.
    """
    calls = (2 * settings["sampling_steps"] - (generator != "flow")) / _BENCHED_CALLS
    doubled = 2 if "guidance" in settings else 1
    return Work("samples", samples, size=_size(settings, columns) * calls * doubled)


def _ensemble_size(settings: Mapping[str, Any], columns: int) -> float:
    """Return the size of an ensemble of models in that at which its rates are measured."""

    def parameters(s: Mapping[str, Any]) -> float:
        """Return those of its hidden layers, and of inputs and outputs, up to a few."""
        return s["members"] * s["width"] * (2 * (s["depth"] - 1) * s["width"] + 2.5 * columns)

    return parameters(settings) / parameters(specs.source_spec("dynamics")["settings"])


def _on_device(source: str) -> bool:
    return specs.source_spec(source)["generator"] != "noise"  # it perturbs rows; others compute


def _fit(
    source: str, settings: Mapping[str, Any], columns: int, rows: int, memory_mb: float
) -> Cost:
    work, size = Work("rows", rows), 4.0 * rows * columns
    if _is_denoiser(settings):
        work = _fit_denoiser(settings, columns, rows)
        size = 2 * 4 * _parameters(settings, columns)  # trained and averaged
    elif "members" in settings:
        amount = settings["steps"] * settings["batch_size"]
        work = Work("dynamics_fit_rows", amount, size=_ensemble_size(settings, columns))
    elif "epochs" in settings:
        fitted = min(settings.get("rows") or rows, rows)
        memory_mb += round(_COPIES * 8 * _MODES * columns * fitted / 1e6)
        mixtures = Work("mixture_entries", fitted * columns)
        epochs = Work("tabular_entries", fitted * columns * settings["epochs"])
        return Cost((mixtures, epochs), memory_mb, 10e6, _on_device(source))
    return Cost((work,), memory_mb, size, _on_device(source))


def _sample(
    source: str, settings: Mapping[str, Any], columns: int, number: int, memory_mb: float
) -> Cost:
    work = Work("rows", number)
    if _is_denoiser(settings):
        work = _denoise(settings, columns, number, specs.source_spec(source)["generator"])
    elif "members" in settings:
        work = Work("rollout_rows", number, size=_ensemble_size(settings, columns))
    return Cost((work,), memory_mb, 4.0 * number * columns, _on_device(source))


def fit_generator(plan: Experiments, w: Any) -> Cost:
    """Return the cost of fitting a source's generator."""
    settings = specs.source_settings(w.source, w.dataset, plan.preset)
    rows = sizes.transitions(plan, w.dataset, w.source)
    memory = sizes.memory_mb(plan, w.dataset, "real")
    return _fit(w.source, settings, sizes.columns(sizes.task_of(w.dataset)), rows, memory)


def sample_generator(plan: Experiments, w: Any) -> Cost:
    """Return the cost of sampling from a fitted generator."""
    settings = specs.source_settings(w.source, w.dataset, plan.preset)
    number = plan.samples(w.source)
    read = specs.source_spec(w.source).get("states", "real")  # the data's where it names none
    memory = 1000 + sizes.memory_mb(plan, w.dataset, read) if "members" in settings else 2000
    return _sample(w.source, settings, sizes.columns(sizes.task_of(w.dataset)), number, memory)


def measure_loss(plan: Experiments, w: Any) -> Cost:
    """Return the cost of a denoiser's loss: 16 calls for each of 10,000 transitions, twice."""
    settings = specs.source_settings(w.source, w.dataset, plan.preset)
    size = _size(settings, sizes.columns(sizes.task_of(w.dataset)))
    work = Work("samples", 2 * 10_000 * 16 / _BENCHED_CALLS, size=size)
    return Cost((work,), sizes.memory_mb(plan, w.dataset, "real"), 1e4, on_device=True)


def fidelity(plan: Experiments, w: Any) -> Cost:
    """Return the cost of holding samples against data and simulator."""
    number = plan.fidelity_samples()
    pairs = Work("pairs", number * sizes.transitions(plan, w.dataset, w.source))
    steps = Work("env_steps", number, sizes.task_of(w.dataset))
    return Cost((pairs, steps), sizes.memory_mb(plan, w.dataset, w.source))


# Agents


def _network(settings: Mapping[str, Any]) -> float:
    """Return the multiplications of an agent's update, up to a factor that its class decides."""
    hidden = [int(width) for width in settings["hidden"]]
    inner = sum(a * b for a, b in itertools.pairwise(hidden))
    networks = 1 + int(settings.get("num_critics", 2))
    return settings["batch_size"] * networks * (inner + _INPUTS * (hidden[0] + hidden[-1]))


def _updates(agent: str, settings: Mapping[str, Any], updates: int, seeds: int) -> Work:
    """Return the updates of a stack of seeds."""
    name, spec = agent, config.spec(agent, "agent")
    while "like" in spec:  # measured as the one that it is like, at that one's size
        name, spec = spec["like"], config.spec(spec["like"], "agent")
    size = _network(settings) / _network(DEFAULTS | specs.agent_spec(name)["settings"])
    size *= seeds / BENCHED_SEEDS
    return Work("agent_updates", updates, name, size, count=updates * seeds)


def train_offline(plan: Experiments, w: Any) -> Cost:
    """Return the cost of seeds that learn from data."""
    settings = DEFAULTS | specs.agent_settings(w.agent, w.dataset, plan.preset, w.source)
    evaluations = -(-settings["steps"] // settings["eval_every"])
    episodes = evaluations * settings["eval_episodes"] * _seeds(w)
    steps = Work("env_steps", episodes * plan.time_limit(w.dataset), sizes.task_of(w.dataset))
    updates = _updates(w.agent, settings, settings["steps"], _seeds(w))
    memory = sizes.memory_mb(plan, w.dataset, w.source)
    return Cost((updates, steps), memory, _EPISODE_BYTES * episodes, True)


def train_online(plan: Experiments, w: Any) -> Cost:
    """Return the cost of seeds that learn in their environment."""
    settings = specs.online_settings(w.agent, w.task, plan.preset)
    seeds, steps = _seeds(w), settings["steps"]
    learning = max(0, steps - settings["random_steps"])
    episodes = steps // settings["eval_every"] * settings["eval_episodes"] * seeds
    judged = episodes * specs.task_spec(w.task)["time_limit"]
    work = [
        _updates(w.agent, settings, learning * settings["updates_per_step"], seeds),
        Work("env_steps", steps * seeds + judged, w.task),
    ]
    if settings["synthetic_share"] > 0:
        fits = seeds * (learning // settings["retrain_every"])
        diffusion = specs.source_spec("synther")["settings"] | settings["diffusion"]
        columns, number = sizes.columns(w.task), fits * settings["synthetic_samples"]
        work.append(_fit_denoiser(diffusion, columns, steps, fits))
        work.append(_denoise(diffusion, columns, number))
    memory = sizes.online_memory_mb(plan, w.task, w.agent, seeds)
    return Cost(tuple(work), memory, _EPISODE_BYTES * episodes, True)


# Pixels


def train_pixels(plan: Experiments, w: Any) -> Cost:
    """Return the cost of seeds that learn from frames, or of heads that learn from latents."""
    settings, seeds = specs.pixel_settings(w.agent, w.dataset, plan.preset), _seeds(w)
    evaluations = -(-settings["steps"] // settings["eval_every"])
    frames = evaluations * settings["eval_episodes"] * settings["eval_steps"] * seeds
    updates, size = _updates(w.agent, settings, settings["steps"], seeds), _BODY_BYTES * seeds
    source = getattr(w, "source", "real")
    if source != "real":  # without the convolutions, an update is one of TD3+BC's size
        updates, size = replace(updates, unit="head_updates"), 1e6
    memory = sizes.pixel_memory_mb(plan, w.dataset, source)
    return Cost((updates, Work("frames", frames)), memory, size, on_device=True)


def encode_latents(plan: Experiments, w: Any) -> Cost:
    """Return the cost of a dataset in an agent's latents."""
    rows, memory = sizes.frames(plan, w.dataset), sizes.pixel_memory_mb(plan, w.dataset)
    return Cost((Work("encoded_frames", rows),), memory, 4.0 * rows * sizes.LATENT_COLUMNS, True)


def fit_latents(plan: Experiments, w: Any) -> Cost:
    """Return the cost of fitting a source's generator to latents."""
    settings = specs.source_settings(w.source, w.dataset, plan.preset)
    return _fit(w.source, settings, sizes.LATENT_COLUMNS, sizes.frames(plan, w.dataset), 4000)


def sample_latents(plan: Experiments, w: Any) -> Cost:
    """Return the cost of sampling latents."""
    settings = specs.source_settings(w.source, w.dataset, plan.preset)
    number = plan.samples(w.source, "pixels")
    memory = sizes.pixel_memory_mb(plan, w.dataset, w.source)
    return _sample(w.source, settings, sizes.LATENT_COLUMNS, number, memory)


# Tables


def table(plan: Experiments, w: Any) -> Cost:
    """Return the cost of a table or figure, or of anything else that is made from results."""
    return Cost((Work("tables", 1),), disk_bytes=1e6)
