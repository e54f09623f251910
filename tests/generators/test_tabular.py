"""TVAE and CTGAN of the optional package, and what happens without it."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from synther.errors import SyntherError
from synther.generators import Generator, make_generator
from synther.generators.tabular import CTGAN, TVAE, CTGANSettings
from synther.tensors import weights
from synther.transitions import FIELDS, Transitions


def rows(n=400, flags=True, seed=0):
    """Two clusters, of which the second is terminal; one column never changes."""
    rng = np.random.default_rng(seed)
    side = rng.random(n) < 0.3
    s = np.stack([side * 10.0 + rng.normal(size=n), np.full(n, 7.0)], axis=1)
    a = rng.uniform(-1, 1, (n, 1))
    return Transitions(s, a, s[:, 0] + a[:, 0], s, side & flags)


@pytest.fixture(scope="module", params=["tvae", "ctgan"])
def fitted(request):
    pytest.importorskip("ctgan")
    small = {"epochs": 3, "batch_size": 100, "embedding_dim": 8, "rows": 300}
    return make_generator(request.param, small).fit(rows(), seed=1, progress=False)


def test_they_keep_the_protocol(fitted):
    assert isinstance(fitted, Generator)
    assert fitted.num_parameters > 100
    drawn = fitted.sample(120, seed=3)
    assert drawn.observations.shape == (120, 2)
    assert set(np.unique(drawn.terminals)) <= {0.0, 1.0}
    assert (drawn.observations[:, 1] == 7.0).all()  # the constant column
    drawn.check_finite("samples")


def test_samples_are_the_seeds_and_survive_a_save(fitted, tmp_path):
    fitted.save(tmp_path)
    again = type(fitted).load(tmp_path)
    assert again.settings == fitted.settings
    for name in FIELDS:
        one, same, other = (
            getattr(g.sample(50, seed=s), name) for g, s in ((fitted, 5), (again, 5), (fitted, 6))
        )
        np.testing.assert_array_equal(one, same)
        if name == "actions":
            assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["tvae", "ctgan"])
def test_without_any_terminal_there_is_none(kind, tmp_path):
    pytest.importorskip("ctgan")
    settings = {"epochs": 1, "batch_size": 50, "embedding_dim": 4, "rows": 100}
    model = make_generator(kind, settings).fit(rows(flags=False), progress=False)
    assert not model.sample(30).terminals.any()
    model.save(tmp_path)  # some of the package's arrays are empty then
    assert not type(model).load(tmp_path).sample(30).terminals.any()


@pytest.mark.slow
def test_a_tvae_finds_both_clusters():
    pytest.importorskip("ctgan")
    settings = {"epochs": 60, "batch_size": 100, "rows": 1000}
    model = make_generator("tvae", settings).fit(rows(2000), seed=0, progress=False)
    drawn = model.sample(2000)
    assert drawn.terminals.mean() == pytest.approx(0.3, abs=0.2)
    # whose rows are the terminal ones
    flags = drawn.terminals > 0.5
    assert drawn.observations[flags, 0].mean() > drawn.observations[~flags, 0].mean() + 4


def test_a_damaged_file_is_refused(tmp_path):
    pytest.importorskip("ctgan")
    (tmp_path / "model.pt").write_bytes(b"no model")
    with pytest.raises(SyntherError, match="damaged"):
        TVAE.load(tmp_path)


class Trap:
    """Its unpickling would leave a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def test_a_model_that_names_anything_else_is_refused(tmp_path):
    pytest.importorskip("ctgan")
    content = {"model": Trap(tmp_path / "sprung"), "constants": {}, "widths": [1, 1]}
    weights.save(tmp_path / "model.pt", {**content, "settings": {}})
    with pytest.raises(SyntherError, match="damaged"):
        TVAE.load(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_unfit_settings_are_refused():
    with pytest.raises(SyntherError, match="multiple of pac"):
        CTGANSettings(batch_size=55)
    pytest.importorskip("ctgan")
    with pytest.raises(SyntherError, match="not fitted"):
        TVAE().sample(3)
    with pytest.raises(SyntherError, match="too few"):
        TVAE().fit(rows(5))


@pytest.mark.parametrize("kind", [TVAE, CTGAN])
def test_without_the_package_it_says_how_to_get_it(monkeypatch, kind):
    imported = builtins.__import__

    def without(name, *arguments, **options):
        if name == "ctgan":
            raise ModuleNotFoundError("No module named 'ctgan'")
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SyntherError, match=r"pip install 'synther\[ctgan\]'.*BUSL-1.1"):
        kind()
