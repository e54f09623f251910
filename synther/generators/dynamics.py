"""Rollouts in a learned model of the dynamics, with rewards less the model's uncertainty.

Source: Yu et al. 2020 (MOPO, arXiv 2005.13239) and the authors' code. There the policy that learns
acts in the rollouts. A generator has none: here a policy acts that imitates the data
(docs/deviations.md).
"""

import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion.trainer import SAMPLES, stream
from synther.generators.members import DynamicsSettings, DynamicsTrainer, Members
from synther.generators.normaliser import EPSILON, Normaliser
from synther.generators.trained import Trained
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.threads import mathematics
from synther.transitions import Transitions

CHUNK = 4096
LEAST_ROWS = 10


class Dynamics(Trained):
    """An ensemble of models of the dynamics and of the data's policy, and states to start from.

    Members are fitted to normalised rows: columns are standardised, actions scaled from their range
    to [-1, 1], so that the policies' means, a hyperbolic tangent, reach all of it.
    """

    name = "dynamics"
    words = "model of the dynamics"
    settings_type = DynamicsSettings
    sampling_settings = frozenset(("horizon", "penalty", "uncertainty"))
    chunk = CHUNK
    sizes = ("members", "width", "depth")
    kept = ("elites", "starts")
    content = ("format", "description", "flat", "mean", "std", *kept)

    elites: Tensor
    """Numbers of the members that roll out."""
    starts: Tensor
    """(N, d) states where rollouts begin."""

    def _fit(
        self, transitions: Transitions, seed: int, progress: bool, checkpoint: Checkpoint | None
    ) -> None:
        if len(transitions) < LEAST_ROWS:
            raise SyntherError(f"{len(transitions)} transitions are too few to fit {self.name}")
        d, a = self._widths
        rows = transitions.packed()
        rows[:, d + a + 1 : -1] -= rows[:, :d]
        normaliser = Normaliser.fit(rows, [rows.shape[1] - 1], self.device)
        low, high = (
            torch.as_tensor(bound, device=self.device)
            for bound in (transitions.actions.min(axis=0), transitions.actions.max(axis=0))
        )
        normaliser.mean[d : d + a] = (low + high) / 2
        normaliser.std[d : d + a] = ((high - low) / 2).clamp(min=EPSILON)
        data = normaliser.forward(torch.as_tensor(rows, device=self.device))
        trainer = DynamicsTrainer(data, (d, a), self.settings, seed)
        network = trainer.run(f"fit {self.name}" if progress else "", checkpoint)
        self.elites = trainer.ema.losses.argsort()[: self.settings.elites]
        self._learned = network, normaliser
        self.start_from(transitions)

    def start_from(self, transitions: Transitions) -> None:
        """Let rollouts begin at the states s of these transitions.

        Raises:
            SyntherError: the model is not fitted, or to other widths.
        """
        self._fitted()
        if transitions.observation_dim != self._widths[0]:
            raise SyntherError(
                f"the states have {transitions.observation_dim} dimensions, those that the model "
                f"of the dynamics was fitted to {self._widths[0]}"
            )
        self.starts = torch.tensor(transitions.observations, device=self.device)

    def predict(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return every member's mean and standard deviation of (r, s' - s), and P(terminal).

        Args:
            states: (B, d).
            actions: (B, a).

        Returns:
            (K, B, d + 1) twice, in the data's units, and (K, B).
        """
        network, normaliser = self._fitted()
        x, first = torch.cat((states, actions), dim=1), sum(self._widths)
        x = (x - normaliser.mean[:first]) / normaliser.std[:first]
        mean, log_variance, logit = network.dynamics(x[None])
        scale, centre = normaliser.std[first:-1], normaliser.mean[first:-1]
        return mean * scale + centre, (log_variance / 2).exp() * scale, logit[..., 0].sigmoid()

    def uncertainty(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return u(s, a) (B,) of what `predict` returns, in the data's units."""
        if self.settings.uncertainty == "std":
            return std.norm(dim=-1).amax(dim=0)
        following = mean[..., 1:]
        return (following - following.mean(dim=0)).norm(dim=-1).amax(dim=0)

    @torch.inference_mode()
    def _part(self, rows: int, seed: int, index: int) -> Transitions:
        """Return rollouts of h steps, side by side; where one ends, another begins in its place."""
        (network, normaliser), generator = self._fitted(), stream(self.device, seed, SAMPLES, index)
        s, (d, a) = self.settings, self._widths
        side = -(-rows // s.horizon)
        every, parts = torch.arange(side, device=self.device), []
        device = {"generator": generator, "device": self.device}

        def begin() -> Tensor:
            return self.starts[torch.randint(len(self.starts), (side,), **device)]

        def drawn(mean: Tensor, std: Tensor) -> Tensor:
            mean, std = mean[acting, every], std[acting, every]
            return mean + std * torch.randn(mean.shape, **device)

        states = begin()
        with mathematics(network.operations(side), self.device):
            for _ in range(s.horizon):
                acting = self.elites[torch.randint(len(self.elites), (side,), **device)]
                seen = (states - normaliser.mean[:d]) / normaliser.std[:d]
                centre, spread = network.policy(seen[None])
                actions = drawn(centre, (spread / 2).exp()).clamp(-1, 1)
                actions = actions * normaliser.std[d : d + a] + normaliser.mean[d : d + a]
                mean, std, ends = self.predict(states, actions)
                rewards, changes = drawn(mean, std).split((1, d), dim=1)
                rewards = rewards - s.penalty * self.uncertainty(mean, std)[:, None]
                ended = torch.rand((side, 1), **device) < ends[acting, every, None]
                following = states + changes
                parts.append(torch.cat((states, actions, rewards, following, ended), dim=1))
                states = torch.where(ended, begin(), following)
        return Transitions.unpack(torch.cat(parts)[:rows].cpu().numpy(), d, a)

    def _columns(self) -> int:
        return 2 * self._widths[0] + self._widths[1] + 2

    def _make_network(self) -> Members:
        return Members(self._widths, self.settings)
