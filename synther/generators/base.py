"""What the generators here share: fitted with settings, drawn in parts, kept in a folder."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from synther.config.settings import as_dict, resolve
from synther.errors import SyntherError
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import write_json
from synther.tensors import weights
from synther.transitions import ONE_STEP, Span, Transitions


class Generator(ABC):
    """A model of the distribution of a dataset's transitions.

    A generator of a package of somebody's own need not be a subclass: it has what is public here,
    but for the class attributes besides `settings_type`.

    Args:
        settings: hyperparameters; None: the defaults.
        device: where it trains and samples: "cpu", "cuda", "cuda:1", ...
    """

    name: ClassVar[str]
    """As `synther.generators.GENERATORS` has it."""
    words: ClassVar[str]
    """What errors call it."""
    lacks: ClassVar[str] = "is not fitted"
    """What errors say of one that can't sample yet."""
    settings_type: ClassVar[type]
    """The frozen dataclass of its hyperparameters."""
    sampling_settings: ClassVar[frozenset[str]] = frozenset()
    """Settings that a fitted model can be given anew: training knows nothing of them."""
    chunk: ClassVar[int]
    """Rows made at once."""
    content: ClassVar[tuple[str, ...]]
    """What model.pt holds, by name."""

    def __init__(self, settings: Any = None, device: str = "cpu") -> None:
        self.settings = settings or self.settings_type()
        self._widths, self._span = (0, 0), ONE_STEP
        self._learned: Any = None

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """Trained parameters of the network that samples."""

    @abstractmethod
    def _fit(
        self, transitions: Transitions, seed: int, progress: bool, checkpoint: Checkpoint | None
    ) -> None:
        """Learn from `transitions`, into `_learned`; settings and widths are set."""

    @abstractmethod
    def _part(self, rows: int, seed: int, index: int) -> Transitions:
        """Draw part `index` of the samples of `seed`."""

    @abstractmethod
    def _content(self, described: dict[str, Any]) -> dict[str, Any]:
        """Return what model.pt holds; `described` is what settings.json does."""

    @classmethod
    @abstractmethod
    def _from_content(cls, content: dict[str, Any], file: Path, device: str) -> Self:
        """Invert `_content`; `file` is named in errors."""

    @classmethod
    def _classes(cls) -> Iterable[Any]:
        """Return what else than tensors and plain values the pickle in model.pt may name."""
        return ()

    def _fitted(self) -> Any:
        if self._learned is None:
            raise SyntherError(f"this {self.words} {self.lacks}: call fit, or load one")
        return self._learned

    def fit(
        self,
        transitions: Transitions,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Checkpoint | None = None,
        **overrides: Any,
    ) -> Self:
        """Learn the distribution of `transitions` from scratch.

        Args:
            transitions: N >= 2 rows; they stay in the device's memory during training.
            seed: of all that is random in it, such as weights, the order of the rows and noise.
            progress: whether to show progress on stderr.
            checkpoint: where a diffusion model saves its state from time to time. If it holds one,
                training goes on from there, on a CPU to the very same weights. The caller removes
                it.
            **overrides: settings by name, such as `steps=1000`; they stay with the model.

        Raises:
            SyntherError: a setting is unknown or unfit, there are too few rows, a value or the loss
                is NaN or infinite.
        """
        own = as_dict(self.settings)
        self.settings = resolve(self.settings_type, own, overrides, where=self.name)
        self._widths = (transitions.observation_dim, transitions.action_dim)
        self._span = transitions.span
        self._fit(transitions, seed, progress, checkpoint)
        return self

    def sample(self, n: int, seed: int = 0) -> Transitions:
        """Return n new transitions: all that `sample_chunks` yields, at once.

        Raises:
            SyntherError: the model is not fitted, or a generated value is NaN or infinite.
        """
        return Transitions.concatenate(self.sample_chunks(n, seed))

    def sample_chunks(
        self, n: int, seed: int = 0, first: int = 0, chunk: int | None = None
    ) -> Iterator[Transitions]:
        """Yield n new transitions, `chunk` at a time; the last part may be smaller.

        Part i has a random stream of its own, derived from (seed, i), so that a job that was
        killed can go on at any part, and several jobs can share the parts between them. Another
        size of the parts gives other rows (of the same distribution).

        Args:
            n: rows in all, of which those of the parts before `first` are left out.
            seed: of the noise.
            first: number of the part to begin with.
            chunk: rows made at once; memory grows with it. By default the class's own number.

        Raises:
            SyntherError: the model is not fitted, n or chunk is below 1, or a generated value is
                NaN or infinite.
        """
        size = self.chunk if chunk is None else chunk
        if n < 1 or size < 1:
            raise SyntherError(f"can't sample {n} rows in chunks of {size}: both must be 1 or more")
        for index in range(first, -(-n // size)):
            part = replace(self._part(min(size, n - index * size), seed, index), span=self._span)
            yield part.check_finite(f"samples of {self.name} (seed {seed}, chunk {index})")

    def save(self, path: str | Path) -> None:
        """Write the folder `path`: model.pt (all that `load` needs) and settings.json (to read).

        The key "generator" of the latter names the class, as `GENERATORS` or as "module:class".

        Raises:
            SyntherError: the model is not fitted, or the folder can't be written.
        """
        path = Path(path)
        described = {
            "generator": self.name,
            "settings": as_dict(self.settings),
            "observation_dim": self._widths[0],
            "action_dim": self._widths[1],
            "num_parameters": self.num_parameters,
        }
        content, span = self._content(described), self._span._asdict()
        if self._span != ONE_STEP:
            described, content = described | span, content | span
        write_json(path / "settings.json", described)
        weights.save(path / "model.pt", content)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """Read a folder that `save` wrote; the model is ready to sample.

        Raises:
            SyntherError: the file is missing, damaged, or of another format.
        """
        file, classes = Path(path) / "model.pt", cls._classes()
        content = weights.load(
            file,
            "fit the model anew",
            required=cls.content,
            classes=classes,
            missing=f"fit and save a {cls.words} there first",
        )
        try:
            model = cls._from_content(content, file, device)
            model._span = Span.said(content, str(file))
            return model
        except SyntherError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise SyntherError(f"{file} is damaged: fit the model anew ({error})") from error
