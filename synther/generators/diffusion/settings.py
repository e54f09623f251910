"""Hyperparameters of the diffusion generator."""

from dataclasses import dataclass

from synther.config.settings import require
from synther.errors import unknown_name

LARGE_DATASET = 800_000
LARGE_BATCH = 1024
SMALL_BATCH = 256
PRECISIONS = ("tf32", "float32")


@dataclass(frozen=True)
class DiffusionSettings:
    """Hyperparameters of `Diffusion`; the defaults are those of SynthER's offline experiments.

    Sources: the authors' public code for the values; Karras et al. 2022 (EDM, arXiv 2206.00364),
    table 1 and algorithm 2, for the meaning of the symbols.

    Attributes:
        width: units of every hidden layer of the residual MLP.
        depth: residual blocks.
        dim_t: width of the time embedding and of the projected input it is added to.
        fourier_features: sines and cosines of ln(sigma)/4, half of each; even.
        sigma_min: lowest noise level of the sampler, in units of the normalised data.
        sigma_max: highest noise level, where sampling starts.
        sigma_data: assumed standard deviation of the normalised data.
        rho: exponent that crowds the sampler's time steps towards low noise (eq. 5).
        p_mean: mean of ln(sigma) in training.
        p_std: standard deviation of ln(sigma) in training.
        steps: gradient steps of training.
        batch_size: rows a step; None: 1024 if the dataset has 800,000 rows or more, else 256.
        learning_rate: of AdamW at the first step; it falls to 0 along a half cosine.
        weight_decay: decoupled decay of the weights; biases are exempt.
        betas: AdamW's decay rates of the first and second moment.
        gradient_clip: bound of the gradient's global norm.
        ema_beta: highest decay of the weights' moving average, which is what samples.
        ema_update_every: steps between updates of the average.
        ema_update_after_step: steps before averaging begins; until then it is a copy.
        ema_inv_gamma: scale of the warm-up of the decay, in 1/steps.
        ema_power: exponent of the warm-up of the decay.
        sampling_steps: time steps N of the sampler; 2 N - 1 network calls a row.
        s_churn: amount of fresh noise over all sampling steps.
        s_tmin: noise level below which no noise is added.
        s_tmax: noise level above which no noise is added.
        s_noise: standard deviation of the added noise, inflated against loss of detail.
        model_terminals: whether the terminal flag is modelled; if not, samples have none.
        normalise_rewards: whether rewards are standardised (upstream: not on DeepMind Control).
        threshold_terminals: a sampled flag above this is 1.0, else 0.0; None leaves it as sampled,
            which is what upstream does online.
        precision: of matrix products on a GPU: "tf32", operands rounded to 10 bits of mantissa and
            sums in float32, or "float32". A CPU knows float32 alone.
    """

    width: int = 2048
    depth: int = 6
    dim_t: int = 128
    fourier_features: int = 16
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    sigma_data: float = 1.0
    rho: float = 7.0
    p_mean: float = -1.2
    p_std: float = 1.2
    steps: int = 100_000
    batch_size: int | None = None
    learning_rate: float = 3e-4
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    gradient_clip: float = 1.0
    ema_beta: float = 0.995
    ema_update_every: int = 10
    ema_update_after_step: int = 100
    ema_inv_gamma: float = 1.0
    ema_power: float = 2 / 3
    sampling_steps: int = 128
    s_churn: float = 80.0
    s_tmin: float = 0.05
    s_tmax: float = 50.0
    s_noise: float = 1.003
    model_terminals: bool = True
    normalise_rewards: bool = True
    threshold_terminals: float | None = 0.5
    precision: str = "tf32"

    def __post_init__(self) -> None:
        counts = ("width", "dim_t", "steps", "ema_update_every")
        require(self, "at least 1", lambda v: v >= 1, *counts)
        require(self, "at least 0", lambda v: v >= 0, "depth")
        require(self, "at least 2", lambda v: v >= 2, "sampling_steps")
        require(self, "even, at least 2", lambda v: v >= 2 and v % 2 == 0, "fourier_features")
        require(self, "at least 1, or null", lambda v: v is None or v >= 1, "batch_size")
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS, "a setting of diffusion")
        positive = ("sigma_data", "rho", "p_std", "learning_rate", "gradient_clip")
        require(self, "above 0", lambda v: v > 0, *positive)
        highest = self.sigma_max
        require(self, "above 0 and below sigma_max", lambda v: 0 < v < highest, "sigma_min")
        pair = "two numbers in [0, 1)"
        require(self, pair, lambda v: len(v) == 2 and min(v) >= 0 and max(v) < 1, "betas")

    def batch_size_for(self, rows: int) -> int:
        """Return the rows a training step takes from a dataset of `rows`."""
        if self.batch_size is not None:
            return self.batch_size
        return LARGE_BATCH if rows >= LARGE_DATASET else SMALL_BATCH
