"""Results packed into one file: the same bytes each time, checked, shown; and hostile ones."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError
from synther.cli import main
from synther.jobs.archive import merge, opened, pack
from synther.jobs.files import sha256
from synther.verification.trees import compare_trees

REPOSITORY = Path(__file__).parents[2]
CELLS = ("halfcheetah/td3_bc", "hopper/iql", "hopper/td3_bc", "walker2d/td3_bc")
ROWS = "results/known/offline/hopper-medium-local/real/iql/seeds-0-3.parquet"
START = Path.cwd()
"""What relative variables are relative to: where the program was started."""
Members = dict[str, bytes]


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A copy of some results that the repository ships, with what is not packed beside."""
    folder = tmp_path / "results/known"
    for task, agent in (cell.split("/") for cell in CELLS):
        below = f"offline/{task}-medium-local/real/{agent}"
        shutil.copytree(REPOSITORY / "results/known" / below, folder / below)
    model = folder / "generators/hopper-medium-local/synther"
    model.mkdir(parents=True)
    for name in ("model.pt", "samples.npz", ".model.0a1b2c3d.tmp.json", "fit.ckpt"):
        (model / name).write_bytes(b"heavy")
    return folder


@pytest.fixture
def archive(known: Path, tmp_path: Path) -> Path:
    pack(known, tmp_path / "known.zip")
    return tmp_path / "known.zip"


def test_the_same_results_are_the_same_bytes(known: Path, archive: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere/results/known"
    shutil.copytree(known, moved)
    for path in moved.rglob("*"):
        os.utime(path, (time.time() + 9000,) * 2)
        path.chmod(0o700)
    assert pack(moved, tmp_path / "again.zip") == 2 * len(CELLS)
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
    assert {Path(name).suffix for name in names} == {"", ".json", ".parquet"}
    assert ROWS in names


def test_unzip_and_sha256sum_are_enough_to_check_it(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        content.extractall(tmp_path / "out")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count(": OK") == 8


def test_an_archive_is_verified_compared_and_named(
    archive: Path, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path.cwd()
    assert main(["verify", str(archive)]) == 0
    said = capsys.readouterr().out
    assert "4 results checked, among them 4 of the " in said
    assert said.startswith("unverified  results/known/offline/")
    pairs = compare_trees(archive, known).pairs
    assert len(pairs) == 4
    assert not any(pair.differs or pair.difference.value for pair in pairs)
    assert compare_trees(known, archive).titles == (str(known), str(archive))
    assert Path.cwd() == before
    with opened(archive) as folder:
        mode = (folder / "offline").stat().st_mode | next(folder.rglob("*.json")).stat().st_mode
        assert not mode & 0o222
        there = folder.resolve()
    assert not there.exists()


def test_relative_paths_are_those_of_the_caller(
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    edit_config: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    edited = edit_config("presets/known.yaml", "  steps: 100000", "  steps: 100001")
    monkeypatch.setenv("SYNTHER_CONFIG", os.path.relpath(edited.parents[1], START))
    monkeypatch.chdir(archive.parent)
    assert main(["verify", "known.zip"]) == 1
    assert "stale" in capsys.readouterr().out
    assert compare_trees("known.zip", "results/known").pairs


def rewritten(archive: Path, change: Callable[[Members], object], sums: bool = True) -> Path:
    """Write an archive whose members were changed, with checksums that fit, or the old ones."""
    with zipfile.ZipFile(archive) as content:
        members = {name: content.read(name) for name in content.namelist()}
    change(members)
    if sums:
        members.pop("SHA256SUMS", None)
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        members["SHA256SUMS"] = lines.encode()
    with zipfile.ZipFile(archive, "w") as content:
        for name, data in members.items():
            content.writestr(zipfile.ZipInfo(name), data)
    return archive


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/x.json",
        "../outside.json",
        "results/known/../../outside.json",
        "results/../outside.json",
        "results/known/.hidden/x.json",
        "results/known/offline/x.pt",
        "results/known/offline/x.json\n../y.json",
        "results\\known\\x.json",
        "results/KNOWN/x.json",
        "results/known//x.json",
        "results/other/x.json",
    ],
)
def test_hostile_names_are_refused(archive: Path, name: str) -> None:
    rewritten(archive, lambda members: members.update({name: b"{}"}))
    with pytest.raises(SyntherError, match="is no whole archive of results"), opened(archive):
        pytest.fail("it was opened")
    assert not list(archive.parent.glob("*.json"))


@pytest.mark.parametrize("how", ["edited", "added", "removed", "no sums", "cut", "no zip"])
def test_what_was_not_packed_so_is_refused(archive: Path, how: str) -> None:
    changes: dict[str, Callable[[Members], object]] = {
        "edited": lambda m: m.update({ROWS: m[ROWS] + b" "}),
        "added": lambda m: m.update({"results/known/x.json": b"{}"}),
        "removed": lambda m: m.pop(ROWS),
        "no sums": lambda m: m.pop("SHA256SUMS"),
    }
    if how in changes:
        rewritten(archive, changes[how], sums=False)
    else:
        whole = archive.read_bytes()
        archive.write_bytes(whole[: len(whole) // 2] if how == "cut" else b"nothing")
    with pytest.raises(SyntherError, match="get it anew from where it came"), opened(archive):
        pytest.fail("it was opened")


def test_what_would_swell_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as content:
        content.writestr("results/known/zeros.json", b"0" * 10_000_000)
    with pytest.raises(SyntherError, match="larger than the file"), opened(archive):
        pytest.fail("it was opened")


def test_a_link_in_an_archive_is_a_file_of_its_text(archive: Path) -> None:
    rewritten(archive, lambda members: members.pop(ROWS))
    with zipfile.ZipFile(archive) as content:
        members = {name: content.read(name) for name in content.namelist()}
    members[ROWS], link = b"/etc/passwd", zipfile.ZipInfo(ROWS)
    link.external_attr = 0o120777 << 16
    members["SHA256SUMS"] += f"{hashlib.sha256(members[ROWS]).hexdigest()}  {ROWS}\n".encode()
    with zipfile.ZipFile(archive, "w") as content:
        for name, data in members.items():
            content.writestr(link if name == ROWS else zipfile.ZipInfo(name), data)
    with opened(archive) as folder:
        found = folder.parents[1] / ROWS
        assert not found.is_symlink()
        assert found.read_bytes() == b"/etc/passwd"


def test_edited_results_are_found_behind_fitting_checksums(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ROWS.replace("iql", "td3_bc")
    rewritten(archive, lambda members: members.update({ROWS: members[other]}))
    assert main(["verify", str(archive)]) == 1
    said = capsys.readouterr()
    assert "rows say agent td3_bc, its path iql" in said.out
    assert "its checksum differs" in said.out
    record = ROWS.replace(".parquet", ".json")
    rewritten(archive, lambda members: members.pop(record))
    assert main(["pack", str(archive)]) == 1  # what verify finds wrong is not packed either


def test_results_unfit_for_a_table_are_not_packed(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(known / "generators")
    (known.parents[1] / ROWS).unlink()
    assert main(["pack", str(known), "--out", str(tmp_path / "x.zip")]) == 1
    assert "its result is missing" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
    with pytest.raises(SyntherError, match="has no results"):
        pack(tmp_path / "none", tmp_path / "x.zip")


def test_a_preset_that_is_not_here_is_named(archive: Path, tmp_path: Path) -> None:
    with opened(archive) as folder:
        shutil.copytree(folder, tmp_path / "results/mine")
    assert pack(tmp_path / "results/mine", tmp_path / "mine.zip") == 8
    assert main(["verify", str(tmp_path / "mine.zip")]) == 1


def test_results_come_in_and_what_is_there_must_be_equal(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine/results"
    assert main(["import", str(archive), "--out", str(out)]) == 0
    assert sha256(out.parent / ROWS) == sha256(tmp_path / ROWS)
    record = (out.parent / ROWS).with_suffix(".json")
    record.write_text(json.dumps({"wall_time_s": 1.0}))  # the same rows, made on another machine
    removed = out / "known/offline/walker2d-medium-local"
    shutil.rmtree(removed)
    assert merge(archive, out) == (2, 6)
    assert json.loads(record.read_text()) == {"wall_time_s": 1.0}
    shutil.rmtree(removed)
    (out.parent / ROWS).write_bytes(b"other rows")
    capsys.readouterr()
    assert main(["import", str(archive), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert f"1 of its files are in {out.parent} with other content, the first is {ROWS}" in said
    assert not removed.exists()
    assert (out.parent / ROWS).read_bytes() == b"other rows"
    with pytest.raises(SyntherError, match="must be a folder called results"):
        merge(archive, tmp_path / "known")


def test_the_page_sets_archives_side_by_side(
    archive: Path, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(known / "offline/walker2d-medium-local")
    out = tmp_path / "board.html"
    assert main(["report", str(archive), str(known)]) == 1
    assert "say with --out" in capsys.readouterr().err
    assert main(["report", str(archive), str(known), "--out", str(out)]) == 0
    page = out.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    assert len(data["runs"]) == 7
    board = page.partition('<section id="board"')[2].partition("</section>")[0]
    rows = re.findall(r"<tr>\s*<td.*?</tr>", board, re.S)
    cells = [re.findall(r'data-keys="([^"]*)">([^<]*)<', row) for row in rows]
    hopper = "hopper-medium-local|real|iql"
    assert [("A: " + hopper, "43.5 ± 4.4 (4)"), ("B: " + hopper, "43.5 ± 4.4 (4)")] in cells
    assert sorted(map(len, cells)) == [1, 2, 2, 2]
    assert f"sha256 {sha256(archive)}" in board
    # every number of every table, of either tree, leads to its runs and their records
    keys = {key for some in re.findall(r'data-keys="([^"]*)"', page) for key in some.split("\n")}
    assert keys & data["runs"].keys() == data["runs"].keys()
    for key, run in data["runs"].items():
        assert all(path.startswith(key[:3]) for path in [*run["files"], *run["records"]])
        assert all(data["records"][path]["commit"] for path in run["records"])
    for name in ("table1-a", "table1-b", "learning_curves-a"):
        assert f'<section id="{name}"' in page
    assert main(["report", *[str(archive)] * 27, "--out", str(out)]) == 1
    assert "a page shows 26 trees at most, not 27" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--out", str(out)]) == 1
    assert "neither an archive nor a folder results/PRESET" in capsys.readouterr().err
