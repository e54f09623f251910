"""config/datasets.yaml: its numbers, and that its schema refuses what is not meant."""

from __future__ import annotations

import copy

import pytest

from synther import config
from synther.errors import SyntherError

BASE = "http://rail.eecs.berkeley.edu/datasets/offline_rl/"
LEVELS = ("random", "medium", "medium-replay", "full-replay", "medium-expert", "expert")
LOCOMOTION = ("halfcheetah", "hopper", "walker2d")


@pytest.fixture(scope="module")
def content():
    return config.load("datasets")


def test_every_dataset_of_the_paper_is_there(content):
    d4rl = {f"{t}-{level}-v2" for t in LOCOMOTION for level in LEVELS}
    d4rl |= {f"maze2d-{maze}-v1" for maze in ("umaze", "medium", "large")}
    d4rl |= {f"antmaze-{maze}-v2" for maze in ("umaze", "medium-play", "large-play")}
    local = {f"{t}-{level}-local" for t in LOCOMOTION for level in LEVELS}
    local |= {f"maze2d-{maze}-local" for maze in ("umaze", "medium", "large")}
    local.add("antmaze-umaze-random-local")
    local |= {f"pointmaze-medium-navigate-{task}local" for task in ("", "singletask-task1-")}
    levels = ("random", "medium-replay", "medium", "medium-expert", "expert")
    pixels = {f"{t}-{level}" for t in ("walker-walk", "cheetah-run") for level in levels}
    rendered = {f"{name}-local" for name in pixels}
    kinds = {
        n: spec["kind"] for n, spec in content["datasets"].items() if spec["kind"] != "ogbench"
    }
    states = dict.fromkeys(d4rl, "d4rl") | dict.fromkeys(local, "collected")
    assert kinds == states | dict.fromkeys(pixels, "vd4rl") | dict.fromkeys(rendered, "rendered")


def test_names_tasks_levels_and_addresses_agree(content):
    for name, spec in content["datasets"].items():
        assert spec["task"] in content["tasks"], name
        if content["tasks"][spec["task"]]["simulator"] == ["ogbench"]:
            level = spec["level"]
            assert name.replace("-local", "-v0") == spec["task"].replace(
                "-singletask" if "singletask" in name else "-v0",
                f"-{level}-singletask" if "singletask" in name else f"-{level}-v0",
            )
            assert spec.get("stands_for", name) == name.replace("-local", "-v0")
            continue
        if spec["kind"] in ("vd4rl", "rendered"):
            short = spec["task"].removeprefix("dmc-").removesuffix("-repeat2")
            assert name.removesuffix("-local") == f"{short}-{spec['level']}"
            assert spec.get("stands_for", name) == name.removesuffix("-local")
            continue
        if "level" in spec and spec["level"] != "waypoint":
            assert name.rpartition("-")[0] == f"{spec['task']}-{spec['level']}"
        else:
            assert name.rpartition("-")[0] == spec["task"]
        if spec["kind"] == "collected":
            twin = content["datasets"][spec["stands_for"]]
            assert (twin["kind"], twin["task"]) == ("d4rl", spec["task"])
            # No policy is at hand that walks an ant as its dataset's did.
            level = "random" if name.startswith("antmaze") else twin.get("level", "waypoint")
            assert spec["level"] == level
        elif "level" in spec:
            file = f"{spec['task']}_{spec['level'].replace('-', '_')}-v2.hdf5"
            assert spec["url"] == f"{BASE}gym_mujoco_v2/{file}"


def test_ogbench_has_all_tasks_of_an_environment_on_one_file(content):
    found = {n: spec for n, spec in content["datasets"].items() if spec["kind"] == "ogbench"}
    assert len(found) == (9 * 2 + 9) * 6  # mazes have two levels
    suffixes = ["-v0", *(f"-singletask-task{number}-v0" for number in range(1, 6))]
    for file in ("antmaze-giant-stitch", "scene-play", "puzzle-4x6-play", "cube-triple-play"):
        urls = {found[file + suffix]["url"] for suffix in suffixes}
        assert urls == {f"https://rail.eecs.berkeley.edu/datasets/ogbench/{file}-v0.npz"}
    assert found["humanoidmaze-giant-stitch-v0"]["rows"] == 4_000_000
    assert found["cube-quadruple-play-v0"]["rows"] == 5_000_000


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("maze2d-umaze-v1", "url", f"{BASE}maze2d/maze2d-umaze-sparse-v1.hdf5"),
        ("maze2d-large-v1", "url", f"{BASE}maze2d/maze2d-large-sparse-v1.hdf5"),
        (
            "antmaze-medium-play-v2",
            "url",
            f"{BASE}ant_maze_v2/"
            "Ant_maze_big-maze_noisy_multistart_True_multigoal_False_sparse_fixed.hdf5",
        ),
        ("antmaze-umaze-v2", "bytes", 232532949),
        ("hopper-medium-v2", "bytes", 152756557),
        ("halfcheetah-medium-expert-v2", "bytes", 474567252),
        ("walker2d-full-replay-v2", "bytes", 285115514),
    ],
)
def test_addresses_and_sizes(content, name, key, value):
    assert content["datasets"][name][key] == value


@pytest.mark.parametrize(
    ("task", "low", "high", "limit"),
    [
        ("halfcheetah", -280.178953, 12135.0, 1000),
        ("hopper", -20.272305, 3234.3, 1000),
        ("walker2d", 1.629008, 4592.3, 1000),
        ("maze2d-umaze", 23.85, 161.86, 300),
        ("maze2d-medium", 13.13, 277.39, 600),
        ("maze2d-large", 6.7, 273.99, 800),
        ("antmaze-umaze", 0, 1, 700),
        ("antmaze-medium-play", 0, 1, 1000),
        ("antmaze-large-play", 0, 1, 1000),
    ],
)
def test_reference_scores(content, task, low, high, limit):
    wanted = {"reference_min": low, "reference_max": high, "time_limit": limit}
    assert content["tasks"][task].items() >= wanted.items()


def test_sizes_and_checksums_are_the_recorded_ones(shared, content):
    recorded = {}
    for path in sorted((shared / "d4rl/reference").glob("tfds_d4rl_*.tsv")):
        for line in path.read_text().splitlines():
            url, size, digest, _ = line.split("\t")
            recorded[url] = {"bytes": int(size), "sha256": digest}
    d4rl = [spec for spec in content["datasets"].values() if spec["kind"] == "d4rl"]
    for spec in d4rl:
        known = {key: spec[key] for key in ("bytes", "sha256") if key in spec}
        assert known == recorded.get(spec["url"], {}), spec["url"]
    assert sum("sha256" in spec for spec in d4rl) == 21


def test_shards_have_the_recorded_sizes_and_checksums(shared, content):
    recorded = {}
    for line in (shared / "d4rl/reference/vd4rl_84px_checksums.tsv").read_text().splitlines():
        url, size, digest, _ = line.split("\t")
        recorded[url] = {"bytes": int(size), "sha256": digest}
    found = [spec["files"] for spec in content["datasets"].values() if spec["kind"] == "vd4rl"]
    assert [len(files) for files in found] == [4, 1, 4, 4, 8] * 2
    for below, known in (item for files in found for item in files.items()):
        assert known == recorded[f"{content['vd4rl']}/{below}"]


REFUSED = {
    "a key's typo": (("hopper-medium-v2", "sha265", "0" * 64), "did you mean sha256"),
    "short checksum": (("hopper-medium-v2", "sha256", "abc"), "hopper-medium-v2.sha256"),
    "kind's typo": (("hopper-medium-v2", "kind", "d4lr"), "'d4lr' is not one of"),
    "other kind's key": (("hopper-medium-v2", "stands_for", "x"), "unknown key 'stands_for'"),
    "a collected address": (("hopper-medium-local", "url", "http://a/b.hdf5"), "unknown key 'url'"),
    "not an address": (("hopper-medium-v2", "url", "ftp://a/b.hdf5"), "hopper-medium-v2.url"),
    "unknown level": (("hopper-medium-local", "level", "good"), "'good' is not one of"),
    "size as text": (("hopper-medium-v2", "bytes", "1 GB"), "is not of type 'integer'"),
    "no task": (("hopper-medium-v2", "task", None), "'task' is a required property"),
    "no address": (("hopper-medium-v2", "url", None), "'url' is a required property"),
    "no kind": (("hopper-medium-v2", "kind", None), "'kind' is a required property"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_schema_refuses_and_says_why(content, case):
    (name, key, value), message = REFUSED[case]
    changed = copy.deepcopy(content)
    if value is None:
        del changed["datasets"][name][key]
    else:
        changed["datasets"][name][key] = value
    config.validate(content, "datasets", "datasets.yaml")
    with pytest.raises(SyntherError, match=message) as caught:
        config.validate(changed, "datasets", "datasets.yaml")
    assert name in str(caught.value)


def test_schema_refuses_unknown_top_level_keys_and_bad_mirrors(content):
    with pytest.raises(SyntherError, match="did you mean mirrors"):
        config.validate(content | {"mirors": []}, "datasets", "datasets.yaml")
    with pytest.raises(SyntherError, match=r"mirrors\.0"):
        config.validate(content | {"mirrors": ["/folder"]}, "datasets", "datasets.yaml")


def test_an_address_that_is_no_hdf5_is_told_what_makes_one(edit_config):
    edit_config("datasets.yaml", "/hopper_random-v2.hdf5", "/hopper_random-v2.npz")
    with pytest.raises(SyntherError, match=r"expected an https:// or file:// .*synther export"):
        config.load("datasets")
