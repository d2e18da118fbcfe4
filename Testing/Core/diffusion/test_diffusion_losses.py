"""The losses, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from DiffusionCore.diffusion import loss
from DiffusionCore.errors import UsageError

PREDICTION = torch.tensor([[0.0, 3.0], [1.0, -1.0]])
TARGET = torch.tensor([[0.5, 0.0], [1.0, 1.0]])  # residuals -0.5, 3, 0, -2


@pytest.mark.parametrize(
    ("kind", "options", "terms"),
    [
        ("l1", {}, [0.5, 3, 0, 2]),
        ("l2", {}, [0.25, 9, 0, 4]),
        ("huber", {}, [0.125, 2.5, 0, 1.5]),
        ("huber", {"delta": 2.5}, [0.125, 2.5 * (3 - 1.25), 0, 2]),
    ],
)
def test_a_loss_is_the_mean_of_its_weighted_terms(kind, options, terms):
    measure = loss(kind, **options)
    assert measure(PREDICTION, TARGET).item() == pytest.approx(sum(terms) / 4)
    weight = torch.tensor([[1.0, 0.0], [5.0, 2.0]])
    assert measure(PREDICTION, TARGET, weight).item() == pytest.approx((terms[0] + 2 * terms[3]) / 4)
    rows = torch.tensor([[1.0], [3.0]])
    assert measure(PREDICTION, TARGET, rows).item() == pytest.approx((sum(terms[:2]) + 3 * sum(terms[2:])) / 4)


def test_l2_is_least_at_the_mean_and_l1_at_the_median():
    values = torch.tensor([0.0, 0.0, 9.0])
    guesses = torch.linspace(-1, 10, 111)
    best = {
        k: guesses[torch.stack([loss(k)(g.expand(3), values) for g in guesses]).argmin()].item() for k in ("l1", "l2")
    }
    assert best["l2"] == pytest.approx(3.0, abs=0.06)
    assert best["l1"] == pytest.approx(0.0, abs=0.06)


def test_a_loss_has_the_gradient_of_its_formula():
    prediction = PREDICTION.clone().requires_grad_()
    loss("huber")(prediction, TARGET).backward()
    assert prediction.grad.flatten().tolist() == pytest.approx([-0.5 / 4, 1 / 4, 0, -1 / 4])


def test_bad_losses_are_refused():
    with pytest.raises(UsageError, match="no loss 'l3'; there are l1, l2, huber"):
        loss("l3")
    for delta in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="delta"):
            loss("huber", delta=delta)
    with pytest.raises(UsageError, match="differ in shape"):
        loss("l2")(PREDICTION, TARGET[:1])
