"""An ensemble of models of the dynamics and of the data's policy, and how it is trained.

Sources: Chua et al. 2018 (PETS, arXiv 1805.12114) for the networks; Yu et al. 2020 (MOPO, arXiv
2005.13239) and the authors' code (tianheyu927/mopo, commit 3d632fc) for elites and sizes.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import silu, softplus

from synther.config.settings import as_dict, require
from synther.errors import SyntherError, unknown_name
from synther.generators.diffusion.ema import EMA
from synther.generators.diffusion.settings import DiffusionSettings
from synther.generators.diffusion.trainer import (
    DRAWN_ROWS,
    INITIAL_VALUES,
    RowOrder,
    Trainer,
    stream,
)
from synther.tensors.layers import FlatLayers, linear

HELD_OUT, MOST_HELD_OUT = 0.2, 5000
"""Share and number of rows by which a member's best weights, and the elites, are chosen."""
BOUNDS, BOUNDS_PULL = (0.5, -10.0), 0.01
"""Where the soft bounds of log-variances begin, and the weight of their distance in the loss."""
UNCERTAINTIES = ("std", "disagreement")
OPTIMISED = ("steps", "batch_size", "learning_rate", "weight_decay")


@dataclass(frozen=True)
class DynamicsSettings:
    """Hyperparameters of `Dynamics`; config/sources.yaml has their origin.

    Attributes:
        members: networks of the ensemble.
        elites: of them, those that roll out: the best on held-out rows.
        width: units of every hidden layer.
        depth: hidden layers.
        steps: gradient steps of training.
        batch_size: rows a step, for each member.
        learning_rate: AdamW's.
        weight_decay: decoupled decay of the weights; biases are exempt.
        evaluate_every: steps between looks at the held-out rows.
        horizon: steps h of a rollout.
        penalty: lambda, how much of the uncertainty is taken off the reward.
        uncertainty: "std", the largest norm over members of the standard deviations of r and s';
            "disagreement", the largest distance of a member's mean s' from the members' mean.
    """

    members: int = 7
    elites: int = 5
    width: int = 200
    depth: int = 4
    steps: int = 100_000
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 5e-5
    evaluate_every: int = 1000
    horizon: int = 5
    penalty: float = 1.0
    uncertainty: str = "std"

    def __post_init__(self) -> None:
        continuous = ("learning_rate", "weight_decay", "penalty")
        counts = as_dict(self).keys() - {*continuous, "uncertainty"}
        require(self, "at least 0", lambda v: v >= 0, *continuous)
        require(self, "at least 1", lambda v: v >= 1, *sorted(counts))
        if self.elites > self.members:
            raise SyntherError(f"dynamics has {self.elites} elites of {self.members} members")
        if self.uncertainty not in UNCERTAINTIES:
            raise unknown_name("uncertainty", self.uncertainty, UNCERTAINTIES)


class Members(FlatLayers):
    """The ensemble: of each member a Gaussian model of the dynamics, and a Gaussian policy.

    MLPs with SiLU between layers. Inputs and outputs are normalised.

    Args:
        widths: d and a.
        settings: of members, width and depth.
        generator: a CPU generator that the initial values are drawn from.
    """

    def __init__(
        self,
        widths: tuple[int, int],
        settings: DynamicsSettings,
        generator: torch.Generator | None = None,
    ) -> None:
        self.widths, (d, a), hidden = widths, widths, [settings.width] * settings.depth
        layers = [
            *itertools.pairwise((d + a, *hidden, 2 * (d + 1) + 1)),
            *itertools.pairwise((d, *hidden, 2 * a)),
            (1, d + 1 + a),  # what the upper and the lower bounds of log-variances have moved by
        ]
        super().__init__(layers, settings.members, generator)
        with torch.no_grad():
            for moved in self.affine()[-1]:
                moved.zero_()

    def weights(self) -> list[Tensor]:
        """Return what decays: weights, and no bounds."""
        return super().weights()[:-1]

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the upper and lower soft bounds (K, 1, d + 1 + a) of log-variances."""
        high, low = self.affine()[-1]
        return BOUNDS[0] + high, BOUNDS[1] + low

    def dynamics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log-variance (K, B, d + 1) of (r, s' - s), and a terminal's logit.

        Args:
            x: (K or 1, B, d + a) states and actions.
        """
        n = self.widths[0] + 1
        layers = self.affine()[: len(self.layers) // 2]
        mean, raw, logit = self._through(layers, x).split((n, n, 1), dim=-1)
        return mean, self._bounded(raw, slice(0, n)), logit

    def policy(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (K, B, a) of the action in states x (K or 1, B, d)."""
        layers = self.affine()[len(self.layers) // 2 : -1]
        mean, raw = self._through(layers, x).chunk(2, dim=-1)
        return mean.tanh(), self._bounded(raw, slice(self.widths[0] + 1, None))

    def _through(self, layers: list[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        x = x.expand(len(self.flat), -1, -1)
        for n, (weight, bias) in enumerate(layers):
            x = linear(silu(x) if n else x, weight, bias)
        return x

    def _bounded(self, raw: Tensor, columns: slice) -> Tensor:
        high, low = (bound[..., columns] for bound in self.bounds())
        return low + softplus(high - softplus(high - raw) - low)

    def losses(self, rows: Tensor) -> Tensor:
        """Return what each member's model and policy lose (K,): means over rows and columns.

        That is twice the negative log-likelihood of (r, s' - s) and of the action, and a terminal's
        cross-entropy.

        Args:
            rows: (K or 1, B, 2 d + a + 2): s, a, r, s' - s, terminal.
        """
        d, a = self.widths
        states, actions, targets, ended = rows.split((d, a, d + 1, 1), dim=-1)
        mean, log_variance, logit = self.dynamics(rows[..., : d + a])
        action, spread = self.policy(states)
        lost = (
            (mean - targets).square() / log_variance.exp() + log_variance,
            (action - actions).square() / spread.exp() + spread,
            softplus(logit) - ended * logit,
        )
        return torch.stack([part.mean(dim=(1, 2)) for part in lost]).sum(dim=0)


class Best(EMA):
    """In place of a moving average: of each member the weights that lost least on held-out rows.

    Args:
        network: in training.
        rows: (1, B, D) held out.
        settings: `ema_update_every` is how many calls of `update` there are between looks at them.

    Attributes:
        losses: (K,) of these weights.
    """

    def __init__(self, network: Members, rows: Tensor, settings: DiffusionSettings) -> None:
        super().__init__(network.flat, settings)
        self._network, self._rows = network, rows
        self.losses = torch.full((len(network.flat),), torch.inf, device=rows.device)

    @torch.no_grad()
    def update(self, weights: Tensor) -> None:
        """Take one step's `weights` (K, P), which are the network's, into account."""
        self.calls += 1
        if self.calls % self._settings.ema_update_every == 0:
            losses = self._network.losses(self._rows)
            self.average = weights.where((losses < self.losses)[:, None], self.average)
            self.losses = losses.minimum(self.losses)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {**super().state(), "losses": self.losses}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        super().restore(state)
        self.losses.copy_(state["losses"])


class DynamicsTrainer(Trainer):
    """Fits the members, each to a bootstrap of the rows, by Adam at a constant learning rate.

    Args:
        rows: (N, 2 d + a + 2) normalised: s, a, r, s' - s, terminal.
        widths: d and a.
        settings: hyperparameters.
        seed: of the initial values, and of which rows are held out and drawn.
    """

    fits: ClassVar[str] = "the model of the dynamics"
    ema: Best

    def __init__(
        self, rows: Tensor, widths: tuple[int, int], settings: DynamicsSettings, seed: int
    ) -> None:
        s, device = settings, rows.device
        self._like = (widths, s)
        own = {name: getattr(s, name) for name in OPTIMISED}
        own["ema_update_every"] = min(s.evaluate_every, s.steps)
        adam: dict[str, Any] = {"betas": (0.9, 0.999), "gradient_clip": math.inf}
        super().__init__(rows, DiffusionSettings(**own, **adam, precision="float32"), seed)
        chance = stream("cpu", seed, DRAWN_ROWS)
        order = torch.randperm(len(rows), generator=chance)
        number = min(int(HELD_OUT * len(rows)), MOST_HELD_OUT)
        held_out, left = order[:number], order[number:]
        drawn = torch.randint(len(left), (s.members, len(left)), generator=chance)
        self._drawn = left[drawn].to(device)
        self._orders = [RowOrder(len(left), s.batch_size, seed, device)]
        self.ema = Best(self.network, rows[held_out.to(device)][None], self._settings)

    def _fresh(self, dim: int, seeds: Sequence[int]) -> Members:
        return Members(*self._like, stream("cpu", seeds[0], INITIAL_VALUES))

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of step `step`: the same at all."""
        return self._settings.learning_rate

    @staticmethod
    def loss(network: Any, settings: Any, y: Tensor, draws: Tensor) -> Tensor:
        """Return the loss (), summed over members, of rows y (K, B, D); `draws` are none."""
        high, low = network.bounds()
        return network.losses(y).sum() + BOUNDS_PULL * (high - low).sum()

    def _minibatch(self) -> tuple[Tensor, Tensor]:
        y = self._rows[0, self._drawn[:, self._orders[0].batch(self.done)]]
        return y, y.new_empty(0)
