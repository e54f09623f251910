"""What a call that is a graph on a GPU keeps alive, wherever it runs."""

import gc
import weakref

import pytest
import torch

from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.trainer import Trainer
from synther.tensors.graphed import GraphedCall, collected


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_trainer_goes_with_its_last_reference(no_collector):
    settings = DiffusionSettings(width=8, depth=1, dim_t=8, steps=3, batch_size=4)
    trainer = Trainer(torch.randn(10, 5), settings, seed=0)
    network = trainer.run()
    gone = weakref.ref(trainer)
    del trainer
    assert gone() is None  # its rows and moments would stay on the GPU, retraining by retraining
    assert network.flat.isfinite().all()


def test_what_a_call_is_made_of_stays(no_collector):
    weight = torch.tensor(2.0)
    call = GraphedCall(lambda inputs: {"y": weight * inputs["x"]})
    assert call({"x": torch.tensor(3.0)})["y"] == 6.0


def test_nothing_is_collected_during_a_capture():
    assert gc.isenabled()
    with collected():
        assert not gc.isenabled()
    assert gc.isenabled()
