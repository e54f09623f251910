"""All learning of one environment step as one call: many critic updates, one policy update."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from synther.agents.base import Batch
from synther.agents.sac import SAC
from synther.tensors.graphed import GraphedCall
from synther.training.replay import Replay, unpack
from synther.training.streams import RandomStreams

CHUNK = 16
"""Environment steps whose draws are made at once: each has those of all its updates."""


class Learner:
    """What an agent does after every environment step.

    Args:
        agent: K stacked agents.
        real: their replay.
        synthetic: samples of their generators, or None. Batches hold `synthetic_share` of these as
            soon as there are any.

    Attributes:
        batches: how many batches were all real, and how many mixed.
    """

    def __init__(
        self, agent: SAC, real: Replay, synthetic: Replay | None, seeds: Sequence[int]
    ) -> None:
        self.agent, self.real, self.synthetic = agent, real, synthetic
        settings = agent.settings
        self._updates = settings.updates_per_step
        self._mixed_rows = int(settings.batch_size * settings.synthetic_share)
        self._widths = (*real.widths, settings.discount ** (settings.n_step - 1))
        parameter = next(agent.parameters())
        noise = agent.noise()
        shapes = {name: (self._updates, *shape) for name, shape in noise.items()}
        uniforms = {"real": (self._updates, settings.batch_size)}
        if synthetic is not None:
            uniforms["synthetic"] = (self._updates, self._mixed_rows)
        self.streams = RandomStreams(
            seeds,
            {**shapes, "policy": noise["policy"]},
            device=str(parameter.device),
            purpose=6,
            dtype=parameter.dtype,
            uniforms=uniforms,
            chunk=CHUNK,
        )
        self.calls = {mixed: GraphedCall(self._learn) for mixed in (False, True)}
        self.batches = {"real": 0, "mixed": 0}

    def learn(self) -> dict[str, Tensor]:
        """Update critics `updates_per_step` times and the policy once; return numbers to log."""
        mixed, before = self.mixed, self.agent.updates
        info = self.calls[mixed](self.streams.next())
        self.agent.updates = before + self._updates  # what is replayed counts nothing
        self.batches["mixed" if mixed else "real"] += self._updates
        return info

    @property
    def mixed(self) -> bool:
        """Whether batches have synthetic rows."""
        return self.synthetic is not None and self.synthetic.size > 0

    def _learn(self, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        info: dict[str, Tensor] = {}
        places = [name for name in ("real", "synthetic") if name in draws]
        noise = [name for name in draws if name not in ("policy", *places)]
        for update in range(self._updates):
            batch = self.batch({name: draws[name][:, update] for name in places})
            info = self.agent.update(batch, {name: draws[name][:, update] for name in noise})
        return info | self.agent.update_policy(batch, {"policy": draws["policy"]})

    def batch(self, places: Mapping[str, Tensor]) -> Batch:
        """Return the minibatch at `places`, (K, B) in [0, 1) each; real rows come first."""
        real = places["real"]
        if self.synthetic is None or not self.mixed:
            return unpack(self.real.gather(real), *self._widths)
        own = self.real.gather(real[:, : real.shape[1] - self._mixed_rows])
        rows = torch.cat([own, self.synthetic.gather(places["synthetic"])], dim=1)
        return unpack(rows, *self._widths)

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs, but for agent and buffers."""
        return {"streams": self.streams.snapshot(), "batches": dict(self.batches)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self.streams.restore(snapshot["streams"])
        self.batches = dict(snapshot["batches"])
