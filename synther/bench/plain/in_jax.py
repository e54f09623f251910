"""Plain TD3+BC, IQL and SAC in JAX: what a compiled implementation of one seed is.

As `synther.bench.plain.core` has them, but functional: `update(state, batch, noise)` returns the
next state, a dictionary, and everything of it is compiled at once.
"""

import math

import jax
import jax.numpy as jnp


def network(layers):
    """A ReLU network with the given weights (in, out) and biases (out,), torch's tensors."""
    return [(jnp.asarray(w.numpy()), jnp.asarray(b.numpy())) for w, b in layers]


def apply(layers, x):
    *hidden, (w, b) = layers
    for v, c in hidden:
        x = jax.nn.relu(x @ v + c)
    return x @ w + b


def q_value(critic, states, actions):
    return apply(critic, jnp.concatenate([states, actions], axis=-1))[:, 0]


def moments(parameters):
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return {"m": zeros, "v": zeros, "n": jnp.zeros((), jnp.int32)}


def adam(parameters, gradients, state, rate):
    """One step of Adam, its bias corrections in the rate as PyTorch has them."""
    n = state["n"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], gradients)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, state["v"], gradients)
    scale, root = rate / (1 - 0.9**n), 1 / jnp.sqrt(1 - 0.999**n)
    moved = jax.tree.map(
        lambda p, m, v: p - scale * m / (jnp.sqrt(v) * root + 1e-8), parameters, m, v
    )
    return moved, {"m": m, "v": v, "n": n}


def track(target, source, tau):
    return jax.tree.map(lambda t, s: (1 - tau) * t + tau * s, target, source)


class Agent:
    """`learned` networks have an optimizer each; `state` also holds the targets."""

    def __init__(self, learned, targets, rate=3e-4, gamma=0.99, tau=0.005):
        self.state = {**learned, **targets, "adam": {n: moments(p) for n, p in learned.items()}}
        self.rate, self.gamma, self.tau = rate, gamma, tau

    def descend(self, state, name, loss, rate=None, aux=False):
        """Follow the gradient of `loss(parameters)` of one network once."""
        gradients = jax.grad(loss, has_aux=aux)(state[name])
        gradients, *found = gradients if aux else (gradients,)
        rate = self.rate if rate is None else rate
        moved, own = adam(state[name], gradients, state["adam"][name], rate)
        state = {**state, name: moved, "adam": {**state["adam"], name: own}}
        return (state, *found) if aux else state

    def runner(self, columns, shapes, batch_size, updates):
        """Return a compiled `run(state, key)` of many updates on minibatches drawn from columns."""
        names = list(shapes)

        def one(_, carry):
            state, key = carry
            key, first, *others = jax.random.split(key, 2 + len(names))
            rows = jax.random.randint(first, (batch_size,), 0, len(columns[0]))
            noise = {n: jax.random.normal(k, shapes[n]) for n, k in zip(names, others, strict=True)}
            return self.update(state, [c[rows] for c in columns], noise), key

        def run(state, key):
            return jax.lax.fori_loop(0, updates, one, (state, key))

        return jax.jit(run, donate_argnums=(0, 1))


class TD3BC(Agent):
    def __init__(self, actor, critics, alpha=2.5, every=2, **options):
        actor, critics = network(actor), [network(critic) for critic in critics]
        learned = {"actor": actor, "critics": critics}
        super().__init__(learned, {"target_actor": actor, "target_critics": critics}, **options)
        self.state["count"], self.alpha, self.every = jnp.zeros((), jnp.int32), alpha, every

    def update(self, state, batch, noise):
        s, a, r, s2, terminal = batch
        epsilon = jnp.clip(0.2 * noise["next_action"], -0.5, 0.5)
        a2 = jnp.clip(jnp.tanh(apply(state["target_actor"], s2)) + epsilon, -1, 1)
        q2 = jnp.minimum(*(q_value(critic, s2, a2) for critic in state["target_critics"]))
        y = r + self.gamma * (1 - terminal) * q2

        def critic_loss(critics):
            return sum(((q_value(critic, s, a) - y) ** 2).mean() for critic in critics)

        def actor_loss(actor):
            pi = jnp.tanh(apply(actor, s))
            q = q_value(state["critics"][0], s, pi)
            weight = jax.lax.stop_gradient(self.alpha / jnp.abs(q).mean())
            return ((pi - a) ** 2).mean() - weight * q.mean()

        def policy(state):
            state = self.descend(state, "actor", actor_loss)
            for name in ("actor", "critics"):
                target = f"target_{name}"
                state = {**state, target: track(state[target], state[name], self.tau)}
            return state

        state = self.descend(state, "critics", critic_loss)
        state = {**state, "count": state["count"] + 1}
        return jax.lax.cond(state["count"] % self.every == 0, policy, lambda state: state, state)


class IQL(Agent):
    def __init__(self, actor, critics, value, steps=1_000_000, **options):
        actor, critics = network(actor), [network(critic) for critic in critics]
        policy = {"mean": actor, "log_std": jnp.zeros_like(actor[-1][1])}
        learned = {"actor": policy, "critics": critics, "value": network(value)}
        super().__init__(learned, {"target_critics": critics}, **options)
        self.steps = steps

    def update(self, state, batch, noise):
        s, a, r, s2, terminal = batch
        next_v = apply(state["value"], s2)[:, 0]
        q = jnp.minimum(*(q_value(critic, s, a) for critic in state["target_critics"]))
        u = q - apply(state["value"], s)[:, 0]
        y = r + self.gamma * (1 - terminal) * next_v
        w = jnp.minimum(jnp.exp(3.0 * u), 100.0)
        rate = 0.5 * self.rate * (1 + jnp.cos(math.pi / self.steps * state["adam"]["actor"]["n"]))

        def value_loss(value):
            u = q - apply(value, s)[:, 0]
            return (jnp.where(u < 0, 0.3, 0.7) * u**2).mean()

        def critic_loss(critics):
            return sum(((q_value(critic, s, a) - y) ** 2).mean() for critic in critics) / 2

        def actor_loss(actor):
            log_std = jnp.clip(actor["log_std"], -5, 2)
            z = (a - apply(actor["mean"], s)) * jnp.exp(-log_std)
            return (w * (0.5 * z**2 + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)).mean()

        state = self.descend(state, "value", value_loss)
        state = self.descend(state, "critics", critic_loss)
        state = self.descend(state, "actor", actor_loss, rate)
        tracked = track(state["target_critics"], state["critics"], self.tau)
        return {**state, "target_critics": tracked}


class SAC(Agent):
    def __init__(self, actor, critics, **options):
        actor, critics = network(actor), [network(critic) for critic in critics]
        learned = {
            "actor": actor,
            "critics": critics,
            "log_alpha": jnp.zeros((), actor[0][0].dtype),
        }
        super().__init__(learned, {"target_critics": critics}, **options)

    def sample(self, actor, states, noise):
        mean, log_std = jnp.split(apply(actor, states), 2, axis=-1)
        log_std = jnp.clip(log_std, -20, 2)
        action = jnp.tanh(mean + jnp.exp(log_std) * noise)
        gaussian = -0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)
        return action, (gaussian - jnp.log(1 - action**2 + 1e-6)).sum(-1)

    def update(self, state, batch, noise):
        s, a, r, s2, terminal = batch
        alpha = jnp.exp(state["log_alpha"])
        a2, log_pi2 = self.sample(state["actor"], s2, noise["next_action"])
        q2 = jnp.minimum(*(q_value(critic, s2, a2) for critic in state["target_critics"]))
        y = r + self.gamma * (1 - terminal) * (q2 - alpha * log_pi2)

        def critic_loss(critics):
            return sum(((q_value(critic, s, a) - y) ** 2).mean() for critic in critics)

        def actor_loss(actor):
            pi, log_pi = self.sample(actor, s, noise["policy"])
            q = sum(q_value(critic, s, pi) for critic in state["critics"]) / len(state["critics"])
            return (alpha * log_pi - q).mean(), log_pi.mean()

        state = self.descend(state, "critics", critic_loss)
        tracked = track(state["target_critics"], state["critics"], self.tau)
        state = {**state, "target_critics": tracked}
        state, log_pi = self.descend(state, "actor", actor_loss, aux=True)
        target_entropy = -a.shape[-1]
        return self.descend(
            state, "log_alpha", lambda log_alpha: -log_alpha * (log_pi + target_entropy)
        )
