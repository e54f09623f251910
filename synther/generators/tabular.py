"""TVAE and CTGAN: the generators of tabular data that SynthER is held against.

Source: Xu et al. 2019, arXiv 1907.00503, in the `ctgan` package, which is called here and not
rewritten. It is optional (`pip install 'synther[ctgan]'`): its licence, BUSL-1.1, is not open
source. Nothing else imports it.
"""

import importlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from synther.config.settings import as_dict, require, resolve
from synther.errors import SyntherError
from synther.generators.base import Generator
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import mathematics
from synther.transitions import Transitions

PICKLED = {
    "builtins": "slice set bytes",  # bytes: where an array is empty
    "ctgan.data_transformer": "ColumnTransformInfo DataTransformer SpanInfo",
    "ctgan.data_sampler": "DataSampler",
    "ctgan.synthesizers.ctgan": "CTGAN Generator Residual",
    "ctgan.synthesizers.tvae": "Decoder TVAE",
    "rdt.transformers.categorical": "OneHotEncoder",
    "rdt.transformers.null": "NullTransformer",
    "rdt.transformers.numerical": "ClusterBasedNormalizer",
    "sklearn.mixture": "BayesianGaussianMixture",
    "torch.nn": "ReLU BatchNorm1d Sequential Linear",
    "numpy": "dtype ndarray",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.dtypes": "BoolDType ObjectDType StrDType Float32DType Float64DType Int8DType Int32DType "
    "Int64DType UInt8DType UInt32DType UInt64DType",
    "numpy.random": "MT19937 SeedSequence",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._pickle": "__bit_generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence",
    "pandas": "DataFrame Series Index RangeIndex",
    "pandas._libs.internals": "_unpickle_block",
    "pandas.core.indexes.base": "_new_Index",
    "pandas.core.internals.managers": "BlockManager SingleBlockManager",
}
"""What the package's models consist of: modules, and all in them that their pickles name."""


def require_ctgan() -> Any:
    """Return the package `ctgan`.

    Raises:
        SyntherError: it is not installed.
    """
    try:
        import ctgan
    except ImportError as error:
        raise SyntherError(
            "TVAE and CTGAN take the package ctgan, which is not installed: "
            "pip install 'synther[ctgan]' (its licence is BUSL-1.1, not open source)"
        ) from error
    return ctgan


@dataclass(frozen=True)
class TabularSettings:
    """What both have in common; the defaults are the package's.

    Attributes:
        epochs: passes over the rows.
        batch_size: rows a step; for CTGAN a multiple of `pac`.
        embedding_dim: width of the latent vector.
        rows: most rows to fit to, drawn at random; None: all. Fitting a mixture of Gaussians to
            every column takes longer than the network.
    """

    epochs: int = 300
    batch_size: int = 500
    embedding_dim: int = 128
    rows: int | None = None

    def __post_init__(self) -> None:
        require(self, "above 0", lambda v: v > 0, "epochs", "batch_size", "embedding_dim")
        require(self, "at least 10, or null", lambda v: v is None or v >= 10, "rows")


@dataclass(frozen=True)
class TVAESettings(TabularSettings):
    """TVAE's settings.

    Attributes:
        compress_dims: widths of the encoder's layers.
        decompress_dims: widths of the decoder's layers.
        l2scale: weight decay.
        loss_factor: weight of the reconstruction.
    """

    compress_dims: tuple[int, ...] = (128, 128)
    decompress_dims: tuple[int, ...] = (128, 128)
    l2scale: float = 1e-5
    loss_factor: float = 2.0


@dataclass(frozen=True)
class CTGANSettings(TabularSettings):
    """CTGAN's settings.

    Attributes:
        generator_dim: widths of the generator's layers.
        discriminator_dim: widths of the discriminator's layers.
        generator_lr: learning rate.
        discriminator_lr: likewise.
        discriminator_steps: updates of the discriminator for one of the generator.
        pac: rows that the discriminator sees together.
    """

    generator_dim: tuple[int, ...] = (256, 256)
    discriminator_dim: tuple[int, ...] = (256, 256)
    generator_lr: float = 2e-4
    discriminator_lr: float = 2e-4
    discriminator_steps: int = 1
    pac: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        pac = self.pac
        wanted = f"a multiple of pac, {pac}"
        require(self, wanted, lambda v: pac >= 1 and v % pac == 0, "batch_size")


class _Tabular(Generator):
    """A model of the package, fitted to packed transitions.

    Columns that are constant in the data are left out of the model and put back; the terminal flag
    is a category, everything else continuous.
    """

    network: ClassVar[str]
    """Attribute of the package's model that samples."""
    chunk: ClassVar[int] = 50_000
    content = ("model", "constants", "widths", "settings")

    def __init__(self, settings: Any = None, device: str = "cpu") -> None:
        super().__init__(settings)
        self._kind = getattr(require_ctgan(), type(self).__name__)
        self._device = device
        self._constants: dict[int, float] = {}

    @property
    def num_parameters(self) -> int:
        """Trained parameters of the network that samples."""
        network = getattr(self._fitted(), self.network)
        return sum(parameter.numel() for parameter in network.parameters())

    def _fit(
        self, transitions: Transitions, seed: int, progress: bool, checkpoint: Checkpoint | None
    ) -> None:
        """Fit the package's model, which has no checkpoints."""
        if len(transitions) < 10:
            raise SyntherError(f"{len(transitions)} transitions are too few to fit {self.name}")
        packed = transitions.packed().astype(np.float64)
        if self.settings.rows is not None and self.settings.rows < len(packed):
            chosen = np.random.default_rng(seed).permutation(len(packed))[: self.settings.rows]
            packed = packed[np.sort(chosen)]
        constant = packed.min(axis=0) == packed.max(axis=0)
        self._constants = {int(i): float(packed[0, i]) for i in np.flatnonzero(constant)}
        names = [str(i) for i in np.flatnonzero(~constant)]
        table, flag = pd.DataFrame(packed[:, ~constant], columns=names), str(packed.shape[1] - 1)
        given = as_dict(self.settings)
        given.pop("rows")
        model = self._kind(**given, enable_gpu=self._device.startswith("cuda"), verbose=progress)
        self._seed(model, seed)
        with _one_process(), mathematics(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of mixtures that have not converged
            model.fit(table, [flag] if flag in table else [])
        self._learned = model

    def _seed(self, model: Any, seed: int) -> None:
        """Seed all that the package draws from; by itself it forgets torch's stream on a GPU."""
        model.set_random_state(seed)
        if self._device.startswith("cuda"):
            torch.cuda.manual_seed(seed)

    def _part(self, rows: int, seed: int, index: int) -> Transitions:
        model = self._fitted()
        self._seed(model, int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
        with _one_process(), mathematics():
            drawn = model.sample(rows)
        packed = np.zeros((rows, 2 * self._widths[0] + self._widths[1] + 2))
        packed[:, list(map(int, drawn.columns))] = drawn.to_numpy()
        packed[:, list(self._constants)] = list(self._constants.values())
        return Transitions.unpack(packed, *self._widths)

    def _content(self, described: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": self._fitted(),
            "constants": self._constants,
            "widths": self._widths,
            "settings": described["settings"],
        }

    @classmethod
    def _classes(cls) -> Iterable[Any]:
        require_ctgan()
        named = [(module, name) for module, names in PICKLED.items() for name in names.split()]
        return [getattr(importlib.import_module(module), name) for module, name in named]

    @classmethod
    def _from_content(cls, content: dict[str, Any], file: Path, device: str) -> Self:
        found = cls(resolve(cls.settings_type, content["settings"], where=str(file)), device)
        found._learned, found._widths = content["model"], tuple(content["widths"])
        found._constants = content["constants"]
        found._learned.set_device(device)
        return found


def _one_process() -> Any:
    """Keep the package from starting a process a core, whatever a job was given."""
    import joblib

    return joblib.parallel_config(backend="sequential")


class TVAE(_Tabular):
    """The variational autoencoder."""

    name = words = "tvae"
    settings_type = TVAESettings
    network = "decoder"


class CTGAN(_Tabular):
    """The conditional GAN."""

    name = words = "ctgan"
    settings_type = CTGANSettings
    network = "_generator"
