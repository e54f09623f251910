"""`snakemake --logger synther`: what a run says on a terminal, elsewhere, and when a job fails."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

LOGGER = Path(__file__).parents[2] / "workflow/logger"
SNAKEFILE = """
rule all:
    input: expand("figures/quick/{name}.pdf", name=["table1", "online"])
rule train:
    output: "results/{name}-{seed}.txt"
    log: "logs/{name}-{seed}.log"
    shell:
        "if [ {wildcards.name} = $FAILS ]; then"
        " echo 'SyntherError: no such data' > {log}; exit 1; fi; touch {output}"
rule table:
    input: expand("results/{{name}}-{seed}.txt", seed=range(5))
    output: multiext("figures/quick/{name}", ".pdf", ".csv")
    shell: "touch {output}"
"""
COMMAND = ["-m", "snakemake", "--cores", "1", "--keep-going", "--logger", "synther"]


def environment(fails: str) -> dict[str, str]:
    path = f"{LOGGER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "PYTHONPATH": path, "FAILS": fails, "TERM": "xterm", "COLUMNS": "100"}


def run(folder: Path, fails: str = "nothing") -> tuple[int, list[str]]:
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *COMMAND],
        cwd=folder,
        env=environment(fails),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.slow
def test_plain_lines_name_every_table_and_each_tenth(tmp_path: Path) -> None:
    code, lines = run(tmp_path)
    assert code == 0
    assert lines[0] == "13 jobs to run"
    tables = [line for line in lines if line.startswith("✓")]
    assert sorted(tables) == ["✓ figures/quick/online.pdf", "✓ figures/quick/table1.pdf"]
    done = [int(found[1]) for line in lines if (found := re.match(r"  (\d+) of 13 jobs", line))]
    assert done == sorted(set(done))
    assert 5 <= len(done) <= 9
    assert lines[-1].startswith("13 of 13 jobs done in ")
    assert len(lines) == 1 + len(tables) + len(done) + 1
    assert not any("\x1b" in line for line in lines)


@pytest.mark.slow
def test_a_failed_job_is_shown_with_its_log_and_the_others_go_on(tmp_path: Path) -> None:
    code, lines = run(tmp_path, fails="online")
    assert code != 0
    failed = lines.index("✗ train: results/online-0.txt")
    assert lines[failed + 1 : failed + 3] == [
        "  logs/online-0.log",
        "  | SyntherError: no such data",
    ]
    assert "✓ figures/quick/table1.pdf" in lines
    assert not any("CalledProcessError" in line for line in lines)  # the log has said why
    assert lines[-1].startswith("6 of 13 jobs done in ")


@pytest.mark.slow
def test_a_terminal_gets_one_bar(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *COMMAND],
        cwd=tmp_path,
        env=environment("nothing"),
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux's end of a terminal that nobody holds any more
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8"))
    assert re.search(r"━.* \d+/13 [\d:]+ .*train", text)
    assert text.count("✓ figures/quick/table1.pdf") == 1
    assert "jobs done, " not in text  # the bar says it


def test_time_left_goes_by_what_each_rule_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LOGGER))
    from snakemake_logger_plugin_synther import Pace

    pace = Pace({"train": 4, "table": 2}, now=100.0)
    assert pace.seconds_left(100.0) is None
    pace.finish("train", 30.0)
    pace.finish("train", 50.0)  # two side by side: 80 s of work in 40 s
    # Two trainings of 40 s, two tables like the average job, 40 s: 160 s of work, two at a time
    assert pace.seconds_left(140.0) == pytest.approx(80.0)
    pace.finish("table", 2.0)
    left = 2 * 40.0 + 1 * 2.0
    assert pace.seconds_left(142.0) == pytest.approx(left * 42.0 / 82.0)
    assert pace.done == 3
