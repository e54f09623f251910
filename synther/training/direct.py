"""Training in Python, without files: agents of `make_agent` on transitions in memory."""

from synther.agents.base import Agent, OfflineSettings
from synther.agents.goals import GoalSettings
from synther.errors import SyntherError
from synther.jobs.progress import Progress
from synther.training.evaluate import Standardiser, evaluate
from synther.training.loop import LOG_EVERY, mean_losses
from synther.training.offline import learning_table
from synther.training.updates import GraphedUpdates, learning_streams
from synther.transitions import Transitions

__all__ = ["evaluate", "learn"]


def learn(
    agent: Agent,
    transitions: Transitions,
    statistics: Transitions | None = None,
    updates: int | None = None,
    time_limit: int | None = None,
    progress: bool = True,
) -> Standardiser:
    """Train offline agents on transitions, each as `synther train` trains it.

    Args:
        agent: K stacked agents, of which seed k draws its minibatches from its own stream.
        transitions: to learn from; all of them lie on the agent's device.
        statistics: the real dataset behind samples, whose state statistics and reward range count;
            `transitions` by default.
        updates: in all; the setting `steps` by default. An agent that has had so many is left as it
            is; one that has had some goes on, with its streams begun anew.
        time_limit: steps an episode of the task (`make_env(TASK).time_limit`); wanted where the
            setting `scale_rewards` is true, and only there.
        progress: whether to show progress on stderr.

    Returns:
        What standardises observations for the agent: `evaluate(agent, env, standardiser)`, or
        `agent.act(standardiser(observations))`.

    Raises:
        SyntherError: the agent learns online, the widths don't fit, rewards are to be scaled and
            there is no time limit, or the losses become NaN or infinite.
    """
    settings, d, a = agent.settings, agent.observation_dim, agent.action_dim
    if not isinstance(settings, OfflineSettings):
        raise SyntherError(f"{agent.title} learns online: train it with `synther online`")
    real = transitions if statistics is None else statistics
    for given in (transitions, real):
        seen = given.observation_dim * (2 if isinstance(settings, GoalSettings) else 1)
        if (seen, given.action_dim) != (d, a):
            raise SyntherError(
                f"transitions of widths {given.observation_dim} and {given.action_dim} for an "
                f"agent of {d} and {a}: make the agent for this task"
            )
    if settings.scale_rewards and time_limit is None:
        raise SyntherError(
            "rewards are scaled by the returns of episodes (scale_rewards): give learn the task's "
            "time_limit, make_env(TASK).time_limit"
        )
    device = str(next(agent.parameters()).device)
    table, standardiser = learning_table(settings, transitions, real, time_limit or 0, device)
    streams = learning_streams(agent, table, device)
    update = GraphedUpdates(agent, table)
    last, name = settings.steps if updates is None else updates, agent.title
    with Progress(last, name if progress else "", "update", done=agent.updates) as shown:
        while agent.updates < last:
            info = update(streams.next())
            if agent.updates % LOG_EVERY == 0 or agent.updates == last:
                shown.show(mean_losses(info, name, agent.updates, "the transitions"))
            shown.advance()
    return standardiser
