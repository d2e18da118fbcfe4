"""Classifier-free guidance on x0_hat."""

from __future__ import annotations

import math

import pytest
import torch

from DiffusionCore.diffusion import classifier_free, epsilon_from, make_process, x0_from
from DiffusionCore.errors import UsageError


def conditional(x, t):
    return 3 * x + t


def unconditional(x, t):
    return x - 1


X = torch.tensor([[[0.0, 2.0]]])


def refuse(x, t):
    raise AssertionError("this network need not be called")


def test_scale_0_is_unconditional_and_1_conditional_with_one_call():
    assert torch.equal(classifier_free(refuse, unconditional, 0)(X, 5), unconditional(X, 5))
    assert torch.equal(classifier_free(conditional, refuse, 1)(X, 5), conditional(X, 5))


@pytest.mark.parametrize("scale", [0.5, 1.5, 2, 4])
def test_guidance_goes_along_the_line_through_both(scale):
    guided = classifier_free(conditional, unconditional, scale)(X, 5)
    assert guided.flatten().tolist() == pytest.approx([-1 + scale * 6, 1 + scale * 10])


@pytest.mark.parametrize("kind", ["epsilon", "v"])
def test_guiding_x0_is_guiding_epsilon_or_v(kind):
    a, s = make_process("capped_cosine", 10).pair(4)
    x, c, u = torch.randn(3, 2, 1, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64).unbind(0)
    to_prediction = {
        "epsilon": lambda x0: epsilon_from("x0", x0, x, a, s),
        "v": lambda x0: a * epsilon_from("x0", x0, x, a, s) - s * x0,
    }[kind]
    combined = to_prediction(u) + 2.5 * (to_prediction(c) - to_prediction(u))
    guided = classifier_free(lambda x, t: c, lambda x, t: u, 2.5)(x, 4)
    assert torch.allclose(x0_from(kind, combined, x, a, s), guided, atol=1e-12)


@pytest.mark.parametrize("scale", [-0.1, math.nan, math.inf])
def test_bad_scales_are_refused(scale):
    with pytest.raises(UsageError, match="guidance scale"):
        classifier_free(conditional, unconditional, scale)
