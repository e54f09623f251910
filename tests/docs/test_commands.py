"""Every command of the documentation: options parsed, targets planned, the cheap ones run.

A console block is run in order, with smaller numbers, where it holds nothing but verbs of `synther`
that need no network; `<!-- expensive -->` above it, or a test of its own, exempts it from that and
from nothing else. A program that is not known here fails the test: add how to check it.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import functools
import importlib.util
import io
import itertools
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pages
import pandas as pd
import pytest
import torch
from released_checkpoint import Plain, checkpoint
from snakemake.cli import get_argument_parser

from synther import Transitions, config
from synther.cli import main, verbs
from synther.datasets.collect import collect
from synther.experiments import Experiments

COMMANDS = [
    pytest.param(page, command, id=f"{pages.title(page)}: {command[:60]}")
    for page in pages.PAGES
    for block in pages.blocks(page)
    for command in block.commands
]
ANYWHERE = frozenset(
    ["cd", "ls", "cat", "less", "tail", "head", "rm", "cp", "git", "source", "export"]
)
"""Programs of the system, whose options are not this project's to check."""
CLUSTER = frozenset(
    ["squeue", "sacct", "scancel", "sinfo", "nvidia-smi", "kubectl", "docker", "$EDITOR"]
)
NETWORK = {"download", "behaviour"}
"""Verbs that are never run here: they download, or train for minutes."""


def words(command: str) -> list[list[str]]:
    """Return a command's parts between `&&`, `|` and `;`, as words, without VAR=value before."""
    parts: list[list[str]] = [[]]
    lexer = shlex.shlex(command, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split, lexer.commenters = True, "#"
    for word in lexer:
        if set(word) <= set("&|;"):
            parts.append([])
        elif parts[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            parts[-1].append(word)
    return [part for part in parts if part]


# --- one checker a program ------------------------------------------------------------------------


def check_synther(given: list[str]) -> Any:
    return verbs.parse(given)[1]


@functools.cache
def options(verb: str) -> list[str]:
    """Return the options that the help of a verb names."""
    with contextlib.redirect_stdout(io.StringIO()) as help, pytest.raises(SystemExit):
        verbs.parse([verb, "--help"])
    return re.findall(r"--[a-z][a-z-]+", help.getvalue())


def parsed_snakemake(given: list[str]) -> argparse.Namespace:
    parsed = get_argument_parser().parse_args(given)
    profiles = parsed.profile or []  # a list, or one before snakemake 9.2x
    for profile in [profiles] if isinstance(profiles, str) else profiles:
        assert (pages.ROOT / profile).is_dir(), profile
    for setting in parsed.config or []:
        key, _, value = setting.partition("=")
        assert key in ("preset", "device"), setting
        assert key != "preset" or value in {*config.preset_names(), *own_presets()}, setting
    return parsed


def own_presets() -> dict[str, str]:
    """Return the presets that a page has its reader copy: name -> of which."""
    copy = re.compile(r"\$ cp config/presets/(\w+)\.yaml config/presets/(\w+)\.yaml")
    found = [copy.findall(page.read_text()) for page in pages.PAGES]
    return {new: old for pairs in found for old, new in pairs}


def check_snakemake(given: list[str]) -> None:
    parsed = parsed_snakemake(given)
    every = list(map(Experiments, config.preset_names()))
    known = {path for e in every for name in e.specs for path in e.figures(name)}
    for new in own_presets():
        known |= {p.replace("/", f"/{new}/", 1) for p in Experiments("paper").all_figures()}
    rules = set(re.findall(r"^(?:use )?rule (\w+)", workflow_text(), re.MULTILINE))
    own = {b for page in pages.PAGES for b in entries_of(page)}
    for target in parsed.targets:
        named = fnmatch.fnmatch(target, "figures/*") and Path(target).stem in own
        promised = re.search(rf'"{re.escape(target)}"', workflow_text())
        result = target.startswith(("results/", "data/")) and "{" not in target
        assert target in known | rules or named or promised or result, f"no rule makes {target}"


def workflow_text() -> str:
    files = [pages.ROOT / "Snakefile", *(pages.ROOT / "workflow/rules").glob("*.smk")]
    return "\n".join(file.read_text() for file in files)


def entries_of(page: Path) -> list[str]:
    """Return the experiments that a page has its reader add."""
    named = pages.named(page)
    entries = ("config/experiments.yaml", "dataset-table", "kind-entry")
    text = "".join(named.get(block, "") for block in entries)
    return re.findall(r"^  (\w+):$", text, re.MULTILINE)


def check_make(given: list[str]) -> None:
    done = subprocess.run(
        ["make", "-n", *given], cwd=pages.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def check_pip(given: list[str]) -> None:
    assert given[0] == "install"
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["project"]
    for word in given[1:]:
        for extra in re.findall(r"(?:synther|\.)\[(.*)\]", word):
            assert set(extra.split(",")) <= set(project["optional-dependencies"]), word


def check_conda(given: list[str]) -> None:
    for option, value in itertools.pairwise(given):
        assert option != "-f" or (pages.ROOT / value).is_file(), value


def check_python(given: list[str]) -> None:
    if given[0] == "-m":
        assert given[1] in ("venv", "pip", "pytest", "synther.cli", "http.server"), given
    elif not given[0].startswith("-"):
        assert (pages.ROOT / given[0]).is_file() or programs(given[0]), given[0]


def programs(name: str) -> bool:
    """Return whether a page of the documentation gives this program."""
    return any(name in pages.named(page) for page in pages.PAGES)


def check_file(given: list[str]) -> None:
    files = [word for word in given if not word.startswith("-") and "=" not in word]
    assert (pages.ROOT / files[0]).is_file(), files[0]


def check_pytest(given: list[str]) -> None:
    for word in given:
        if word.startswith("tests"):
            assert (pages.ROOT / word.partition("::")[0]).exists(), word


CHECKS: dict[str, Callable[[list[str]], object]] = {
    "synther": check_synther,
    "snakemake": check_snakemake,
    "make": check_make,
    "pip": check_pip,
    "conda": check_conda,
    "python": check_python,
    "python3": check_python,
    "pytest": check_pytest,
    "sbatch": check_file,
    "bash": check_file,
}


def check_paths(given: list[str]) -> None:
    """Hold paths of results and figures that a page looks at against the matrix."""
    every = list(map(Experiments, config.preset_names()))
    names = list(every[0].specs)
    known = {path for preset in every for path in preset.all_figures()}
    known |= {preset.page() for preset in every}
    for word in given:
        if word.startswith("results/"):
            own = Experiments(word.split("/")[1])
            known |= {path for name in names for path in own.results(name)}
        if word.startswith(("results/", "figures/")):
            path = word.replace(".json", ".parquet")
            assert any(other.startswith(path) for other in known), f"nothing makes {word}"


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.title)
def test_no_block_of_commands_goes_unchecked(page: Path) -> None:
    for block in pages.blocks(page):
        assert block.language not in ("sh", "bash", "shell"), "commands are `console`, behind `$ `"
        assert block.language != "console" or block.commands, block.text


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_is_one(page: Path, command: str) -> None:
    for program, *given in words(command):
        if program in ANYWHERE | CLUSTER:
            check_paths(given)
            continue
        assert program in CHECKS, f"{pages.title(page)}: nothing checks '{program}'"
        try:
            CHECKS[program](given)
        except SystemExit as refused:  # which has said why
            pytest.fail(f"{pages.title(page)}: {command} is refused (code {refused.code})")


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.title)
def test_commands_in_running_text_have_options_that_exist(page: Path) -> None:
    for span in pages.spans(page):
        program, *given = span.split()
        if program == "synther" and given and given[0] not in ("VERB", "--help"):
            assert given[0] in verbs.VERBS, span
            for option in (word.partition("=")[0] for word in given if word.startswith("--")):
                assert option in options(given[0]), span
        if program.startswith("figures/") and program.islower():
            check_paths([program])
        if program == "make" and given and given[0].islower():
            check_make(given[:1])
        if program == "snakemake" and "..." not in span:
            get_argument_parser().parse_args([word.strip("'") for word in given])


# --- the cheap ones, for real ---------------------------------------------------------------------

SMALL_MODEL = ("steps=20", "width=16", "depth=1", "dim_t=8", "sampling_steps=4")
SMALL_AGENT = ("steps=20", "eval_every=10", "eval_episodes=1", "batch_size=32", "hidden=[16,16]")
SMALL_ONLINE = (*SMALL_AGENT, "random_steps=10")


def smaller(given: list[str]) -> list[str]:
    """Return a verb's arguments with smaller numbers behind: the last one given counts."""
    more = {
        "collect": ["--rows", "400"],
        "sample": ["--num", "200"],
        "fidelity": ["--num", "100"],
        "compare": ["--reps", "50"],
        "train": ["--num", "200"] if "--num" in given else [],
    }.get(given[0], [])
    sets = {"fit": SMALL_MODEL, "train": SMALL_AGENT, "online": SMALL_ONLINE}.get(given[0], ())
    threads = ["--threads", "1"] if "--threads" in options(given[0]) else []
    return [*given, *more, *threads, *(word for text in sets for word in ("--set", text))]


def runnable(block: pages.Block) -> bool:
    parts = [part for command in block.commands for part in words(command)]
    return (
        block.language == "console"
        and not (block.name or block.expensive)
        and bool(parts)
        and all(p[0] == "synther" and p[1] not in NETWORK and "--help" not in p for p in parts)
    )


def given_files(folder: Path) -> None:
    """Make what the pages take as given: files of the released code, and trees of results."""
    torch.manual_seed(0)
    checkpoint(Plain(2 * 11 + 3 + 2), folder / "model-100000.pt")
    rows = np.random.default_rng(0).uniform(-1, 1, (300, 11))
    Transitions(rows, rows[:, :3], rows[:, 0], rows, np.zeros(300)).save(folder / "5m_samples.npz")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in pages.PAGES if any(map(runnable, pages.blocks(page)))],
    ids=pages.title,
)
def test_cheap_commands_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pages.checkout(tmp_path))
    given_files(tmp_path)
    for block in filter(runnable, pages.blocks(page)):
        for command in block.commands:
            for _, *given in words(command):
                if "minari" in given and importlib.util.find_spec("minari") is None:
                    continue
                code = main(smaller(given))
                assert code == 0, f"{command}\n{capsys.readouterr().err}"
                if out := getattr(check_synther(given), "out", None):
                    assert (tmp_path / out).exists(), command


@pytest.mark.slow
def test_every_target_can_be_planned(tmp_path: Path) -> None:
    """One dry run a configuration, of all targets that the pages name with it."""
    wanted = defaultdict(set)
    for page in pages.PAGES:
        for block in pages.blocks(page):
            if block.name:
                continue
            for command in block.commands:
                for program, *given in words(command):
                    if program == "snakemake":
                        parsed = parsed_snakemake(given)
                        wanted[tuple(sorted(parsed.config or []))] |= set(parsed.targets or ["all"])
    assert wanted
    pages.checkout(tmp_path)
    for new, old in own_presets().items():
        presets = tmp_path / "config/presets"
        shutil.copy(presets / f"{old}.yaml", presets / f"{new}.yaml")
    for settings, targets in wanted.items():
        given = ["--config", *settings] if settings else []
        listed = " ".join(map(shlex.quote, ["-n", *sorted(targets), "--quiet", "all", *given]))
        pages.run(f"{shlex.quote(sys.executable)} -m snakemake {listed}", tmp_path)


def test_the_cell_that_reproduce_looks_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = pages.named(pages.ROOT / "docs/reproduce.md")["cell.py"]
    (folder,) = re.findall(r'folder = "(.+)"', program)
    run = Path(folder) / "seeds-0-3.parquet"
    assert str(run) in Experiments("quick").results("table1")
    (tmp_path / folder).mkdir(parents=True)
    scores = pd.DataFrame({"seed": [0, 1, 0, 1], "step": [1, 1, 2, 2], "score": [9, 9, 3, 5]})
    scores.to_parquet(tmp_path / run)
    (tmp_path / run).with_suffix(".json").write_text("{}")
    (tmp_path / "cell.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("cell.py")
    assert re.findall(r"\d\.\d+", capsys.readouterr().out)[:2] == ["4.000000", "1.414214"]


def test_every_program_is_run() -> None:
    """Those of the pages by tests of their own, by name; the README's by the test below."""
    for page in pages.PAGES:
        loose = [b for b in pages.blocks(page) if b.language == "python" and not b.name]
        assert page == pages.ROOT / "README.md" or not loose, page


def test_the_program_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data/local/hopper-medium-local.hdf5"
    collect("hopper", "random", 400, data, threads=1)
    monkeypatch.chdir(tmp_path)
    readme = pages.blocks(pages.ROOT / "README.md")
    for number, block in enumerate(b for b in readme if b.language == "python"):
        text = block.text.replace("hopper-medium-v2", "hopper-medium-local")
        text = re.sub(r"\b(steps|updates)=[\d_]+", r"\1=20", text)
        text = re.sub(r"\bwidth=[\d_]+", "width=16, depth=1, dim_t=8, sampling_steps=4", text)
        text = re.sub(r"\.sample\([\d_]+", ".sample(200", text)
        (tmp_path / f"{number}.py").write_text(text)
        found = runpy.run_path(f"{number}.py")
        assert found["samples"].observations.shape == (200, 11)
        assert found["env"].observation_dim == 11


def test_the_citation_names_the_version() -> None:
    citation = config.read_yaml(pages.ROOT / "CITATION.cff")
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    licence = (pages.ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "Version 2.0" in licence


def test_a_wrong_option_would_be_found() -> None:
    with pytest.raises(SystemExit):
        check_synther(["fit", "--data", "x", "--out", "y", "--widht", "3"])
    with pytest.raises(AssertionError, match="no rule makes"):
        check_snakemake(["-n", "figures/table99.pdf"])
    with pytest.raises(SystemExit):
        check_snakemake(["--coers", "all"])
    with pytest.raises(AssertionError):
        check_make(["nothing-of-this-name"])
    with pytest.raises(AssertionError, match="nothing makes"):
        check_paths(["results/quick/offline/hopper-medium-v3"])
    assert Experiments("paper").all_figures()
