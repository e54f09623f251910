"""`synther verify` on what `synther loss` leaves beside a model."""

from __future__ import annotations

from pathlib import Path

from test_verify import Tree

from synther.jobs import provenance
from synther.jobs.files import sha256, write_json


def test_losses_are_held_against_their_model_and_data(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    losses, folder = tree.model.with_name("loss.json"), tree.model.parent.relative_to(tmp_path)
    record = {
        "held_out_loss": 0.5,
        "model": {"path": str(folder), "sha256": sha256(tree.model)},
        "inputs": {"data": tree.input(tree.dataset), "seen": tree.input(tree.dataset)},
        "version": provenance.version(),
    }
    write_json(losses, record)
    assert of_losses(tree) == []
    tree.change(losses, model={"path": str(folder), "sha256": "0" * 64}, inputs={})
    assert [kind for kind, _ in of_losses(tree)] == ["stale", "damaged", "damaged"]
    assert "its model" in of_losses(tree)[0][1]


def of_losses(tree: Tree) -> list[tuple[str, str]]:
    every = tree.verify().findings
    return [(found.kind, found.message) for found in every if found.path.endswith("loss.json")]
