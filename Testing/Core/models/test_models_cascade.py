"""Images from a seed by a loaded model: cascades, what can be asked for, and that a seed is a seed."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore import load_model
from DiffusionCore.errors import ModelError, UsageError
from DiffusionCore.models import SynthesisSpec, verify_model
from DiffusionCore.models.cascade import Drawing, cascade_of, labels_of, sample


@pytest.fixture(scope="module")
def base(tiny_cascade):
    return load_model(tiny_cascade)


def test_a_cascade_ends_with_its_last_upscalers_size(base):
    assert [stage.card.name for stage in cascade_of(base)] == ["base", "twice", "fourfold"]
    images = base.sample(count=3, steps=4)
    assert images.shape == (3, 1, 32, 32) and images.dtype == torch.float32 and images.isfinite().all()


def test_the_name_of_an_upscaler_is_no_way_out_of_the_folder():
    with pytest.raises(ValueError, match="pattern"):
        SynthesisSpec(size=(8, 8), spacing_mm=(1, 1, 1), then=["../elsewhere"])


def test_fewer_stages_end_earlier(base):
    assert base.sample(count=1, steps=4, stages=1).shape == (1, 1, 8, 8)
    with pytest.raises(UsageError, match=r"--stages must be 1 to 3"):
        base.sample(stages=4)


def test_an_image_of_a_seed_does_not_depend_on_how_many_are_made_together(base):
    together = base.sample(count=5, steps=4, seed=7, batch=4)
    alone = base.sample(count=5, steps=4, seed=7, batch=1)
    later = base.sample(count=2, steps=4, seed=7, first=3)
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together[3:], later, atol=1e-5)
    assert not torch.allclose(together, base.sample(count=5, steps=4, seed=8))
    assert torch.equal(together, base.sample(count=5, steps=4, seed=7, batch=4))


@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm++"])
def test_every_sampler_makes_images_in_range(base, sampler, stages):
    images = base.sample(count=2, steps=4, sampler=sampler, stages=stages)
    assert images.min() >= 0 and images.max() <= 1.2


def test_what_is_asked_for_changes_the_image(base):
    low, high = (base.sample({"z_fraction": z}, count=1, steps=4, stages=1) for z in (0.2, 0.8))
    nothing = base.sample(count=1, steps=4, stages=1)
    assert not torch.allclose(low, high) and not torch.allclose(low, nothing)


def test_guidance_of_zero_ignores_what_is_asked_for(base):
    asked = base.sample({"z_fraction": 0.3}, count=1, steps=4, stages=1, guidance=0.0)
    assert torch.allclose(asked, base.sample(count=1, steps=4, stages=1), atol=1e-6)


def test_labels_are_shares_of_their_range(base):
    assert labels_of(base.card, {"z_fraction": [0.2, 0.5, 0.8]}, 3)[:, 0].tolist() == pytest.approx([0, 0.5, 1])
    assert labels_of(base.card, None, 3) is None


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"z_fraction": 0.9}, "z_fraction must be 0.2 to 0.8, got 0.9"),
        ({"z_fraction": "high"}, "z_fraction must be 0.2 to 0.8, got high"),
        ({"height": 0.5}, "can be asked for z_fraction, not for 'height'"),
        ({"z_fraction": [0.3, 0.4]}, "given for 2 images, 3 are to be made"),
    ],
)
def test_what_can_not_be_asked_for_is_refused(base, condition, sentence):
    with pytest.raises(UsageError, match=sentence):
        base.sample(condition, count=3)


def test_classes_are_asked_for_by_name(tmp_path, make_synthesis):
    labels = [{"name": "meniscus", "low": 0, "high": 1, "classes": ["whole", "torn"]}]
    model = load_model(make_synthesis(tmp_path / "knee", labels=labels))
    assert labels_of(model.card, {"meniscus": "torn"}, 2).tolist() == [[1.0], [1.0]]
    with pytest.raises(UsageError, match="one of whole, torn"):
        labels_of(model.card, {"meniscus": "gone"}, 1)


def test_in_three_dimensions(tmp_path, make_synthesis):
    make_synthesis(tmp_path / "larger", 2, (8, 8, 16))
    model = load_model(make_synthesis(tmp_path / "small", size=(4, 4, 8), then=["larger"]))
    assert model.sample(count=1, steps=4).shape == (1, 1, 8, 8, 16)


def test_a_missing_upscaler_is_said(tmp_path, make_synthesis):
    model = load_model(make_synthesis(tmp_path / "lonely", then=["absent"]))
    with pytest.raises(ModelError, match="no model 'absent'"):
        model.sample()


def test_verifying_a_base_model_verifies_that_its_cascade_fits(tiny_cascade, tmp_path, make_synthesis):
    assert verify_model(tiny_cascade).name == "base"
    with pytest.raises(ModelError, match="no model 'absent'"):
        verify_model(make_synthesis(tmp_path / "lonely", then=["absent"]))


def test_an_upscaler_of_another_size_is_refused(tmp_path, make_synthesis):
    make_synthesis(tmp_path / "other", 2, (24, 24))
    with pytest.raises(ModelError, match="does not take images of the size that 'first' makes"):
        load_model(make_synthesis(tmp_path / "first", then=["other"])).sample()


def test_an_upscaler_alone_and_a_model_for_scans_make_nothing(tiny_cascade, tiny_models):
    for folder in (tiny_cascade.parent / "twice", tiny_models / "tiny-mr"):
        with pytest.raises(ModelError, match="does not make images from noise"):
            load_model(folder).sample()


def test_cancelling_stops_between_steps(base):
    from DiffusionCore.errors import Cancelled
    from DiffusionCore.progress import Progress

    heard = []
    progress = Progress(heard.append, cancelled=lambda: len(heard) > 3)
    with pytest.raises(Cancelled):
        sample(base, count=2, drawing=Drawing(steps=4), progress=progress)
