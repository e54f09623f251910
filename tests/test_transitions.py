"""The container of transitions, and its .npz files."""

from __future__ import annotations

import itertools
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synther import SyntherError, Transitions
from synther.jobs.resumable import TransitionsWriter
from synther.transitions import FIELDS


def some(n: int = 7, d: int = 3, a: int = 2, seed: int = 0) -> Transitions:
    generator = np.random.default_rng(seed)
    return Transitions(
        observations=generator.standard_normal((n, d)),
        actions=generator.uniform(-1, 1, (n, a)),
        rewards=generator.standard_normal(n),
        next_observations=generator.standard_normal((n, d)),
        terminals=generator.integers(0, 2, n),
    )


def arrays(transitions: Transitions) -> dict[str, np.ndarray]:
    return {name: getattr(transitions, name) for name in FIELDS}


def assert_equal(left: Transitions, right: Transitions) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


shapes = st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))


@given(shape=shapes)
@settings(max_examples=25)
def test_what_is_saved_is_loaded(shape: tuple[int, int, int, int]) -> None:
    transitions = some(*shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made" / "here.npz"
        transitions.save(path)
        assert_equal(Transitions.load(path), transitions)
        assert [entry.name for entry in path.parent.iterdir()] == ["here.npz"]


def test_the_file_has_the_authors_keys_and_shapes(tmp_path: Path) -> None:
    some(n=7, d=3, a=2).save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as archive:
        found = {name: (archive[name].shape, str(archive[name].dtype)) for name in archive.files}
    assert found == {
        "observations": ((7, 3), "float32"),
        "actions": ((7, 2), "float32"),
        "rewards": ((7,), "float32"),
        "next_observations": ((7, 3), "float32"),
        "terminals": ((7,), "float32"),
    }


def test_columns_of_width_one_and_other_number_types_are_taken(tmp_path: Path) -> None:
    expected = some()
    given_arrays = arrays(expected)
    given_arrays["rewards"] = given_arrays["rewards"][:, None].astype(np.float64)
    given_arrays["terminals"] = given_arrays["terminals"][:, None].astype(bool)
    np.savez_compressed(tmp_path / "x.npz", **given_arrays)
    assert_equal(Transitions.load(tmp_path / "x.npz"), expected)


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_key_is_named(tmp_path: Path, name: str) -> None:
    kept = {key: value for key, value in arrays(some()).items() if key != name}
    np.savez(tmp_path / "x.npz", **kept)
    with pytest.raises(SyntherError, match=rf"x\.npz lacks {name};"):
        Transitions.load(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("observations", np.zeros(7)),
        ("observations", np.zeros((6, 3))),
        ("next_observations", np.zeros((7, 4))),
        ("actions", np.zeros((7, 2, 1))),
        ("rewards", np.zeros((7, 2))),
        ("terminals", np.zeros(6)),
        ("rewards", np.zeros(())),
        ("actions", np.full((7, 2), "left")),
        ("rewards", np.zeros(7, dtype=np.complex64)),
        ("terminals", np.zeros(7, dtype=[("a", "f4")])),
    ],
)
def test_unfitting_arrays_are_refused(tmp_path: Path, name: str, wrong: np.ndarray) -> None:
    np.savez(tmp_path / "x.npz", **(arrays(some()) | {name: wrong}))
    with pytest.raises(SyntherError, match=r"x\.npz: .*(shape|type)"):
        Transitions.load(tmp_path / "x.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("name", FIELDS)
def test_values_that_are_not_finite_are_found_with_their_row(
    tmp_path: Path, name: str, value: float
) -> None:
    changed = {key: array.astype(np.float64) for key, array in arrays(some()).items()}
    changed[name][4] = value
    changed[name][6] = -value
    np.savez(tmp_path / "x.npz", **changed)
    with pytest.raises(
        SyntherError, match=rf"x\.npz: {name} are NaN or infinite in 2 of 7.*first: row 4"
    ):
        Transitions.load(tmp_path / "x.npz")


def test_large_finite_values_are_not_taken_for_infinite() -> None:
    huge = np.full((4, 2), np.finfo(np.float32).max)
    zeros = np.zeros(4)
    transitions = Transitions(huge, huge, zeros, -huge, zeros)
    assert transitions.check_finite("here") is transitions


def many(rows: int = 3000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"rewards": (rows,), "terminals": (rows,), "actions": (rows, 2)}
    found = {name: rng.standard_normal(shapes.get(name, (rows, 3))) for name in FIELDS}
    return found | {"terminals": (found["terminals"] > 2).astype(float)}


@pytest.mark.parametrize("value", [1e30, -1e30, 3e6, 3e3])
@pytest.mark.parametrize("name", FIELDS[:-1])
def test_one_value_that_dwarfs_its_column_is_named(tmp_path: Path, name: str, value: float) -> None:
    content, place = many(), name
    if name == "rewards":
        if abs(value) == 3e3:
            pytest.skip("a reward may be rare and large")
        content[name] *= 0.01
        content[name][1234] = value
    else:
        content[name][1234, 1], place = value, f"column 1 of {name}"
    np.savez(tmp_path / "x.npz", **content)
    words = rf"x\.npz: row 1234 of {place} is {value:g}, .*: 1 of 3000 values make (99\.|100)"
    with pytest.raises(SyntherError, match=words.replace("+", r"\+")):
        Transitions.load(tmp_path / "x.npz")


def test_a_few_that_dwarf_their_column_are_counted(tmp_path: Path) -> None:
    content = many()
    content["observations"][[5, 77, 2000], 2] = (1e20, 1e19, -1e20)
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(SyntherError, match=r"column 2 of observations .* 3 of 3000 values"):
        Transitions.load(tmp_path / "x.npz")


def test_rare_and_large_values_of_real_data_are_none(tmp_path: Path) -> None:
    content = many()
    content["observations"][:, 0] = np.linspace(-1e6, 1e6, 3000)  # a position
    content["observations"][:, 1] *= np.exp(2 * np.abs(content["observations"][:, 1]))  # forces
    content["observations"][:, 2] = np.arange(3000) == 7  # something that happened once
    content["next_observations"][:, 0] = 4e4  # constant
    content["actions"][11] = 90.0
    content["rewards"] = np.where(np.arange(3000) == 2999, 1e4, -0.001)  # the goal, at last
    np.savez(tmp_path / "x.npz", **content)
    assert len(Transitions.load(tmp_path / "x.npz")) == 3000


def test_terminals_that_are_no_flags_want_a_threshold(tmp_path: Path) -> None:
    content = many()
    content["terminals"] = np.linspace(-0.05, 1.04, 3000)
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(
        SyntherError, match=r"x\.npz: terminals are not all 0 or 1 \(they go from -0\.05"
    ):
        Transitions.load(tmp_path / "x.npz")
    found = Transitions.load(tmp_path / "x.npz", threshold_terminals=0.9).terminals
    np.testing.assert_array_equal(found, np.float32(content["terminals"] > 0.9))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, bytes]:
    folder = tmp_path_factory.mktemp("stored")
    some().save(folder / "plain.npz")
    np.savez_compressed(folder / "compressed.npz", **arrays(some()))
    return {
        False: (folder / "plain.npz").read_bytes(),
        True: (folder / "compressed.npz").read_bytes(),
    }


@given(share=st.floats(0, 1, exclude_max=True), compressed=st.booleans())
@settings(max_examples=60)
def test_a_file_cut_short_is_refused(
    stored: dict[bool, bytes], share: float, compressed: bool
) -> None:
    whole = stored[compressed]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut.npz"
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(SyntherError, match=r"cut\.npz"):
            Transitions.load(path)


@given(data=st.data(), compressed=st.booleans())
@settings(max_examples=150)
@pytest.mark.filterwarnings("ignore")  # zipfile and numpy may warn before they give up
def test_flipped_bytes_never_raise_another_error(
    stored: dict[bool, bytes], data: st.DataObject, compressed: bool
) -> None:
    damaged = bytearray(stored[compressed])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.npz"
        path.write_bytes(bytes(damaged))
        try:
            loaded = Transitions.load(path)
        except SyntherError as error:
            message = str(error)
        else:  # the zip format has bytes that no reader looks at; the rows are checksummed
            assert_equal(loaded, some())
            message = str(path)
        assert "damaged.npz" in message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", b"\x93NUMPY\x01\x00"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SyntherError, match=r"x\.npz is not a whole \.npz"):
        Transitions.load(tmp_path / "x.npz")


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "x.npz", "wb") as handle:
        np.save(handle, np.zeros((7, 3)))
    with pytest.raises(SyntherError, match=r"x\.npz is not a whole \.npz"):
        Transitions.load(tmp_path / "x.npz")


class Trap:
    """Its unpickling would leave a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.target), "w")


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.savez(tmp_path / "object.npz", **(arrays(some()) | {"rewards": trap}))
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    for name in ("object.npz", "pickle.npz"):
        with pytest.raises(SyntherError, match=name):
            Transitions.load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["missing.npz", "."])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SyntherError, match="does not exist or is not a file"):
        Transitions.load(tmp_path / name)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    some()[:0].save(tmp_path / "x.npz")
    with pytest.raises(SyntherError, match=r"x\.npz holds no transitions"):
        Transitions.load(tmp_path / "x.npz")


def test_packed_rows_and_back() -> None:
    transitions = some(n=5, d=3, a=2)
    packed = transitions.packed()
    assert packed.shape == (5, 3 + 2 + 1 + 3 + 1)
    np.testing.assert_array_equal(packed[:, 5], transitions.rewards)
    assert_equal(Transitions.unpack(packed, 3, 2), transitions)
    with pytest.raises(SyntherError, match="width 10"):
        Transitions.unpack(packed, 3, 3)


def test_rows_are_chosen_and_joined() -> None:
    transitions = some(n=9)
    mask = np.arange(9) % 2 == 0
    assert_equal(transitions[mask], transitions[np.flatnonzero(mask)])
    assert_equal(Transitions.concatenate([transitions[:4], transitions[4:]]), transitions)


@given(cuts=st.lists(st.integers(0, 30), max_size=5))
@settings(max_examples=20)
def test_the_writer_writes_what_save_writes(cuts: list[int]) -> None:
    transitions = some(n=30)
    edges = [0, *sorted(cuts), 30]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sub/parts.npz"
        with TransitionsWriter(path) as writer:
            for first, last in itertools.pairwise(edges):
                writer.append(transitions[first:last])
        assert_equal(Transitions.load(path), transitions)
        with np.load(path) as archive:
            assert archive.files == list(FIELDS)
        assert [entry.name for entry in path.parent.iterdir()] == ["parts.npz"]


def test_same_rows_same_bytes_whatever_the_parts(tmp_path: Path) -> None:
    for name, size in (("a.npz", 5), ("b.npz", 30)):
        with TransitionsWriter(tmp_path / name) as writer:
            for first in range(0, 30, size):
                writer.append(some(n=30)[first : first + size])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_writer_keeps_no_part_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    part = some(n=4000, d=20, a=5)
    size = part.packed().nbytes
    tracemalloc.start()
    with TransitionsWriter(tmp_path / "x.npz") as writer:
        for _ in range(40):
            writer.append(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "x.npz").stat().st_size > 40 * size
    assert peak < 20 * size  # buffers of a few MiB, and not the forty parts


def test_the_writer_leaves_nothing_behind_when_its_block_fails(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"old")

    def fail() -> None:
        with TransitionsWriter(tmp_path / "x.npz") as writer:
            writer.append(some())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]
    assert (tmp_path / "x.npz").read_bytes() == b"old"


def test_parts_of_other_widths_are_refused(tmp_path: Path) -> None:

    def mix() -> None:
        with TransitionsWriter(tmp_path / "x.npz") as writer:
            writer.append(some(d=3))
            writer.append(some(d=4))

    with pytest.raises(SyntherError, match=r"\(4, 2\) can't follow \(3, 2\)"):
        mix()
    assert not list(tmp_path.iterdir())


def test_a_writer_whose_folder_can_not_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyntherError, match="a part of the path is a file"):
        TransitionsWriter(tmp_path / "file/x.npz").__enter__()
