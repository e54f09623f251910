"""What a browser makes of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import BROWSER, NO_BROWSER, browse, requests
from checkout import PLOTS


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
