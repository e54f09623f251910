"""Summaries and claims: which runs they are made from, and what a misspelt name says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther import config
from synther.errors import SyntherError
from synther.experiments import Experiments, kinds
from synther.experiments.kinds.claims.plan import Cell
from synther.experiments.kinds.spec import Spec


def test_summaries_are_of_other_experiments_runs() -> None:
    paper = Experiments("paper")
    parts = ("table1", "appendix_offline", "vd4rl")
    for name in ("aggregates", "profiles", "curves"):
        results = paper.results(name)
        assert results == [path for part in parts for path in paper.results(part)]
        assert len(results) == len(set(results))
        assert paper.plan(name).inputs() == results
        assert paper.plan(name).runs() == []
    table = paper.table("aggregates")
    assert list(table["groups"])[:3] == ["locomotion", "maze2d", "antmaze"]
    assert len(table["groups"]["locomotion"]) == 12
    assert table["sources"] == {"real": "real", "synther": "SynthER"}
    titles = list(table["agents"].values())
    assert len(titles) == len(set(titles))  # BC is told from BC that sees pixels
    assert "table1: 8 seeds" in table["budget"]
    physics = table["physics"].split("; ")
    assert len(physics) == len(set(physics)) > 2


def test_summaries_of_what_has_no_such_sources(edit_config: Callable[..., Path]) -> None:
    edit_config("experiments.yaml", "of: &benchmark [table1,", "of: &benchmark [online,")
    message = "whose kind is online: it can summarise comparison and pixels alone"
    with pytest.raises(SyntherError, match=message):
        Experiments("paper").results("aggregates")
    edit_config("experiments.yaml", "of: &benchmark [online,", "of: &benchmark [small_data,")
    with pytest.raises(SyntherError, match="whose kind is curve"):
        Experiments("paper").results("aggregates")
    edit_config("experiments.yaml", "of: &benchmark [small_data,", "of: &benchmark [tabel1,")
    with pytest.raises(SyntherError, match="did you mean table1"):
        Experiments("paper").results("aggregates")
    edit_config("experiments.yaml", "of: &benchmark [tabel1,", "of: &benchmark [table1,")
    old = "of: &benchmark [table1, appendix_offline, vd4rl]\n    sources: [real, synther]"
    edit_config("experiments.yaml", old, old.replace("real, synther", "real, sinther"))
    with pytest.raises(SyntherError, match=r"unknown source 'sinther'.*'table1', which experiment"):
        Experiments("paper").results("aggregates")


def test_a_summary_says_what_it_is_of(edit_config: Callable[..., Path]) -> None:
    edit_config("experiments.yaml", "    of: &benchmark [table1, appendix_offline, vd4rl]\n", "")
    edit_config("experiments.yaml", "of: *benchmark", "of: [table1]")
    edit_config("experiments.yaml", "of: *benchmark", "of: [table1]")
    with pytest.raises(SyntherError, match="'aggregates' of kind summary has no `of`: add it"):
        Experiments("paper").table("aggregates")
    edit_config("experiments.yaml", "layout: profiles", "layout: profile")
    with pytest.raises(SyntherError, match=r"unknown layout 'profile'.*did you mean profiles"):
        Experiments("paper").table("profiles")


def test_every_claim_is_decided_from_runs_that_the_paper_preset_has() -> None:
    paper = Experiments("paper")
    claims = paper.table("claims")["claims"]
    assert len({claim["name"] for claim in claims}) == len(claims) > 15
    for claim in claims:
        for side in (claim["of"], *claim["against"]):
            assert len(side["cells"]) == len(claim["of"]["cells"])
            assert all(cell for cell in side["cells"]), claim["name"]
            assert "{" not in claim["statement"]
            for cell in side["cells"]:
                assert cell["results"] or cell["files"]
    edac = next(claim for claim in claims if claim["name"] == "locomotion-edac")
    assert not any("random" in cell["dataset"] for cell in edac["of"]["cells"])
    online = next(claim for claim in claims if claim["name"] == "online")
    assert (online["seeds"], online["of"]["cells"][0]["steps"]) == (6, 200_000)
    tenth = next(claim for claim in claims if claim["name"] == "small_data_tenth-td3_bc")
    assert {cell["source"] for cell in tenth["of"]["cells"]} == {"synther-10pct"}
    assert {cell["source"] for cell in tenth["against"][0]["cells"]} == {"real"}

    made = {path for name in paper.specs if name != "claims" for path in paper.plan(name).inputs()}
    needed = set(paper.plan("claims").inputs())
    records = {path for path in needed if path.endswith(".json")}
    assert {path for path in needed if path.endswith(".parquet")} <= made
    assert {path.replace(".json", ".parquet") for path in records} & needed


def test_a_preset_leaves_cells_out_and_the_protocol_stays() -> None:
    quick = {claim["name"]: claim for claim in Experiments("quick").table("claims")["claims"]}
    paper = {claim["name"]: claim for claim in Experiments("paper").table("claims")["claims"]}
    assert quick.keys() == paper.keys()
    for name, claim in quick.items():
        assert claim["seeds"] == paper[name]["seeds"]
        assert len(claim["of"]["cells"]) == len(paper[name]["of"]["cells"])
    ours = [cell for cell in quick["locomotion-iql"]["of"]["cells"] if cell]
    assert [cell["dataset"] for cell in ours] == [
        "halfcheetah-medium-replay-local",
        "hopper-medium-expert-local",
    ]
    assert {cell["steps"] for cell in ours} == {1_000_000}  # the protocol's


def test_what_a_preset_does_not_run_is_not_run(edit_config: Callable[..., Path]) -> None:
    old = "diversity: {datasets: [hopper-medium-expert-v2]}"
    edit_config("presets/quick.yaml", old, "diversity: {datasets: [maze2d-umaze-v1]}")
    quick = Experiments("quick")
    claims = {claim["name"]: claim for claim in quick.table("claims")["claims"]}
    assert not any(claims["dynamics"]["of"]["cells"])
    assert claims["dynamics"]["budget"] == "the preset runs nothing of it"
    assert any(claims["online"]["of"]["cells"])
    made = quick.sheets()
    assert "diversity" not in made
    assert {"table1", "claims"} <= made.keys()
    # or the whole preset would fail on it
    assert not any("diversity" in path for path in quick.all_figures())
    assert not any("diversity" in path for path in made.values())


def test_a_summary_of_nothing_that_is_run_is_left_out(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "datasets:  ", "only: [diversity, aggregates]\ndatasets:")
    assert Experiments("quick").made() == ["diversity"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("experiment: diversity", "experiment: diversty", "did you mean diversity"),
        ("groups: [maze2d]", "groups: [mazed2]", "unknown group 'mazed2'"),
        ("of: {agent: sac_synther}", "of: {agent: sac_sinther}", "did you mean sac_synther"),
        ("- {source: noise-additive}", "- {source: noise-aditive}", "did you mean noise-additive"),
        ("rule: parity", "rule: parety", "is not one of"),
        ("expected: 12.2", "margin: 12.2", "expected"),
        ("status: secondhand", "status: known", "is not one of"),
        ("experiment: diversity", "experiment: claims", "'claims' of config/claims.yaml has no"),
    ],
)
def test_misspelt_claims_are_refused(
    edit_config: Callable[..., Path], old: str, new: str, message: str
) -> None:
    edit_config("claims.yaml", old, new)
    with pytest.raises(SyntherError, match=message):
        Experiments("paper").table("claims")


class Elsewhere(kinds.Plan):
    """A kind that no claim knows of."""

    learns = "pixels"

    def cells(self) -> kinds.plan.Cells:
        return {("mars", "real", "td3_bc"): ["mars.parquet"]}

    def measures(self) -> dict:
        return {"mars": {"real": {"fidelity": "mars-fidelity.parquet"}}}

    def places(self) -> dict[str, list[str]]:
        return {"planets": ["red-planet"]}

    def run_name(self, place: str) -> str:
        return {"red-planet": "mars"}[place]

    def protocol_steps(self, agent: str, place: str) -> int:
        return 687

    def describe(self) -> Spec:
        return Spec(**self.heading(), budget="a rover", agents={})


def test_claims_ask_a_kind_by_its_plan_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = kinds.plan_of
    monkeypatch.setattr(kinds, "plan_of", lambda kind: Elsewhere if kind == "curve" else real(kind))
    found = {claim.name: claim for claim in Experiments("paper").plan("claims").claims}
    claim = found["small_data_tenth-td3_bc"]
    (theirs,) = claim.against[0].cells
    assert theirs == Cell("mars", "red-planet", "real", "td3_bc", 687, ["mars.parquet"], {})
    assert claim.of.cells == [None]
    pixels = config.load_preset("paper")["pixels"]["seeds"]  # what it learns has these
    assert (claim.seeds, claim.budget) == (pixels, "a rover") != (8, "")
    assert found["locomotion-td3_bc"].seeds == 8


def test_a_wrong_claim_is_refused_where_claims_are_asked_for_alone(
    edit_config: Callable[..., Path],
) -> None:
    edit_config("claims.yaml", "agents: [drq_bc, pixel_bc]", "agents: [drq_bc, td3_bc]")
    quick = Experiments("quick")
    assert {"claims", "vd4rl"} <= set(quick.made())
    with pytest.raises(SyntherError, match="unknown agent 'td3_bc' in claim 'pixels'"):
        quick.results("claims")
