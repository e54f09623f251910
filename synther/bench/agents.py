"""Updates of the stacked agents against plain one-seed agents, and against their products alone."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents import make_agent
from synther.agents.base import Agent
from synther.agents.networks import StackedMLP
from synther.agents.sac import SAC
from synther.bench.measure import MatrixProducts, Measurement, seconds
from synther.bench.plain import core, cql
from synther.tensors.graphed import GraphedCall
from synther.training.offline import TransitionTable
from synther.training.streams import RandomStreams
from synther.training.updates import GraphedUpdates
from synther.transitions import FIELDS, Transitions

ROWS, D, A = 100_000, 17, 6
"""HalfCheetah's and Walker2d's widths."""
STACKS = (1, 8)
COMPILED = ("td3_bc", "iql", "sac")
"""Agents that are held against a plain one in JAX too, where JAX is installed."""
TARGETS = {1: 0.95, 8: 1.1}
"""Least ratio of a stack, a seed, to such a compiled agent."""
OF_THE_PEAK = 0.85
"""Least rate of a stack's products, of that of a core."""
CUBE, UPDATES = 256, 16
"""Side of the product that shows a core's peak; updates that are compiled as one."""


def some_transitions(rows: int, seed: int = 0) -> Transitions:
    """Return made-up transitions of HalfCheetah's widths, which hang together a little."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(rows, D)).astype(np.float32)
    a = np.tanh(rng.normal(size=(rows, A))).astype(np.float32)
    r = s[:, 0] + a.sum(axis=1)
    return Transitions(s, a, r, s + 0.1, rng.random(rows) < 0.001)


PLAIN: dict[str, tuple[Any, dict[str, str]]] = {
    "td3_bc": (core.PlainTD3BC, {"alpha": "alpha"}),
    "bc": (core.PlainBC, {"rate": "learning_rate"}),
    "iql": (core.PlainIQL, {}),
    "edac": (core.PlainEDAC, {"eta": "eta"}),
    "cql": (cql.PlainCQL, {}),
    "sac": (core.PlainSAC, {}),
    "redq": (core.PlainSAC, {"subset": "target_subset"}),
}
"""Plain agents, and the settings that they take by another name."""


def plain_agent(name: str, stacked: Any) -> Any:
    """Return the plain agent with the settings, and the initial weights, of a stack of one."""
    kind, options = PLAIN[name]
    return kind(
        *_networks(stacked), **{k: getattr(stacked.settings, v) for k, v in options.items()}
    )


def plain_loop(plain: Any, stacked: Agent, rows: int, device: str) -> Callable[[], None]:
    """Return one update of a plain agent, as single-file implementations write it."""
    data, batch, shapes = some_transitions(rows), stacked.settings.batch_size, stacked.noise()
    columns = [torch.as_tensor(getattr(data, name), device=device) for name in FIELDS]

    def loop() -> None:
        indices = torch.randint(rows, (batch,), device=device)
        noise = {n: torch.randn(shape, device=device) for n, shape in shapes.items()}
        plain.update([column[indices] for column in columns], noise)

    return loop


def _layers(stack: StackedMLP, copy: int = 0) -> list[tuple[Tensor, Tensor]]:
    pairs = zip(stack.weights, stack.biases, strict=True)
    return [(w[copy].detach().clone(), b[copy, 0].detach().clone()) for w, b in pairs]


def _networks(stacked: Any) -> list[Any]:
    nets: list[Any] = [_layers(getattr(stacked.actor, "mlp", stacked.actor))]  # CQL's is wrapped
    if hasattr(stacked, "critics"):
        nets.append([_layers(stacked.critics, copy) for copy in range(stacked.critics.copies)])
    return [*nets, _layers(stacked.value)] if hasattr(stacked, "value") else nets


def compiled_agent(name: str, stacked: Any) -> Any:
    """Return the plain agent in JAX with the initial weights of a stack of one."""
    from synther.bench.plain import in_jax

    kinds = {"td3_bc": in_jax.TD3BC, "iql": in_jax.IQL, "sac": in_jax.SAC}
    return kinds[name](*_networks(stacked))


def compiled_loop(name: str, stacked: Any, rows: int, updates: int) -> Callable[[], None] | None:
    """Return many updates of the compiled plain agent; None where there is none, or no JAX."""
    if name not in COMPILED or importlib.util.find_spec("jax") is None:
        return None
    import jax

    agent, data = compiled_agent(name, stacked), some_transitions(rows)
    arrays = [np.asarray(getattr(data, field), dtype=np.float32) for field in FIELDS]
    columns = [jax.numpy.asarray(array) for array in arrays]
    run = agent.runner(columns, stacked.noise(), stacked.settings.batch_size, updates)
    carry = [(jax.tree.map(jax.numpy.copy, agent.state), jax.random.key(0))]

    def loop() -> None:
        carry[0] = jax.block_until_ready(run(*carry[0]))

    return loop


def stacked_loop(agent: Agent, device: str, rows: int) -> Callable[[], None]:
    """Return one update of the stack as the training loops make it."""
    table = TransitionTable(some_transitions(rows), device=device)
    streams = RandomStreams(
        agent.seeds, agent.noise(), indices=(rows, agent.settings.batch_size), device=device
    )
    if isinstance(agent, SAC):

        def learn(draws: Any) -> dict[str, Tensor]:
            batch = table.gather(draws["indices"])
            return agent.update(batch, draws) | agent.update_policy(batch, draws)

        graphed: Any = GraphedCall(learn)
    else:
        graphed = GraphedUpdates(agent, table)
    return lambda: graphed(streams.next())


def measure(device: str, rows: int = ROWS, least: float = 0.5) -> Iterator[Measurement]:
    """Measure every agent at the widths of HalfCheetah and the protocol's settings."""
    for name in PLAIN:
        alone = make_agent(name, D, A, device=device)
        with torch.device(device):
            single = plain_agent(name, alone)
        plain = plain_loop(single, alone, rows, device)
        compiled = compiled_loop(name, alone, rows, UPDATES) if device == "cpu" else None
        agents = {k: make_agent(name, D, A, range(k), device) for k in STACKS}
        loops = {k: stacked_loop(agent, device, rows) for k, agent in agents.items()}
        cycle = getattr(alone.settings, "policy_frequency", 1)
        products = {k: MatrixProducts() for k in STACKS}
        for k, loop in loops.items():  # the first calls, of which nothing is captured or recorded
            with products[k]:
                for _ in range(cycle):
                    loop()
        replays = [counter.replay() for counter in products.values()]
        clock = time.process_time if device == "cpu" else time.perf_counter
        peers: list[Callable[[], Any]] = [compiled] if compiled else []
        a, b, c = (torch.randn(CUBE, CUBE, device=device) for _ in range(3))  # kept in the cache
        functions: list[Callable[[], Any]] = [plain, partial(torch.mm, a, b, out=c)]
        functions += [*loops.values(), *replays, *peers]
        plain_time, cube, *times = seconds(functions, device, least, clock=clock)
        took, limits = dict(zip(STACKS, times, strict=False)), times[len(STACKS) :]
        for (k, counter), limit in zip(products.items(), limits, strict=False):
            title = f"{name}, {k} seed{'s' if k > 1 else ''}"
            found = partial(Measurement, "agents", title, "seed-updates/s", k / took[k])
            yield found(1 / plain_time, "plain agent, one seed")
            if compiled:
                yield found(UPDATES / times[-1], "compiled by JAX, one seed", TARGETS[k])
            if k > 1:
                yield found(1 / took[1], "one seed", 1.0)
            yield found(k * cycle / limit, "its matrix products alone")
            if device != "cpu":
                continue  # one such product fills no GPU, and is no limit of many
            done, peak = counter.flops / limit / 1e9, 2e-9 * CUBE**3 / cube
            against, title = "one in the cache, 256 x 256 x 256", f"{title}, products alone"
            yield Measurement("agents", title, "GFLOP/s", done, peak, against, OF_THE_PEAK)
