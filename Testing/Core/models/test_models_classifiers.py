"""Classifiers on disk: what is saved is what is loaded, checked, and told apart from models that make scans."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from DiffusionCore.classification import LabelDiffusion, preset
from DiffusionCore.errors import ModelError, UsageError
from DiffusionCore.models import (
    Card,
    ClassifySpec,
    DiffusionSpec,
    NetworkSpec,
    Range,
    ValidRanges,
    load_model,
    verify_model,
)
from DiffusionCore.models.classifiers import load_classifier, macs_per_voxel, save_classifier

WIDE = Range(low=0.1, high=10)


def card(**changes: object) -> Card:
    facts = {
        "name": "tiny-classifier",
        "task": "classify",
        "modality": "MR",
        "summary": "Untrained, for tests.",
        "network": NetworkSpec(unet={}),
        "diffusion": DiffusionSpec(),
        "normalisation": "p99.5",
        "valid": ValidRanges(sigma_normalised=WIDE, spacing_mm=WIDE, slice_spacing_mm=WIDE),
        "classify": ClassifySpec(classes=["no", "yes"], size=(16, 16, 16), spacing_mm=2.0),
    }
    return Card(**{**facts, **changes})


@pytest.fixture(scope="module")
def network() -> LabelDiffusion:
    torch.manual_seed(0)
    config = preset(
        "small", grid=(16, 16, 16), encoder=(8, 8), features=16, local=(8, 8), unet=(8, 16), steps=20, region=(4, 4, 4)
    )
    return LabelDiffusion(config).eval()


@pytest.fixture
def folder(network, tmp_path) -> Path:
    save_classifier(tmp_path / "tiny-classifier", card(), network)
    return tmp_path / "tiny-classifier"


def test_the_same_network_comes_back_in_half_precision(network, folder):
    loaded = load_classifier(folder)
    assert loaded.network.config == network.config
    assert loaded.card.network.parameters == sum(p.numel() for p in network.parameters())
    assert loaded.card.network.macs_per_voxel == pytest.approx(macs_per_voxel(network, 10, 10), abs=0.1)
    x = torch.rand(1, 1, 16, 16, 16)
    for found, wanted in zip(loaded.network.encode(x).global_logits, network.encode(x).global_logits, strict=True):
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0.02)


def test_work_is_that_of_encoding_and_of_each_step_of_each_sample(network):
    once, twice, four = (macs_per_voxel(network, *drawn) for drawn in ((1, 1), (1, 2), (2, 2)))
    step = twice - once
    assert step > 0 and four == pytest.approx(once + 3 * step)


def test_it_is_verified(folder):
    assert verify_model(folder).name == "tiny-classifier"


def test_a_changed_configuration_no_longer_fits(folder):
    content = yaml.safe_load((folder / "card.yaml").read_text())
    content["classify"]["network"]["features"] = 24
    (folder / "card.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError, match="don't fit"):
        load_classifier(folder)


def test_an_unknown_field_is_no_network(folder):
    content = yaml.safe_load((folder / "card.yaml").read_text())
    content["classify"]["network"]["depth"] = 9
    (folder / "card.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError, match="no network that can be built"):
        load_classifier(folder)


def test_a_classifier_is_no_model_that_makes_scans(folder):
    with pytest.raises(ModelError, match="classify"):
        load_model(folder)


def test_a_model_that_makes_scans_does_not_classify(make_model, tmp_path):
    with pytest.raises(ModelError, match="doesn't classify"):
        load_classifier(make_model(tmp_path / "tiny-mr"))


def test_a_card_has_the_part_if_and_only_if_its_task_is_classify():
    with pytest.raises(ValueError, match="if, and only if"):
        card(task="enhance")
    with pytest.raises(ValueError, match="if, and only if"):
        card(classify=None)


def test_another_card_is_refused(network, tmp_path):
    with pytest.raises(UsageError, match="no part"):
        save_classifier(tmp_path / "x", card(task="enhance", classify=None), network)
