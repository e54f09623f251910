"""What tests compare of plain agents (`synther.bench.plain`): their networks, layer by layer."""

from torch import nn


def layers_of(net):
    """Return each layer's weight (in, out) and bias (out,)."""
    return [(m.weight.detach().T, m.bias.detach()) for m in net if isinstance(m, nn.Linear)]


def networks_of(plain):
    """Return name -> networks of an agent, its targets included."""
    found = {name: net if isinstance(net, list) else [net] for name, net in vars(plain).items()}
    return {name: nets for name, nets in found.items() if isinstance(nets[0], nn.Module)}
