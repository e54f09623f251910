"""Verbs that fit generators, sample from them, and measure their samples."""

import importlib.metadata
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from synther.cli import options
from synther.config.specs import source_settings, source_spec
from synther.errors import SyntherError
from synther.jobs import provenance
from synther.jobs.files import claimed, describe_input, read_json, sha256, write_json


def _device(computing: options.Computing, generator: str) -> str:
    """Return the device; noise computes nothing, and would keep a GPU from those that do."""
    return computing.choose("cpu" if generator == "noise" else None)


class Fit(options.Verb):
    """Fit a source's generator."""

    data: Path  # transitions: .npz or D4RL's .hdf5
    source: str = "synther"  # a name of config/sources.yaml
    out: Path  # folder of the fitted generator
    dataset: str | None = None  # name of the dataset, for settings that differ by dataset
    seed: options.Seed = 0  # of weights, batches and noise
    reading: options.Reading
    settings: options.Scaling
    computing: options.Computing

    def __call__(self) -> None:
        from synther.generators import Generator, make_generator
        from synther.jobs.checkpoint import Checkpoint

        started = time.monotonic()
        options.told_task(self.reading.task, self.dataset)  # misspelt, it takes wrong settings
        spec, own = source_spec(self.source), self.settings
        settings = source_settings(self.source, self.dataset or "", own.preset) | own.parsed()
        device = _device(self.computing, spec["generator"])
        generator = make_generator(spec["generator"], settings, device)
        with claimed(self.out / "model.pt", "fit", "settings"):
            how = self.reading.of(self.data, dataset=self.dataset)
            transitions = how.read(self.data)
            if goals := {key: spec[key] for key in ("goals",) if key in spec}:
                from synther.training.goals import with_later_states

                transitions = with_later_states(transitions, self.seed)
            if transitions.span.n_step > 1 and not isinstance(generator, Generator):
                words = f"for rows of {transitions.span}, make it one of synther.generators"
                raise SyntherError(f"{spec['generator']} is no subclass of Generator: {words}")
            identity = {
                "generator": spec["generator"],
                "source": self.source,
                "settings": settings,
                "seed": self.seed,
                "data": describe_input(self.data),
                **how.record(),
                **goals,
                "version": provenance.version(),
            }
            checkpoint = Checkpoint(self.out / "fit.ckpt", identity, device)
            generator.fit(transitions, seed=self.seed, checkpoint=checkpoint)
            record = {
                **identity,
                "transitions": len(transitions),
                "num_parameters": generator.num_parameters,
                "wall_time_s": round(checkpoint.before_s + time.monotonic() - started, 1),
                "threads": self.computing.threads,
                **provenance.describe(device),
            }
            if package := spec.get("requires"):
                record["versions"][package] = importlib.metadata.version(package)
            generator.save(self.out)
            record["model_sha256"] = sha256(self.out / "model.pt")
            write_json(self.out / "fit.json", record)
            checkpoint.remove()


class Sample(options.Verb):
    """Draw transitions from a fitted generator."""

    model: Path  # folder that `synther fit` wrote
    num: options.Number = 5_000_000  # transitions
    states: Path | None = None  # transitions whose states rollouts begin at; those fitted to
    seed: options.Seed = 0  # of the noise
    out: Path  # the .npz file
    settings: options.Overrides
    computing: options.Computing

    def __call__(self) -> None:
        from synther import generators
        from synther.datasets.belonging import common_task
        from synther.jobs.checkpoint import computed_on
        from synther.jobs.progress import Progress
        from synther.jobs.resumable import TransitionsWriter

        started, out = time.monotonic(), options.require_suffix(self.out, ".npz")
        if self.num < 1:
            raise SyntherError(f"--num is {self.num}; it must be at least 1")
        name = generators.fitted_name(self.model)
        device = _device(self.computing, name)
        generator = generators.generator_class(name).load(self.model, device)
        overrides = self.settings.parsed()
        generators.change_sampling(generator, overrides)
        task = common_task([path for path in (self.model, self.states) if path])
        if self.states:
            if not hasattr(generator, "start_from"):
                raise SyntherError(f"generator '{name}' has no start states: leave --states out")
            generator.start_from(options.Reading(task=task).of(self.states).read(self.states))
        about = {
            "generator": name,
            "task": task,
            "model": describe_input(self.model),
            **({"states": describe_input(self.states)} if self.states else {}),
            "settings": overrides,
            "samples": self.num,
            "seed": self.seed,
            "version": provenance.version(),
        }
        with claimed(out):
            with (
                TransitionsWriter(out, task, about | computed_on(device)) as writer,
                Progress(self.num, f"sample {out.parent.name}", "row", done=writer.rows) as shown,
            ):
                left = generators.remaining_chunks(generator, self.num, self.seed, writer.parts)
                for part in left:
                    shown.advance(len(part))
                    writer.append(part)
            record = {
                **about,
                "output_sha256": sha256(out),
                "wall_time_s": round(writer.before_s + time.monotonic() - started, 1),
                "threads": self.computing.threads,
                **provenance.describe(device),
            }
            write_json(out.with_suffix(".json"), record)
        print(f"{out}: {writer.rows:,} transitions", file=sys.stderr)


class Loss(options.Verb):
    """Measure a denoiser's loss on transitions that it was fitted to, and on others."""

    model: Path  # folder that `synther fit` wrote, of a source on a share of the data
    data: Path  # the whole dataset, of which the others are taken
    num: options.Count = 10_000  # most transitions of each
    seed: options.Seed = 0  # of the noise, and of which transitions they are
    out: Path  # the .json file
    reading: options.Reading
    computing: options.Computing

    def __call__(self) -> None:
        from synther import generators
        from synther.datasets.subset import left_out, subset

        started, out = time.monotonic(), options.require_suffix(self.out, ".json")
        fitted = read_json(self.model / "fit.json", "fit the model anew: `synther fit`")
        name = generators.fitted_name(self.model)
        device = _device(self.computing, name)
        generator: Any = generators.generator_class(name).load(self.model, device)
        if not hasattr(generator, "losses"):
            raise SyntherError(f"generator '{name}' is no denoiser: it has no such loss")
        files = {"data": self.data, "seen": Path(fitted["data"]["path"])}
        with claimed(out):
            how = self.reading.of(*files.values())
            whole, seen = (how.read(path) for path in files.values())
            rows = {
                "seen": subset(seen, rows=min(self.num, len(seen)), seed=self.seed),
                "held_out": left_out(whole, seen, self.num, self.seed),
            }
            losses = {of: generator.losses(own, self.seed) for of, own in rows.items()}
            record = {
                **{key: fitted[key] for key in ("generator", "source", "settings")},
                **{key: fitted[key] for key in ("transitions", "num_parameters")},
                **{f"{of}_loss": sum(each) / len(each) for of, each in losses.items()},
                **{f"{of}_losses": each for of, each in losses.items()},
                **{f"{of}_rows": len(own) for of, own in rows.items()},
                **how.record(),
                "model": describe_input(self.model),
                "inputs": {name: describe_input(path) for name, path in files.items()},
                "seed": self.seed,
                "version": provenance.version(),
                "wall_time_s": round(time.monotonic() - started, 1),
                "threads": self.computing.threads,
                **provenance.describe(device),
            }
            write_json(out, record)
        print(f"{out}: {record['held_out_loss']:.4f} held out", file=sys.stderr)


class Fidelity(options.Verb):
    """Measure samples against the data that they were generated from."""

    real: Path  # what the generator was fitted to
    samples: Path  # transitions: .npz
    num: Annotated[int, options.whole(2)] = 100_000  # samples measured
    seed: options.Seed = 0  # of the choice of samples
    physics: str = "d4rl"  # d4rl or stock
    dataset: str | None = None  # name of the dataset; the task's by default
    source: str = "synther"  # what generated the samples
    preset: str | None = None  # what the result says of its preset
    out: Path  # the .parquet file, with .json beside it
    reading: options.Reading
    computing: options.Threads

    def __call__(self) -> None:
        from synther.fidelity.measure import measure
        from synther.jobs.checkpoint import Checkpoint

        # A misspelt name would stay in the result
        task = options.require_task(self.reading.task, self.dataset)
        source_spec(self.source)
        out, threads = options.require_suffix(self.out, ".parquet"), self.computing.threads
        with claimed(out):
            how = self.reading.of(self.real, self.samples, dataset=self.dataset)
            inputs = {"real": self.real, "samples": self.samples}
            identity = {
                "preset": self.preset or "none",
                "dataset": self.dataset or task,
                "source": self.source,
                **how.record(),
                "inputs": {name: describe_input(path) for name, path in inputs.items()},
                "version": provenance.version(),
            }
            asked = {"num": self.num, "seed": self.seed, "physics": self.physics}
            checkpoint = Checkpoint(out.with_suffix(".ckpt"), identity | asked)
            real, samples = (how.read(path) for path in inputs.values())
            found = measure(
                real, samples, task, self.num, self.seed, self.physics, threads, checkpoint
            )
            found.save(out, {**identity, "threads": threads, **provenance.describe("cpu")})
            checkpoint.remove()
        print(f"{out}: {found.record['measured']:,} samples measured", file=sys.stderr)
