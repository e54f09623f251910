"""Which policy would one deploy? The score of the one that a bandit finds by trying policies out.

Offline learning leaves several policies (agents, seeds, settings), and true scores are known only
after episodes in the environment, which are few. Jackson et al. 2025 ("A Clean Slate for Offline
Reinforcement Learning", arXiv 2504.11453) therefore report the expected score of the policy that an
upper-confidence-bound bandit prefers after n episodes. The bandit here is UCB1 (Auer et al. 2002).
"""

from collections.abc import Sequence

import numpy as np

from synther.statistics.intervals import FULL_SCORE, SEED, Estimate, percentiles

RUNS_PER_RESAMPLE = 50
"""Bandits that are run on every resample of the policies."""


def chosen(
    pools: Sequence[np.ndarray], policies: np.ndarray, episodes: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the true scores (runs, episodes) of the policies that bandits prefer.

    Args:
        pools: a policy's episodes, as scores from 0 to 100; a pull draws one of them with
            replacement, and their mean is the policy's true score.
        policies: (runs, arms) indices of `pools`: what each bandit chooses from.
        episodes: pulls of a bandit. All arms are pulled once first, in random order.
        rng: what pulls and ties are drawn from.
    """
    lengths = np.array([len(pool) for pool in pools])
    padded = np.zeros((len(pools), lengths.max()))
    for row, pool in zip(padded, pools, strict=True):
        row[: len(pool)] = pool
    truth = padded.sum(axis=1) / lengths
    runs = np.arange(len(policies))
    pulls, total = np.zeros(policies.shape), np.zeros(policies.shape)
    ties = 1e-6 * rng.random(policies.shape)
    found = np.empty((len(policies), episodes))
    for count in range(episodes):
        tried = np.maximum(pulls, 1)
        bound = total / tried + FULL_SCORE * np.sqrt(2 * np.log(max(count, 1)) / tried)
        arm = np.where(pulls > 0, bound, 1e12 * (1 + ties)).argmax(axis=1)
        policy = policies[runs, arm]
        total[runs, arm] += padded[policy, rng.integers(lengths[policy])]
        pulls[runs, arm] += 1
        means = np.where(pulls > 0, total / np.maximum(pulls, 1), -np.inf)
        found[:, count] = truth[policies[runs, (means + ties).argmax(axis=1)]]
    return found


def expected_scores(
    pools: Sequence[np.ndarray], groups: Sequence[str], episodes: int, reps: int
) -> list[Estimate]:
    """Return the expected score of the preferred policy after 1, 2, ..., `episodes` episodes.

    Args:
        pools: a policy's episodes, as scores.
        groups: of each policy, its agent: the policies of a group (seeds) are resampled together.
        episodes: most episodes tried.
        reps: resamples of the policies, within groups, for the 95% intervals; each runs
            `RUNS_PER_RESAMPLE` bandits.
    """
    rng = np.random.default_rng(SEED)
    arms = np.arange(len(pools))
    runs = reps * RUNS_PER_RESAMPLE
    values = chosen(pools, np.broadcast_to(arms, (runs, len(arms))), episodes, rng).mean(axis=0)
    labels = np.asarray(groups)
    members = [arms[labels == group] for group in dict.fromkeys(groups)]
    if min(map(len, members)) < 2:
        return [Estimate(float(value)) for value in values]
    drawn = np.concatenate([rng.choice(own, (reps, len(own))) for own in members], axis=1)
    scores = chosen(pools, np.repeat(drawn, RUNS_PER_RESAMPLE, axis=0), episodes, rng)
    resampled = scores.reshape(reps, RUNS_PER_RESAMPLE, episodes).mean(axis=1)
    return [percentiles(value, own) for value, own in zip(values, resampled.T, strict=True)]
