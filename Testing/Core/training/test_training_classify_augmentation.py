"""What is done to a classifier's images: nobody is turned back to front, and a label map stays one."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from DiffusionCore.training.classify.augmentation import augmented, mirrored, rotation, thickened, warped
from DiffusionCore.training.classify.config import ClassifyAugmentation
from DiffusionCore.training.classify.cutmix import cutmix

NOTHING = {"flip": "", "affine": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_for_is_nothing_done():
    x = torch.rand(3, 1, 6, 7, 8)
    still = ClassifyAugmentation(**NOTHING)
    assert torch.allclose(augmented(x, still, False, generator()), x, atol=1e-5)
    mask = (x > 0.5).float()
    assert torch.equal(augmented(mask, still, True, generator()), mask)


@pytest.mark.parametrize("flip", ["j", "ij", "kji"])
def test_a_flip_that_swaps_front_and_back_is_refused(flip):
    with pytest.raises(ValidationError, match="front and back"):
        ClassifyAugmentation(flip=flip)


def test_what_is_in_front_stays_in_front():
    """A block in the front half (low j), under every flip, rotation and shift that the default allows."""
    x = torch.zeros(200, 1, 16, 16, 16)
    x[:, :, 6:10, 1:5, 6:10] = 1
    for asked in (ClassifyAugmentation(), ClassifyAugmentation(flip="ki", affine=1.0, degrees=15.0)):
        done = augmented(x, asked, False, generator())
        j = torch.arange(16.0).reshape(1, 1, 1, 16, 1)
        centre = (done * j).sum(dim=(1, 2, 3, 4)) / done.sum(dim=(1, 2, 3, 4))
        assert centre.max() < 7.5


def test_half_of_the_images_are_flipped_along_each_axis():
    x = torch.zeros(400, 1, 2, 2, 2)
    x[:, :, 0, 0, 0] = 1
    done = mirrored(x, ClassifyAugmentation(flip="ki"), generator())
    assert done[:, 0, :, 1].sum() == 0
    assert done[:, 0, 1].sum() == pytest.approx(200, abs=40)
    assert done[:, 0, :, :, 1].sum() == pytest.approx(200, abs=40)


def test_a_rotation_matrix_turns_by_its_angle():
    turn = rotation(torch.tensor([[math.pi / 2, 0.0, 0.0], [0.3, -0.2, 0.5]]))
    assert torch.allclose(turn[0] @ torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)
    assert torch.allclose(turn[1] @ turn[1].T, torch.eye(3), atol=1e-6)


def test_a_rotation_keeps_lengths_in_an_image_that_is_no_cube():
    """A rod of 20 voxels along I of a (9, 41, 41) box is still 20 long and 1 thick when it is turned in its plane."""
    x = torch.zeros(30, 1, 9, 41, 41)
    x[:, :, 3:6, 19:22, 10:31] = 1
    done = warped(x, ClassifyAugmentation(flip="", affine=1.0, degrees=20.0, zoom=0.0, shift=0.0), False, generator())
    volume = done.sum(dim=(1, 2, 3, 4))
    places = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in (9, 41, 41)), indexing="ij")).flatten(1)
    for image, mass in zip(done.flatten(1), volume, strict=True):
        centred = places - (places * image).sum(1, keepdim=True) / mass
        spread = torch.linalg.eigvalsh((centred * image) @ centred.T / mass)
        assert spread[-1].sqrt() == pytest.approx(21 / math.sqrt(12), rel=0.06)


def test_a_label_map_stays_of_zeros_and_ones():
    mask = (torch.rand(8, 1, 12, 12, 12) > 0.7).float()
    asked = ClassifyAugmentation(affine=1.0, stretch=0.2, shear=0.1, thickness=0.3)
    assert set(augmented(mask, asked, True, generator()).unique().tolist()) == {0.0, 1.0}


def test_the_level_of_the_cut_thickens_and_thins():
    soft = torch.linspace(0, 1, 11).reshape(1, 1, 1, 1, 11).repeat(100, 1, 1, 1, 1)
    counts = thickened(soft, 0.3, generator()).sum(dim=(1, 2, 3, 4))
    assert counts.min() == 3 and counts.max() == 8
    assert (thickened(soft, 0.0, generator()).sum(dim=(1, 2, 3, 4)) == 5).all()


def test_grey_values_are_bent_within_what_was_asked():
    x = torch.full((500, 1, 2, 2, 2), 0.5)
    done = augmented(x, ClassifyAugmentation(**NOTHING, gain=0.25), False, generator())
    assert done.min() >= 0.5 / 1.25 - 1e-6 and done.max() <= 0.5 * 1.25 + 1e-6
    assert done.std() > 0.03
    noisy = augmented(x, ClassifyAugmentation(**NOTHING, noise=0.1), False, generator())
    assert 0.02 < noisy.std() < 0.1


def test_the_same_generator_does_the_same():
    x = torch.rand(4, 1, 8, 8, 8)
    asked = ClassifyAugmentation(gamma=0.2, bias_field=0.2, noise=0.1, offset=0.1)
    first, again, other = (augmented(x, asked, False, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_an_image_of_two_is_labelled_by_their_volumes():
    x = torch.stack([torch.zeros(1, 8, 8, 8), torch.ones(1, 8, 8, 8)]).repeat(30, 1, 1, 1, 1)
    y = torch.tensor([0, 1]).repeat(30)
    mixed, truth = cutmix(x, y, 2, 1.0, generator())
    assert torch.allclose(mixed.mean(dim=(1, 2, 3, 4)), truth[:, 1])
    assert torch.allclose(truth.sum(dim=1), torch.ones(60))
    both = truth[(truth[:, 1] > 0) & (truth[:, 1] < 1)]
    assert len(both) > 10 and both.min() >= 0.25
    untouched, whole = cutmix(x, y, 2, 0.0, generator())
    assert torch.equal(untouched, x) and torch.equal(whole.argmax(dim=1), y)
