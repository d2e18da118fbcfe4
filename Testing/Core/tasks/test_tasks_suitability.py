"""Whether a scan is what a model was made for: a warning with the reason, or a refusal where the card says so."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import Refused
from DiffusionCore.metrics import NoiseEstimate
from DiffusionCore.models import Card, DiffusionSpec, NetworkSpec, Range, ValidRanges
from DiffusionCore.tasks.suitability import check_suitable
from DiffusionCore.volume import Volume

NOISE = NoiseEstimate(sigma=40.0, kind="rician")


def card(refuse: tuple[str, ...] = ("modality",), dims: int = 3, modality: str = "MR", **valid) -> Card:
    """Valid for 0.5 to 2 mm in plane, 0.5 to 5 mm between slices, sigma 0.01 to 0.1, four slices or more."""
    return Card(
        name="some-model",
        task="enhance",
        modality=modality,
        summary="",
        network=NetworkSpec(unet={"spatial_dims": dims}),
        diffusion=DiffusionSpec(),
        normalisation="p99.5",
        valid=ValidRanges(
            sigma_normalised=Range(low=0.01, high=0.1),
            spacing_mm=Range(low=0.5, high=2),
            slice_spacing_mm=Range(low=0.5, high=5),
            min_slices=4,
            refuse=refuse,
            **valid,
        ),
    )


def scan(shape=(8, 9, 10), spacing=(1.0, 1.0, 1.0), modality="MR", lowest=0) -> Volume:
    voxels = np.arange(np.prod(shape)).reshape(shape) + lowest
    return Volume(voxels, np.diag([*spacing[::-1], 1.0]), modality)


def warned(volume: Volume, sigma: float = 0.04, noise: NoiseEstimate = NOISE, force: bool = False, **said) -> tuple:
    return check_suitable(volume, noise, sigma, card(**said), force=force)


def test_what_the_card_covers_gives_no_warning():
    assert warned(scan()) == ()


@pytest.mark.parametrize(
    ("volume", "says"),
    [
        (scan(spacing=(1, 0.3, 0.3)), "spacing is 0.3 mm, the model was trained on 0.5 to 2 mm"),
        (scan(spacing=(6, 1, 1)), "slice spacing is 6 mm, the model was trained on 0.5 to 5 mm"),
        (scan(spacing=(1, 1, 6)), "slice spacing is 6 mm, the model was trained on 0.5 to 5 mm"),
        (scan((3, 9, 10)), "the scan is 10×9×3 voxels, the model was trained on at least 4 along each axis"),
    ],
)
def test_each_concern_names_value_and_range(volume, says):
    assert warned(volume) == (says,)


def test_sigma_outside_is_told_in_the_scans_units():
    """Sigma 40 is 0.2 normalised: one is 200 grey levels, so 0.01 to 0.1 is 2 to 20."""
    assert warned(scan(), sigma=0.2) == ("the noise is 40 grey levels, the model was trained on 2 to 20 grey levels",)


def test_what_the_card_refuses_is_refused_unless_forced():
    wide = scan(spacing=(9, 1, 1))
    assert len(warned(wide)) == 1
    with pytest.raises(Refused, match=r"9 mm.*; --force to go on"):
        warned(wide, refuse=("spacing",))
    assert len(warned(wide, refuse=("spacing",), force=True)) == 1


def test_another_modality_is_refused_by_default():
    ct = scan(modality="CT", lowest=-1000)
    with pytest.raises(Refused, match="this scan is CT, the model 'some-model' is for MR"):
        warned(ct)
    assert warned(ct, refuse=())[0].startswith("this scan is CT")


@pytest.mark.parametrize(("shape", "dims"), [((1, 9, 10), 3), ((9, 1, 10), 3), ((9, 10, 1), 3), ((9, 1, 10), 2)])
def test_a_single_row_or_slice_is_always_refused_where_the_network_needs_neighbours(shape, dims):
    with pytest.raises(Refused, match="and the model 'some-model' needs"):
        warned(scan(shape), dims=dims, refuse=())


def test_a_2d_model_takes_one_slice():
    assert warned(scan((1, 9, 10)), dims=2) == ()


def test_ct_without_hu_is_refused():
    with pytest.raises(Refused, match="the values of this CT, 0 to 719, are no HU"):
        warned(scan(modality="CT"), modality="CT")
    assert warned(scan(modality="CT", lowest=-300), modality="CT") == ()


def test_a_noise_estimate_that_is_not_sure_says_so():
    doubtful = NoiseEstimate(sigma=40.0, kind="rician", correlated=True, reliable=False, reason="too small a scan")
    assert warned(scan(), noise=doubtful) == (
        "the measured noise may be wrong: too small a scan; --sigma sets it",
        "the noise is correlated between neighbouring voxels, so that part of it may remain",
    )


def test_correlated_noise_is_no_concern_of_a_model_that_knows_it():
    correlated = NoiseEstimate(sigma=40.0, kind="rician", correlated=True)
    assert len(warned(scan(), noise=correlated)) == 1
    assert warned(scan(), noise=correlated, correlated_noise=True) == ()


def test_the_field_of_view_is_the_longest_side():
    assert warned(scan((8, 9, 20)), extent_mm=Range(low=10, high=20)) == ()
    assert warned(scan((8, 9, 30)), extent_mm=Range(low=10, high=20)) == (
        "the scan's longest side is 30 mm, the model was trained on 10 to 20 mm",
    )


def test_an_unusual_histogram_is_said_once_with_both_sides():
    volume = scan((20, 20, 20))  # even values: half of those above a tenth of the brightest lie below 0.55
    fits, not_like = Range(low=0.5, high=0.6), Range(low=0.1, high=0.2)
    assert warned(volume, noise=NoiseEstimate(1.0, "rician"), histogram={"p50": fits}) == ()
    (said,) = warned(volume, noise=NoiseEstimate(1.0, "rician"), histogram={"p50": not_like, "p90": not_like})
    assert said == (
        "its tissue is of unusual brightness: 50 % of the tissue is below 0.55 of the brightest tissue, "
        "in training 0.1 to 0.2"
    )


def test_where_the_card_says_so_it_is_refused():
    with pytest.raises(Refused, match="longest side"):
        warned(scan((8, 9, 30)), refuse=("field of view",), extent_mm=Range(low=10, high=20))


def test_metal_is_named_with_its_volume():
    voxels = np.zeros((20, 20, 20), np.int16) - 100
    voxels[:4, :5, :5] = 3071
    found = check_suitable(
        Volume(voxels, np.eye(4), "CT"),
        NoiseEstimate(20.0, "gaussian"),
        0.02,
        card(modality="CT").model_copy(update={"normalisation": "hu"}),
        force=False,
    )
    assert found == ("0.1 mL above 3000 HU look like metal, whose streaks were hardly in training",)
