"""Reduced datasets, drawn at random or as whole trajectories; mixtures; rows of n steps."""

import numpy as np

from synther.errors import SyntherError, unknown_name
from synther.transitions import Span, Transitions

WAYS = ("transitions", "trajectories")


def trajectory_ids(transitions: Transitions) -> np.ndarray:
    """Return the number of each row's trajectory (N,), counted from 0.

    A trajectory ends at a terminal, and where a row's next observation is not the observation of
    the row after it.

    Raises:
        SyntherError: rows span several steps, and so do not follow on each other.
    """
    if transitions.span.n_step > 1:
        raise SyntherError(f"rows of {transitions.span} have no trajectories: give those of a step")
    breaks = transitions.terminals[:-1] > 0.5
    jumps = transitions.next_observations[:-1] != transitions.observations[1:]
    starts = np.concatenate([[False], breaks | jumps.any(axis=1)])
    return np.cumsum(starts)


def last_rows(transitions: Transitions) -> np.ndarray:
    """Return the last row (N,) of each row's trajectory."""
    ids = trajectory_ids(transitions)
    ends: np.ndarray = np.searchsorted(ids, np.arange(ids[-1] + 1), side="right") - 1
    return ends[ids]


def n_step(transitions: Transitions, n: int, discount: float) -> Transitions:
    """Return rows of n steps: (s_t, a_t, sum of gamma^i r_{t+i} for i < n, s_{t+n}, terminal).

    Fewer than n steps before its trajectory ends in a terminal state, a row sums the rewards that
    are left: nothing is bootstrapped there, so that it needs no steps more. The last n - 1 rows of
    a trajectory that was cut, by a time limit or the end of the data, are left out: they would be
    bootstrapped with another power of gamma than all others.

    Args:
        transitions: N of one step, in their recorded order.
        n: steps, 2 or more.
        discount: gamma, the agents' own; over 0, at most 1.

    Raises:
        SyntherError: n or the discount is out of range, rows are not of one step, or none is left.
    """
    if n < 2 or not 0 < discount <= 1:
        raise SyntherError(f"{Span(n, discount)} a row: give 2 or more, and a discount up to 1")
    last, rows = last_rows(transitions), np.arange(len(transitions))
    returns = np.zeros(len(rows))
    for step in range(n):
        ahead = np.minimum(rows + step, last)
        returns += np.where(rows + step <= last, discount**step, 0.0) * transitions.rewards[ahead]
    whole = np.flatnonzero((rows + n - 1 <= last) | (transitions.terminals[last] > 0.5))
    if not len(whole):
        raise SyntherError(
            f"no trajectory of the {len(rows)} rows has {n} steps: take rows in recorded order"
        )
    ends = np.minimum(whole + n - 1, last[whole])
    return Transitions(
        transitions.observations[whole],
        transitions.actions[whole],
        returns[whole],
        transitions.next_observations[ends],
        transitions.terminals[ends],
        Span(n, discount),
    )


def subset(
    transitions: Transitions,
    percent: float = 100.0,
    choose: str = "transitions",
    seed: int = 0,
    rows: int | None = None,
) -> Transitions:
    """Return a part of a dataset, its rows in their old order.

    Args:
        transitions: N of them.
        percent: of the N, over 0 and at most 100.
        choose: "transitions", each alone, without replacement: round(N percent / 100) of them; or
            "trajectories", whole ones in random order until that number is reached, the last one
            cut there.
        seed: of the choice. A larger part of the same seed contains a smaller one.
        rows: how many, in place of a percentage.

    Raises:
        SyntherError: the part holds fewer than 2 rows, or is out of range.
    """
    if choose not in WAYS:
        raise unknown_name("way of choosing", choose, WAYS)
    if not 0 < percent <= 100:
        raise SyntherError(f"a subset of {percent}% can't be drawn; it must be over 0, at most 100")
    n = len(transitions)
    wanted = round(n * percent / 100) if rows is None else rows
    if wanted > n:
        raise SyntherError(f"{wanted:,} of {n:,} transitions can't be drawn; take fewer")
    if wanted < 2:
        what = f"{percent}% of {n} transitions is {wanted}" if rows is None else f"it is {wanted}"
        raise SyntherError(f"a subset needs two rows or more, {what}; take a larger one")
    generator = np.random.default_rng(seed)
    if choose == "transitions":
        order = generator.permutation(n)
    else:
        ids = trajectory_ids(transitions)
        rank = generator.permutation(ids[-1] + 1)
        order = np.argsort(rank[ids], kind="stable")
    return transitions[np.sort(order[:wanted])]


def left_out(
    transitions: Transitions, kept: Transitions, number: int, seed: int = 0
) -> Transitions:
    """Return at most `number` transitions of a dataset that equal none of a part of it, `kept`.

    They come in the reverse of the order in which `subset` chooses single ones with this seed: what
    it leaves out of small and large parts alike comes first.

    Raises:
        SyntherError: the part has all of them.
    """
    order = np.random.default_rng(seed).permutation(len(transitions))[::-1]
    whole, part = (np.ascontiguousarray(t.packed()) for t in (transitions, kept))
    whole, part = (rows.view(f"V{rows.strides[0]}")[:, 0] for rows in (whole, part))
    chosen = order[~np.isin(whole, part)[order]][:number]
    if not len(chosen):
        raise SyntherError(
            f"none of the {len(transitions):,} transitions is held out: a loss on others needs a "
            "fit on a share of them, such as source synther-50pct"
        )
    return transitions[chosen]


def mix(real: Transitions, synthetic: Transitions, real_share: float, seed: int = 0) -> Transitions:
    """Return as many rows as `synthetic` has, a share of them real, in random order.

    Both parts are drawn at random: synthetic rows without replacement, real rows as often as needed
    (each row equally often, but for the remainder).

    Raises:
        SyntherError: the share is not between 0 and 1, or the widths differ.
    """
    if not 0 < real_share < 1:
        raise SyntherError(f"real_share is {real_share}; it must lie between 0 and 1")
    widths = [(t.observation_dim, t.action_dim) for t in (real, synthetic)]
    if widths[0] != widths[1]:
        raise SyntherError(f"transitions of widths {widths[0]} and {widths[1]} can't be mixed")
    generator = np.random.default_rng(seed)
    total = len(synthetic)
    wanted = round(total * real_share)
    rounds = [generator.permutation(len(real)) for _ in range(-(-wanted // len(real)))]
    kept = generator.permutation(total)[: total - wanted]
    both = Transitions.concatenate([real[np.concatenate(rounds)[:wanted]], synthetic[kept]])
    return both[generator.permutation(total)]
