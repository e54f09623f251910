"""TD3+BC with more regularisation: closer to the data, and weights that decay.

What samples of a small dataset are to be held against: it costs nothing. Sources: TD3+BC (arXiv
2106.06860); the decay of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).
"""

from dataclasses import dataclass

from synther.agents.td3_bc import TD3BC, TD3BCSettings
from synther.config.settings import require


@dataclass(frozen=True)
class RegularisedSettings(TD3BCSettings):
    """TD3+BC's settings, and the decay."""

    alpha: float = 1.0
    weight_decay: float = 0.1
    """Times the learning rate, the part of actor and critics that an update takes off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "0 or more", lambda v: v >= 0, "weight_decay")


class RegularisedTD3BC(TD3BC):
    """K TD3+BC agents with AdamW in place of Adam."""

    Settings = RegularisedSettings
    title = "TD3+BC, regularised"
    settings: RegularisedSettings
