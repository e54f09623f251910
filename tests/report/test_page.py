"""The page of made-up results: what it holds."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from checkout import PLOTS

from synther.cli import main
from synther.experiments import Experiments
from synther.experiments.kinds import make_sheet
from synther.sheets import html


class Links(HTMLParser):
    """Everything that a page could load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.images = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        self.images += tag == "img"


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    links = Links(page)
    assert all(link.startswith(("#", "data:")) for link in links.found)
    assert "default-src 'none'" in page
    style, script = (
        page.partition("<style>")[2].partition("</style>")[0],
        page.rpartition("<script>")[2],
    )
    assert "url(" not in style
    assert "@import" not in style
    assert "fetch(" not in script
    assert links.images == len(PLOTS)


def test_the_first_screen_says_what_was_run(page: str, data: dict) -> None:
    said = page.partition('<dl class="facts">')[2].partition("</dl>")[0]
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", said))
    assert facts["Runs"].startswith(f"{len(data['runs'])}, of 2 or 4 seeds each")
    assert "TD3+BC" in facts["Agents"]
    learned = re.split(r", | and \d+ more", facts["Learned from"])
    assert learned.count("real") == 1  # a share of the data is no source of its own here
    assert "%" not in facts["Learned from"]


def test_verdicts_come_first_and_what_is_missing_last(page: str) -> None:
    order = [page.index(f'<section id="{name}"') for name in ("ran", "verdicts", "table1")]
    assert order == sorted(order)
    assert page.index('<section id="missing"') > page.index('<section id="costs"')
    assert "snakemake figures/quick/mixture.pdf" in page


def test_a_check_of_the_pipeline_decides_nothing(page: str) -> None:
    listed = page.partition('<section id="verdicts"')[2].partition("</section>")[0]
    said = re.findall(r'<span class="badge verdict-[a-z-]+">([^<]+)</span>', listed)
    assert set(said) == {"pipeline check", "not run"}
    folded = re.findall(r"<summary>([a-z ]+): (\d+) claims?</summary>", listed)
    assert {name: int(count) for name, count in folded} == Counter(said)
    assert "No claim is decided at this preset." in listed
    assert "no claim is decided by them" in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "verdict-pipeline-check" not in style  # no colour
    body = page.replace(style, "")
    assert not re.search(r'class="[^"]*\b(close|noise|higher|lower|sign)\b', body)


def test_what_is_evidence_shows_how_it_stands_to_the_papers(checkout: Path) -> None:
    plan = Experiments("quick").plan("table1")
    spec = dataclasses.replace(plan.describe(), bootstrap_reps=40, is_evidence=True)
    paths = [str(checkout / path) for path in plan.results() if (checkout / path).is_file()]
    fragment = html.fragment(make_sheet(spec, paths))
    assert re.search(r'class="number (close|noise|higher|lower)">', fragment)
    assert "Beside the paper's numbers:" in fragment


def test_cells_are_the_tables_with_the_papers_beside(checkout: Path, page: str, data: dict) -> None:
    table = pd.read_csv(checkout / "figures/quick/table1.csv")
    shown = (table["row"] == "cell") & (table["paper_status"] == "recalled")
    cell = table[shown].iloc[0]
    key = f"{cell['dataset']}|{cell['source']}|{cell['agent']}"
    shown = f"{cell['mean']:.1f} ± {cell['std']:.1f}</button>"
    assert f'data-keys="{key}">{shown}' in page.partition('id="table1"')[2]
    assert f"{cell['paper_mean']:.1f} ± {cell['paper_std']:.1f}†" in page
    run = data["runs"][key]
    assert sum(run["final"]) / len(run["final"]) == pytest.approx(cell["mean"], abs=0.01)


def test_every_cell_leads_to_episodes_configuration_and_commit(page: str, data: dict) -> None:
    keys = {key for found in re.findall(r'data-keys="([^"]*)"', page) for key in found.split("\n")}
    known = keys & (data["runs"].keys() | data["records"].keys())
    assert len(known) > 40
    for key in known & data["runs"].keys():
        run = data["runs"][key]
        assert len(run["seeds"]) == len(run["scores"]) == len(run["episodes"])
        assert all(len(episodes) == 2 for episodes in run["episodes"])
        for path in run["records"]:
            assert data["records"][path]["commit"] == "0123456789abcdef"
            assert data["records"][path]["settings"]["steps"] == 2000
    # the samples that a run learned from, and the generator that drew them
    path = "results/quick/generators/halfcheetah-medium-replay-local/synther/samples.json"
    assert any(path in parents for parents in data["made_from"].values())
    assert data["made_from"][path] == [path.replace("samples.json", "fit.json")]


def test_what_is_missing_has_no_number_to_sort_by(page: str) -> None:
    assert 'data-sort="nan"' not in page
    assert "45.9 ± 0.9†" in page  # the paper's, of its generators


def test_costs_add_up(checkout: Path, page: str, data: dict) -> None:
    jobs = [r["wall_time_s"] for r in data["records"].values()]
    footer = page.partition('id="costs"')[2].partition("<tfoot>")[2].partition("</tfoot>")[0]
    assert f'data-sort="{float(len(jobs))}"' in footer
    assert f'data-sort="{sum(jobs)}"' in footer


def test_text_of_results_is_never_markup(page: str) -> None:
    assert "<script>alert" not in page
    assert page.count("</script>") == 2


def test_nothing_to_show_says_what_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--preset", "quick"]) == 1
    assert "snakemake --config preset=quick" in capsys.readouterr().err
    assert not (tmp_path / "figures/quick/report.html").exists()


def test_a_damaged_sheet_is_named(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    path = Path("figures/quick/table1.json")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        assert main(["report", "--preset", "quick", "--out", "damaged.html"]) == 1
    finally:
        path.write_bytes(whole)
    assert "table1.json is not what this version writes" in capsys.readouterr().err
    assert not Path("damaged.html").exists()


def test_the_page_of_a_preset_lies_beside_its_figures() -> None:
    quick, paper = Experiments("quick"), Experiments("paper")
    assert quick.page() == "figures/quick/report.html"
    assert paper.page() == "figures/report.html"
    files = quick.sheets()
    assert files["claims"] == "figures/quick/claims.json"
    assert set(files) == set(quick.specs) - set(quick.scale["aside"])
    every = quick.results(*files), quick.records(*files)
    assert not set(every[0]) & set(every[1])
    titles = quick.titles()
    assert titles["agents"]["td3_bc"] == "TD3+BC"
    assert titles["sources"]["synther-1pct"] == "SynthER, 1%"
