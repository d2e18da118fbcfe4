"""The moving average of the weights, by hand."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.training.config import OptimiserConfig
from DiffusionCore.training.ema import MovingAverage
from DiffusionCore.training.lightning_module import learning_rate


def weight(value: float) -> torch.nn.Linear:
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(module.weight, value)
    return module


def test_the_decay_warms_up_as_one_plus_n_over_ten_plus_n():
    module = weight(0.0)
    average = MovingAverage(module, 0.99)
    torch.nn.init.constant_(module.weight, 1.0)
    average.update(module, 0)
    assert float(average.weights["weight"]) == pytest.approx(0.9)  # decay 1/10
    average.update(module, 1)
    assert float(average.weights["weight"]) == pytest.approx(0.9 + 0.1 * 9 / 11)  # decay 2/11


def test_late_on_the_decay_is_what_was_asked_for():
    module = weight(0.0)
    average = MovingAverage(module, 0.9)
    torch.nn.init.constant_(module.weight, 1.0)
    average.update(module, 10_000)
    assert float(average.weights["weight"]) == pytest.approx(0.1)


def test_the_module_has_its_own_weights_back_even_after_an_error():
    module = weight(2.0)
    average = MovingAverage(module, 0.9)
    torch.nn.init.constant_(module.weight, 5.0)
    with pytest.raises(ValueError, match="stop"), average.applied(module):
        assert module.weight.item() == 2.0
        raise ValueError("stop")
    assert module.weight.item() == 5.0


def test_the_learning_rate_warms_up_and_falls_as_a_cosine():
    config = OptimiserConfig(learning_rate=1.0, warmup_steps=9, final=0.0)
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(config, 9, 0.0) == pytest.approx(1.0)
    assert learning_rate(config, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(config, 200, 1.0) == pytest.approx(0.0)
