"""The benchmark: what it counts and how it reports; and that no hot path has collapsed."""

import itertools
import json
import os
import time

import numpy as np
import pytest
import torch
from plain_networks import layers_of, networks_of

from synther.agents import make_agent
from synther.bench import agents, data, diffusion, run, simulators
from synther.bench.measure import MatrixProducts, Measurement, seconds
from synther.cli import main


def test_matrix_products_are_counted_and_replayed():
    x, w, v = torch.randn(8, 5), torch.randn(5, 7, requires_grad=True), torch.randn(3, 7, 2)
    with MatrixProducts() as products:
        hidden = x @ w
        out = torch.bmm(hidden.expand(3, 8, 7), v)
        out.sum().backward()
    # forward: 8x5x7 and 3 of 8x7x2; backward: 3 of 8x2x7 (to hidden), then 5x8x7 (to w)
    assert products.flops == 2 * (8 * 5 * 7 + 3 * 8 * 7 * 2 + 3 * 8 * 2 * 7 + 5 * 8 * 7)
    assert [(tuple(a.shape), tuple(b.shape)) for a, b, _ in products.operands] == [
        ((8, 5), (5, 7)),
        ((3, 8, 7), (3, 7, 2)),
        ((3, 8, 2), (3, 2, 7)),
        ((5, 8), (8, 7)),
    ]
    assert products.operands[3][0].stride() == (1, 5)  # x transposed, not copied
    products.replay()()


def test_every_product_of_an_update_is_replayed():
    agent = make_agent("td3_bc", agents.D, agents.A, (0, 1))
    loop = agents.stacked_loop(agent, "cpu", rows=500)
    loop()
    with MatrixProducts() as products:
        loop()  # the second update trains the actor too
    b, d, a, h = 256, agents.D, agents.A, 256
    actor = d * h + h * h + h * a
    critic = (d + a) * h + h * h + h
    # a forward pass is 1, and its gradients are 2: to the weights and to the inputs, but for the
    # first layer's inputs, where nothing asks for them, and the single output, whose is no product
    critics = 2 * (3 * critic - (d + a) * h - h)
    through = 2 * critic - d * h - h  # Q_1(s, pi(s)): forward, and the gradient to pi(s) alone
    policy = 3 * actor - d * h
    targets = actor + 2 * critic
    assert products.flops == 2 * 2 * b * (targets + critics + through + policy)


def test_products_in_one_place_are_replayed_in_one_place():
    buffers = [torch.randn(2, 3), torch.empty(2, 2)]
    with MatrixProducts() as products:
        for _ in range(2):
            torch.mm(buffers[0], buffers[0].t(), out=buffers[1])
    (a, b, result), other = products.operands
    assert all(x is y for x, y in zip((a, b, result), other, strict=True))
    assert (tuple(b.shape), b.stride()) == ((3, 2), (1, 3))


@pytest.mark.parametrize("name", agents.COMPILED)
def test_compiled_agents_learn_what_the_plain_ones_learn(name):
    jax = pytest.importorskip("jax", reason="JAX, the optional extra `jax`, is not installed")
    with jax.enable_x64(True):
        stacked = make_agent(name, agents.D, agents.A).double()
        plain = agents.plain_agent(name, stacked)
        compiled = agents.compiled_agent(name, stacked)
        update, state = jax.jit(compiled.update), compiled.state
        g = torch.Generator().manual_seed(0)
        for _ in range(5):
            s, a, s2 = (torch.randn(32, n, generator=g).double() for n in (17, 6, 17))
            batch = [s, torch.tanh(a), s[:, 0], s2, (s[:, 1] > 1).double()]
            noise = {n: torch.randn(32, 6, generator=g).double() for n in stacked.noise()}
            plain.update(batch, noise)
            arrays = [jax.numpy.asarray(column.numpy()) for column in batch]
            state = update(
                state, arrays, {n: jax.numpy.asarray(z.numpy()) for n, z in noise.items()}
            )
        for net, found in (
            ("actor", state["actor"]),
            ("target_critics", state["target_critics"][1]),
        ):
            found = found["mean"] if isinstance(found, dict) else found
            expected = layers_of(networks_of(plain)[net][-1])
            for layer, wanted in zip(found, expected, strict=True):
                for value, other in zip(layer, wanted, strict=True):
                    np.testing.assert_allclose(np.asarray(value), other.numpy(), rtol=0, atol=1e-9)


def test_times_are_in_proportion():
    short, long = seconds([lambda: time.sleep(0.002), lambda: time.sleep(0.008)], least=0.02)
    assert 1.5 < long / short < 8


def test_a_row_says_whether_its_target_is_met():
    slow = Measurement(
        "agents", "td3_bc, 1 seed", "seed-updates/s", 50.0, 100.0, "plain", target=1.5
    )
    assert slow.ratio == 0.5
    assert slow.met is False
    assert run.row(slow)[-2:] == ("≥ 1.5", "MISSED")
    quick = Measurement("start-up", "synther --help", "s", 0.12, target=0.3, at_most=True)
    assert run.row(quick)[1:] == ("0.120 s", "", "", "", "≤ 0.3", "met")
    table = run.markdown([slow, quick]).splitlines()
    assert len(table) == 4
    assert len({len(line) for line in table}) == 1


def test_the_file_holds_rates_hardware_and_versions(tmp_path):
    found = [
        Measurement("agents", "td3_bc, 1 seed", "seed-updates/s", 150.0, 100.0, "plain"),
        Measurement("agents", "td3_bc, 8 seeds", "seed-updates/s", 300.0, 100.0, "plain"),
        Measurement("diffusion", "sampling, width 2048", "rows/s", 90.0),
        Measurement("diffusion", "training, width 2048", "rows/s", 800.0),
        Measurement(
            "evaluation", "halfcheetah, 80 episodes", "steps/s", 9000.0, 12000.0, "rollout"
        ),
    ]
    record = json.loads(run.save(found, "cpu", tmp_path).read_text())
    assert record["rates"] == {
        "agent_seed_updates_per_s": {"td3_bc": 300.0},
        "env_steps_per_s": {"halfcheetah": 9000.0},
        "samples_per_s": 90.0,
        "diffusion_fit_rows_per_s": 800.0,
    }
    assert record["hardware"]["device"] == "cpu"
    assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert len(record["measurements"]) == 5


def test_an_unknown_section_offers_the_nearest(tmp_path, capsys):
    assert main(["bench", "--sections", "agent", "--out", str(tmp_path)]) == 1
    assert "did you mean agents" in capsys.readouterr().err


def test_the_recorded_episodes_are_those_of_evaluation():
    from synther.agents.td3_bc import TD3BC, TD3BCSettings
    from synther.envs import make_batched_env
    from synther.training.evaluate import Standardiser

    env = make_batched_env(simulators.TASK, 2, threads=1)
    env.time_limit = 5
    d, a = env.observation_dim, env.action_dim
    agent = TD3BC(d, a, [0, 1], TD3BCSettings(hidden=(8,)))
    identity = Standardiser(np.zeros(d), np.ones(d))
    starts, controls = simulators.episodes(env, agent, identity)
    assert controls.shape == (2, 5 * env.task.frame_skip, a)
    end = env.snapshot()["states"]
    states, _ = env._rollout.rollout(env.model, env._data, starts, controls)
    np.testing.assert_allclose(states[:, -1], end, atol=1e-9)


@pytest.mark.slow
def test_no_hot_path_has_collapsed(monkeypatch):
    """Bounds far from what is measured (docs/performance.md): a fault, not a busy machine."""
    monkeypatch.setattr(agents, "PLAIN", {n: agents.PLAIN[n] for n in ("td3_bc", "iql")})
    monkeypatch.setattr(simulators, "STEPS", 50)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = {
            (m.name, m.against): m.ratio
            for m in itertools.chain(
                agents.measure("cpu", rows=2000, least=0.05),
                diffusion.measure("cpu", width=512, least=0.1),
                simulators.measure("cpu", least=0.1),
                data.measure("cpu", rows=100_000, least=0.05),
            )
            if m.ratio is not None
        }
    finally:
        torch.set_num_threads(threads)
    plain = {name: ratio for (name, against), ratio in found.items() if "plain" in against}
    assert plain["td3_bc, 1 seed"] > 0.75
    assert plain["td3_bc, 8 seeds"] > 0.75
    assert plain["iql, 1 seed"] > 0.75
    products = {name: r for (name, against), r in found.items() if "products" in against}
    assert products["training, width 512"] > 0.3
    assert products["sampling, width 512"] > 0.3
    beside = {against: ratio for (_, against), ratio in found.items()}
    assert beside["mujoco.rollout, same actions"] > 0.02


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_agents_are_measured_on_one_core_and_the_others_come_back(monkeypatch):
    before, seen = os.sched_getaffinity(0), []

    def measured(device):
        seen.append((os.sched_getaffinity(0), torch.get_num_threads()))
        yield Measurement("agents", "td3_bc", "updates/s", 1.0, 1.0, "itself")

    monkeypatch.setattr(agents, "measure", measured)
    assert len(list(run.measure("cpu", ["agents"]))) == 1
    assert seen == [({min(before)}, 1)]
    assert os.sched_getaffinity(0) == before
