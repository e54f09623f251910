"""A table of transitions takes the memory of its data once, and twice while it is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from synther.bench.agents import some_transitions

# In a process of its own: what this one freed already would be taken again, and not seen.
SCRIPT = """
import json, re, sys
import numpy as np
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.transitions import Transitions

def status(name):  # getrusage's would count what this process was forked from
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

before = status("VmRSS")
data = Transitions.load(sys.argv[1])
d = data.observation_dim
table = TransitionTable(data, Standardiser(np.zeros(d), np.ones(d)), 0.0, "cpu")
del data
print(json.dumps([status("VmRSS") - before, status("VmHWM") - before]))
"""


def test_a_table_takes_its_data_once(tmp_path: Path) -> None:
    data = some_transitions(400_000)
    data.save(tmp_path / "data.npz")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "data.npz")],
        capture_output=True,
        check=True,
    )
    kept, at_most = (used / data.packed().nbytes for used in json.loads(done.stdout))
    assert 0.9 < kept < 1.3
    assert at_most < 2.4
