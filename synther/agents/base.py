"""What every agent is to the training loops."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from synther.agents.networks import FlatParameters, seed_generators
from synther.config.settings import require
from synther.tensors.optimizer import Adam


class Batch(NamedTuple):
    """A minibatch for each of K seeds."""

    observations: Tensor
    """(K, B, d); of an agent that sees pixels (K, B, C, H, W) uint8, or latents (K, B, L)"""
    actions: Tensor
    """(K, B, a)"""
    rewards: Tensor
    """(K, B), or n-step returns"""
    next_observations: Tensor
    """as observations, one step on, or n"""
    terminals: Tensor
    """(K, B), 1.0 where the episode has ended there"""

    def bellman(self, discount: float, next_value: Tensor) -> Tensor:
        """Return r + gamma (1 - terminal) V(s') (K, B)."""
        return torch.addcmul(self.rewards, 1.0 - self.terminals, next_value, value=discount)


@dataclass(frozen=True)
class LearningSettings:
    """Settings that every agent has; its own class adds to them."""

    steps: int = 1_000_000
    """Updates in all; of an agent that learns online environment steps a seed."""
    batch_size: int = 256
    """Transitions a seed and update."""
    eval_every: int = 5_000
    """Steps between evaluations."""
    eval_episodes: int = 10
    """Episodes a seed and evaluation."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of actor and critics."""

    def __post_init__(self) -> None:
        require(self, "at least 1", lambda v: v >= 1, *self._counts())
        require(self, "widths of at least 1", lambda v: min(v, default=1) >= 1, "hidden")
        rates = [f.name for f in fields(self) if f.name.endswith("learning_rate")]
        require(self, "above 0", lambda v: v > 0, *rates)

    def _counts(self) -> tuple[str, ...]:
        """Return the settings that are 1 or more."""
        return ("steps", "batch_size", "eval_every", "eval_episodes")


@dataclass(frozen=True)
class OfflineSettings(LearningSettings):
    """Settings that every offline agent has; its own class adds to them."""

    normalise_states: bool = False
    """Standardise states with the real dataset's mean and std + 1e-3."""
    reward_shift: float = 0.0
    """Added to every reward (AntMaze: -1)."""
    scale_rewards: bool = False
    """Multiply rewards by time limit / (largest - smallest return) of the real dataset."""


@dataclass(frozen=True)
class BellmanSettings(OfflineSettings):
    """Settings of offline agents whose critics learn from their targets' values."""

    discount: float = 0.99
    """gamma."""
    tau: float = 0.005
    """Step of the target networks towards those that learn."""


@dataclass(frozen=True)
class OnlineSettings(LearningSettings):
    """Settings that every online agent has; its own class adds to them."""

    steps: int = 100_000
    eval_every: int = 1_000
    random_steps: int = 5_000
    """Steps with uniformly random actions, during which nothing is learned."""
    updates_per_step: int = 1
    """Critic updates an environment step (the update-to-data ratio); the policy has one."""
    replay_size: int = 1_000_000
    """Real transitions a seed that are kept; then the oldest give way."""
    n_step: int = 1
    """Steps that a row of replay and samples spans; up to the time limit."""
    synthetic_share: float = 0.0
    """Of every batch, once there are samples; 0: no generator at all."""
    retrain_every: int = 10_000
    """Environment steps between trainings of a new diffusion model on the replay buffer."""
    fine_tune_steps: int = 0
    """Of a training that goes on from the last model's weights, as all but the first then do; 0:
    each begins with fresh weights and has the diffusion's own steps."""
    synthetic_samples: int = 1_000_000
    """Transitions a seed drawn from each such model; they replace the last one's."""
    overwrite_rollout: bool = False
    """Reproduce a fault of the released code before 2026-04-16: after a training the agent acts
    once on the last synthetic observation, and that transition is stored."""
    diffusion: dict = field(default_factory=dict)
    """The generator's settings, over its defaults."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "from 0 to 1", lambda v: 0 <= v <= 1, "synthetic_share")
        require(self, "0 or more", lambda v: v >= 0, "fine_tune_steps")
        least = self.n_step - 1  # before which there is no row
        require(self, f"{least} or more", lambda v: v >= least, "random_steps")

    def _counts(self) -> tuple[str, ...]:
        own = ("updates_per_step", "replay_size", "retrain_every", "synthetic_samples", "n_step")
        return (*super()._counts(), *own)


class Agent(nn.Module, ABC):
    """K agents of one kind, one a seed, trained and evaluated together.

    Args:
        observation_dim: d.
        action_dim: a; actions lie in [-1, 1].
        seeds: one a stacked agent.
        settings: an instance of the class's `Settings`.
        device: where they compute.
        dtype: of their parameters.
    """

    Settings: ClassVar[type]
    title: ClassVar[str]
    """The name that tables print."""

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        seeds: Sequence[int],
        settings: Any,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.observation_dim, self.action_dim = observation_dim, action_dim
        self.seeds, self.settings = list(seeds), settings
        self.optimizers: dict[str, Adam] = {}
        self.flat: dict[str, FlatParameters] = {}
        self.updates = 0
        self._make_networks(seed_generators(seeds, purpose=0))
        self.to(device=device, dtype=dtype)
        self._make_optimizers()

    def _make_networks(self, generators: Sequence[torch.Generator]) -> None:
        """Make what learns, from a generator a seed; or `__init__` makes all that there is."""

    def _make_optimizers(self) -> None:
        """Make targets and optimizers of networks that are on their device by now."""

    def optimise(self, parts: Mapping[str, Any], rate: float, decay: float = 0.0) -> None:
        """Give each part, a list of modules, a buffer in `flat` and Adam over it, by its name."""
        for name, modules in parts.items():
            self.flat[name] = FlatParameters(modules)
            self.optimizers[name] = self.flat[name].adam(rate, decay)

    def descend(self, loss: Tensor, *parts: str) -> None:
        """Step these parts once down the gradient of a loss ()."""
        for name in parts:
            self.flat[name].zero_grad()
        loss.backward()
        for name in parts:
            self.optimizers[name].step()

    def noise(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes, a seed, of the standard normal numbers that one update takes."""
        return {}

    @abstractmethod
    def update(self, batch: Any, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Learn from one minibatch a seed.

        Args:
            batch: K minibatches, a `Batch`, or what else the agent's table gathers.
            noise: the draws announced by `noise()`, each (K, *shape).

        Returns:
            Numbers for the log, (K, ...) each, which takes their means.
        """

    def phase(self) -> Hashable | None:
        """Return what the count of updates decides about the next one; the same for most agents.

        Updates of one phase are one CUDA graph on a GPU, and one recording on a CPU: they may
        differ in numbers on the device alone. None: they are neither.
        """
        return 0

    @abstractmethod
    def act(self, observations: Tensor) -> Tensor:
        """Return the evaluation's actions (K, n, a) for observations (K, n, d)."""

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state of learning: parameters, optimizers, count of updates."""
        return {
            "parameters": self.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "updates": self.updates,
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self.load_state_dict(snapshot["parameters"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(snapshot["optimizers"][name])
        self.updates = snapshot["updates"]
