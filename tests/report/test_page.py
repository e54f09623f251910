"""The page of made-up results: what it holds, and what a browser makes of it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from checkout import make_results

from synther.cli import main
from synther.experiments import Experiments, report_plan
from synther.experiments.kinds import make_sheet
from synther.sheets import writers

BUILT = ("table1", "small_data", "online", "generators")
MADE = (*BUILT, "claims")
PLOTS = ("small_data", "online")
"""Those of them that have a plot, which stands in the page as SVG."""
DOCUMENTED = (Path(__file__).parents[2] / "docs/verdict.md").read_text()
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
NO_BROWSER = "no chromium here: apt-get install chromium"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with made-up results, their tables and figures, and the page."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_results(folder, [*MADE, "vd4rl"])
        matrix = Experiments("quick")
        for name in BUILT:
            plan = matrix.plan(name)
            spec = dataclasses.replace(plan.describe(), bootstrap_reps=40)
            paths = [path for path in plan.results() if Path(path).is_file()]
            writers.write(make_sheet(spec, paths), Path(matrix.figure(name)))
        commands = re.findall(r"^\$ synther ([^#\n]*)", DOCUMENTED, re.M)
        assert [command.split()[0] for command in commands] == ["table", "report"]
        for command in commands:  # the claims, and the page
            assert main(command.split()) == 0
        yield folder


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "figures/quick/report.html").read_text()


@pytest.fixture(scope="module")
def data(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


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
    fragment = writers.html.fragment(make_sheet(spec, paths))
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


WATCH = """<script>
const complaints = [];
addEventListener("error", (event) => complaints.push(String(event.message)));
addEventListener("unhandledrejection", (event) => complaints.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => complaints.push(event.blockedURI));
console.error = console.warn = (...words) => complaints.push(words.join(" "));
</script>"""


def browse(folder: Path, page: str, script: str, *options: str) -> tuple[dict, dict]:
    """Run a script in the page; return what it left in `found`, and the log of the net."""
    watched = page.replace("<style>", WATCH + "<style>", 1)
    run = (
        "<script>addEventListener('load', () => { const found = {};" + script + ";"
        "found.complaints = complaints; const out = document.createElement('pre');"
        "out.id = 'outcome'; out.textContent = JSON.stringify(found);"
        "document.body.append(out); });</script></body>"
    )
    path = folder / "watched.html"
    path.write_text(watched.replace("</body>", run))
    log = folder / "net.json"
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    done = subprocess.run(
        [
            *(BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu", *quiet),
            *(f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--log-net-log={log}", "--virtual-time-budget=3000", *options),
            *("--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    outcome = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.S)
    if outcome is None:
        return {}, json.loads(log.read_text())
    found = HTMLParser()
    text: list[str] = []
    found.handle_data = text.append  # type: ignore[method-assign]
    found.feed(outcome[1])
    found.close()
    return json.loads("".join(text)), json.loads(log.read_text())


def requests(log: dict) -> set[str]:
    """Return the schemes of all that a page asked for; what the browser itself asks for aside."""
    asked = [event["params"] for event in log["events"] if "initiator" in event.get("params", {})]
    own = [each["url"] for each in asked if each["initiator"] != "not an origin"]
    return {url.partition(":")[0] for url in own}


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_a_page_that_asks_for_something_would_be_found_out(tmp_path: Path) -> None:
    guilty = "<html><head><style></style></head><body><img src='http://a.test/b.png'></body></html>"
    found, log = browse(tmp_path, guilty, "nothing.here()")
    assert requests(log) == {"http"}
    assert found == {}


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_in_a_browser_it_opens_sorts_and_asks_for_nothing(page: str, tmp_path: Path) -> None:
    found, log = browse(
        tmp_path,
        page,
        """
        for (const part of document.querySelectorAll("details.sheet")) part.open = true;
        const images = [...document.images];
        found.images = images.map((image) => image.complete && image.naturalWidth > 100);
        const table = document.querySelector("#table1 table.sortable");
        const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.sort);
        const heads = table.tHead.rows, head = heads[heads.length - 1].cells[1];
        const button = head.querySelector("button");
        found.before = column();
        button.click();
        found.up = column();
        found.upSaid = head.getAttribute("aria-sort");
        button.click();
        found.down = column();
        found.downSaid = head.getAttribute("aria-sort");
        found.tables = document.querySelectorAll("table.sortable").length;
        for (const each of document.querySelectorAll("button.sort")) each.click();
        const source = document.querySelector("#table1 tbody button.source");
        source.click();
        const panel = document.getElementById("panel");
        found.open = panel.open;
        found.focusInside = panel.contains(document.activeElement);
        found.panel = panel.textContent;
        found.seedLines = panel.querySelectorAll("path.seed").length;
        panel.querySelector("path.seed").focus();
        found.readout = panel.querySelector(".readout").textContent;
        const left = { key: "ArrowLeft", bubbles: true, cancelable: true };
        panel.querySelector("path.seed").dispatchEvent(new KeyboardEvent("keydown", left));
        found.moved = panel.querySelector(".readout").textContent;
        panel.close();
        for (const part of document.querySelectorAll("section")) {
          const first = part.querySelector("tbody button.source");
          if (!first) continue;
          first.click();
          for (const run of [...panel.querySelectorAll("details")].slice(0, 3)) run.open = true;
          panel.close();
        }
        const dataset = document.getElementById("dataset");
        found.charts = [...dataset.options].map((option) => {
          dataset.value = option.value;
          dataset.dispatchEvent(new Event("change"));
          return document.querySelectorAll("#curves path.mean").length;
        });
        const theme = document.getElementById("theme");
        const shade = () => getComputedStyle(document.body).backgroundColor;
        found.light = shade();
        theme.click();
        found.dark = shade();
        found.focusable = [...document.querySelectorAll("button, a, select, summary")]
          .every((each) => each.tabIndex >= 0);
        """,
    )
    assert found["complaints"] == []
    assert found["images"] == [True] * len(PLOTS)
    numbers = [float(value) for value in found["before"]]
    assert [float(value) for value in found["up"]] == sorted(numbers)
    assert [float(value) for value in found["down"]] == sorted(numbers, reverse=True)
    assert (found["upSaid"], found["downSaid"]) == ("ascending", "descending")
    assert found["tables"] > 6
    assert found["open"]
    assert found["focusInside"]
    assert "0123456789abcdef" in found["panel"]
    assert "Episodes of the last evaluation" in found["panel"]
    assert "figures" not in found["panel"]
    assert found["seedLines"] == 4
    assert "after 2,000" in found["readout"]
    assert "after 1,000" in found["moved"]
    assert len(found["charts"]) > 5
    assert min(found["charts"]) >= 1
    assert found["light"] != found["dark"]
    assert found["focusable"]
    assert requests(log) <= {"file", "data"}


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_rows_are_those_of_the_chosen_dataset_source_and_agent(page: str, tmp_path: Path) -> None:
    found, _ = browse(
        tmp_path,
        page,
        """
        const choose = (part, value) => {
          const select = document.querySelector(`#filter [data-part=${part}]`);
          select.value = value;
          select.dispatchEvent(new Event("change", { bubbles: true }));
        };
        const rows = [...document.querySelectorAll("#table1 tbody tr")];
        const left = () => rows.filter((row) => !row.hidden);
        const bright = () => left().flatMap((row) => [...row.cells])
          .filter((cell) => !cell.classList.contains("off") && cell.querySelector("button.source"))
          .map((cell) => cell.querySelector("button.source").dataset.keys);
        found.all = left().length;
        found.options = [...document.querySelector("#filter [data-part=agent]").options]
          .map((option) => option.textContent);
        choose("dataset", "maze2d-umaze-local");
        found.datasets = bright();
        choose("agent", "iql");
        choose("source", "synther");
        found.one = bright();
        found.said = document.querySelector("#filter output").textContent;
        found.curves = [document.getElementById("dataset").value,
                        document.getElementById("agent").value];
        found.foot = document.querySelector("#table1 tfoot").hidden;
        found.empty = document.querySelector("#online details.sheet").classList.contains("empty");
        for (const part of ["dataset", "agent", "source"]) choose(part, "");
        found.again = left().length;
        found.footAgain = document.querySelector("#table1 tfoot").hidden;
        """,
    )
    assert found["complaints"] == []
    assert found["options"][0] == "all"
    assert {"TD3+BC", "IQL", "SAC"} <= set(found["options"])
    assert found["datasets"]
    assert {key.split("|")[0] for key in found["datasets"]} == {"maze2d-umaze-local"}
    assert set(found["one"]) == {"maze2d-umaze-local|synther|iql"}
    assert re.fullmatch(r"\d+ of \d+ rows", found["said"])
    assert found["curves"] == ["maze2d-umaze-local", "iql"]
    assert (found["foot"], found["footAgain"]) == (True, False)
    assert found["empty"]
    assert found["again"] == found["all"] > 1


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_on_a_phone_the_page_itself_does_not_scroll_sideways(page: str, tmp_path: Path) -> None:
    found, _ = browse(
        tmp_path,
        page,
        """
        found.width = innerWidth;
        found.page = document.documentElement.scrollWidth;
        document.querySelector("#table1 tbody button.source").click();
        found.panel = document.getElementById("panel").getBoundingClientRect().width;
        found.text = parseFloat(getComputedStyle(document.querySelector("td")).fontSize);
        """,
        "--window-size=500,900",
    )
    assert found["width"] <= 500
    assert found["page"] <= found["width"]
    assert found["panel"] <= found["width"]
    assert found["text"] >= 12
    assert found["complaints"] == []


def test_the_page_of_a_preset_lies_beside_its_figures() -> None:
    quick, paper = Experiments("quick"), Experiments("paper")
    assert report_plan.path(quick) == "figures/quick/report.html"
    assert report_plan.path(paper) == "figures/report.html"
    files = report_plan.sheets(quick)
    assert files["claims"] == "figures/quick/claims.json"
    assert set(files) == set(quick.specs)
    every = report_plan.results(quick, files), report_plan.records(quick, files)
    assert not set(every[0]) & set(every[1])
    titles = report_plan.titles(quick)
    assert titles["agents"]["td3_bc"] == "TD3+BC"
    assert titles["sources"]["synther-1pct"] == "SynthER, 1%"
