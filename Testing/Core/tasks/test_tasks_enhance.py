"""Enhance: the same grid, type and units out; strength, seed, mask and region mean what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from DiffusionCore.errors import Cancelled, DeviceError, InputError, ModelError, Refused, UsageError
from DiffusionCore.metrics import NoiseEstimate
from DiffusionCore.models import load_model
from DiffusionCore.progress import Progress
from DiffusionCore.tasks.denoise import MOST_TOLD, told_factor
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.volume import Volume


@pytest.fixture(scope="module")
def model(tiny_models):
    return load_model(tiny_models / "tiny-mr")


@pytest.fixture(scope="module")
def ct_model(tiny_models):
    return load_model(tiny_models / "tiny-ct")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, np.float16])
def test_grid_type_and_modality_stay(mr, model, dtype):
    given = mr.with_voxels(np.clip(mr.voxels / 5, 0, 255).astype(dtype))
    after = enhance(given, loaded=model).volume
    assert after.voxels.dtype == dtype
    assert after.shape == given.shape
    np.testing.assert_array_equal(after.ijk_to_ras, given.ijk_to_ras)
    assert after.modality == "MR"
    assert np.isfinite(after.voxels).all()
    assert not np.array_equal(after.voxels, given.voxels)


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_strength_0_returns_the_input_bit_for_bit(mr, model, dtype):
    given = mr.with_voxels(mr.voxels.astype(dtype) + dtype(1) / dtype(3) if dtype is np.float64 else mr.voxels)
    after = enhance(given, loaded=model, strength=0).volume
    assert after.voxels.dtype == given.voxels.dtype
    assert after.voxels.tobytes() == given.voxels.tobytes()


def test_half_strength_lies_half_way(mr, model):
    given = mr.with_voxels(mr.voxels.astype(np.float32))
    full = enhance(given, loaded=model).volume.voxels
    half = enhance(given, loaded=model, strength=0.5).volume.voxels
    np.testing.assert_allclose(half, (given.voxels + full) / 2, atol=1e-2)


def test_same_seed_gives_the_same_bytes(mr, model):
    first = enhance(mr, loaded=model, preset="natural", seed=7).volume.voxels.tobytes()
    again = enhance(mr, loaded=model, preset="natural", seed=7).volume.voxels.tobytes()
    other = enhance(mr, loaded=model, preset="natural", seed=8).volume.voxels.tobytes()
    assert first == again
    assert first != other


def test_quick_does_not_depend_on_the_seed(mr, model):
    outputs = {enhance(mr, loaded=model, seed=seed).volume.voxels.tobytes() for seed in (0, 1, 2**63 - 1)}
    assert len(outputs) == 1


def test_careful_shows_what_quick_makes_of_mirror_images_with_its_uncertainty(mr, model):
    quick = enhance(mr, loaded=model)
    turned = enhance(mr.with_voxels(mr.voxels[::-1]), loaded=model)
    careful = enhance(mr, loaded=model, preset="careful", samples=2, steps=2)
    mean = (quick.volume.voxels + turned.volume.voxels[::-1]) / 2
    np.testing.assert_allclose(careful.volume.voxels, mean, rtol=0, atol=1)  # whole numbers, rounded once and twice
    assert quick.uncertainty is None
    assert careful.uncertainty.shape == mr.shape
    assert careful.uncertainty.voxels.min() >= 0
    assert careful.uncertainty.voxels.max() > 0


def test_uncertainty_scales_with_strength_and_is_zero_where_nothing_changes(mr, model):
    mask = np.zeros(mr.shape, bool)
    mask[5:15] = True
    settings = {"preset": "careful", "samples": 2, "steps": 2}
    whole = enhance(mr, loaded=model, **settings).uncertainty.voxels
    part = enhance(mr, loaded=model, mask=mask, strength=0.5, **settings).uncertainty.voxels
    np.testing.assert_allclose(part[mask], whole[mask] / 2, rtol=1e-5)
    assert not part[~mask].any()
    assert not enhance(mr, loaded=model, strength=0, **settings).uncertainty.voxels.any()


def test_outside_the_mask_every_bit_stays(mr, model):
    fine = mr.with_voxels(mr.voxels.astype(np.float64) + 1e-9)  # lost in single precision
    mask = np.zeros(mr.shape, bool)
    mask[:, :13] = True
    after = enhance(fine, loaded=model, mask=mask).volume.voxels
    np.testing.assert_array_equal(after[~mask], fine.voxels[~mask])
    assert np.any(after[mask] != fine.voxels[mask])


def test_a_region_has_the_values_and_the_place_it_has_in_the_whole(mr, model):
    region = (slice(4, 20), slice(2, 22), slice(8, 26))
    whole = enhance(mr, loaded=model).volume
    part = enhance(mr, loaded=model, region=region).volume
    difference = np.abs(part.voxels.astype(int) - whole.voxels[region])
    assert difference.max() <= 1
    corner = part.ijk_to_ras @ (0, 0, 0, 1)
    np.testing.assert_allclose(corner, mr.ijk_to_ras @ (8, 2, 4, 1))


def test_ct_padding_is_untouched(ct, ct_model):
    _, j, i = np.indices(ct.shape)
    outside = (j - 12.5) ** 2 + (i - 13.5) ** 2 > 13**2
    padded = ct.with_voxels(np.where(outside, -2000, ct.voxels).astype(np.int16))
    after = enhance(padded, loaded=ct_model).volume.voxels
    assert np.all(after[outside] == -2000)
    assert np.any(after[~outside] != padded.voxels[~outside])


def test_mr_amplitudes_stay_above_zero(mr, model):
    assert enhance(mr, loaded=model).volume.voxels.min() >= 0


def test_figures_against_a_reference_before_and_after(mr, model):
    clean = mr.with_voxels(mr.voxels + np.int16(10))
    found = enhance(mr, loaded=model, reference=clean).metrics
    assert found["reference"]["before"]["MAE, grey levels"] == pytest.approx(10)
    assert "PSNR, dB" in found["reference"]["after"]
    assert not any("PSNR" in name for name in found["without_reference"])


def test_sigma_given_is_the_sigma_used(mr, model):
    result = enhance(mr, loaded=model, sigma=33.0)
    assert result.provenance["sigma"]["value"] == 33.0
    assert result.noise.reason == "given by the user"


def correlated(rho: float) -> NoiseEstimate:
    return NoiseEstimate(sigma=40.0, kind="rician", correlated=True, correlation=(rho, rho, float("nan")))


def test_a_network_that_learnt_on_white_noise_is_told_more_of_correlated_noise(mr, model):
    told = [
        enhance(mr, loaded=model, noise=correlated(rho)).provenance["sigma"]["told"] / 40 for rho in (0.1, 0.5, 0.9)
    ]
    assert told == pytest.approx([1, (2 * 2 / 2.5) ** 0.25, (2.8 * 2.8 / 2.5) ** 0.25])
    assert told_factor(correlated(3.0), model.card) == MOST_TOLD
    more = float(np.square(enhance(mr, loaded=model, noise=correlated(0.9)).volume.voxels - mr.voxels).mean())
    white = NoiseEstimate(sigma=40.0, kind="rician")
    assert more != float(np.square(enhance(mr, loaded=model, noise=white).volume.voxels - mr.voxels).mean())


def test_a_network_that_learnt_on_correlated_noise_is_told_what_there_is(model):
    valid = model.card.valid.model_copy(update={"correlated_noise": True})
    assert told_factor(correlated(0.9), model.card.model_copy(update={"valid": valid})) == 1


def test_a_scan_without_noise_is_returned_as_it_is(mr, model):
    """The reason is said; the network is not asked."""
    flat = mr.with_voxels(np.where(mr.voxels > 300, 500, 20).astype(np.int16))
    result = enhance(flat, loaded=model)
    assert "no noise was found; the scan is returned as it is" in result.warnings
    np.testing.assert_array_equal(result.volume.voxels, flat.voxels)
    assert result.provenance["plan"] is None


def test_stages_are_told_in_order_and_timed(mr, model):
    told: list[str] = []
    progress = Progress(lambda event: told.append(event.stage))
    enhance(mr, loaded=model, progress=progress)
    assert list(dict.fromkeys(told)) == ["load model", "measure noise", "denoise", "finish", "figures"]
    assert all(seconds >= 0 for seconds in progress.seconds.values())


def test_cancel_is_heard_at_the_next_report(mr, model):
    asked = iter([False, False])
    with pytest.raises(Cancelled):
        enhance(mr, loaded=model, progress=Progress(cancelled=lambda: next(asked, True)))


def test_what_reading_warned_of_is_among_the_warnings(mr, model):
    odd = replace(mr, meta={**mr.meta, "warnings": ["slice positions are uneven"]})
    assert "slice positions are uneven" in enhance(odd, loaded=model).warnings


def test_options_have_the_names_of_the_command_line(mr, model):
    with pytest.raises(UsageError, match="--steps must be 1 to 1000, got 0"):
        enhance(mr, loaded=model, steps=0)
    with pytest.raises(UsageError, match="there is no option --colour"):
        enhance(mr, loaded=model, colour=1)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"modality": "OTHER", "meta": {"kind": "US"}}, Refused, "this is a US image"),
        ({"modality": "OTHER", "meta": {"modality_reason": "no name"}}, Refused, "--modality CT or --modality MR"),
        ({"modality": "LABEL"}, Refused, "label map"),
        ({"modality": "CT"}, Refused, "is for MR"),
        ({"voxels": np.full((24, 26, 28), 3.0)}, InputError, "same value"),
        ({"voxels": -np.arange(24 * 26 * 28.0).reshape(24, 26, 28)}, InputError, "no voxel of the scan is above 0"),
        ({"voxels": np.arange(24 * 26 * 28.0).reshape(24, 26, 28) * 1e-40}, InputError, "single precision"),
    ],
)
def test_what_no_result_could_be_right_for_is_refused(mr, model, change, error, says):
    with pytest.raises(error, match=says):
        enhance(replace(mr, **change), loaded=model)


def test_modality_given_wins_over_a_guess(mr, model):
    unknown = replace(mr, modality="OTHER")
    assert enhance(unknown, loaded=model, modality="MR").volume.modality == "MR"


def test_mask_and_reference_of_another_grid_are_refused(mr, model):
    with pytest.raises(InputError, match="mask is not on"):
        enhance(mr, loaded=model, mask=np.ones((2, 3, 4), bool))
    moved = mr.ijk_to_ras.copy()
    moved[0, 3] += 1
    with pytest.raises(InputError, match="reference is not on"):
        enhance(mr, loaded=model, reference=Volume(mr.voxels, moved, "MR"))


def test_a_device_that_is_not_there_is_told_first(mr):
    with pytest.raises(DeviceError, match="no such device cuda:97"):
        enhance(mr, model="nobody", device="cuda:97")


def test_a_model_for_another_task_is_refused(mr, make_model, tmp_path):
    folder = make_model(tmp_path / "dreamer", task="synthesize")
    with pytest.raises(ModelError, match="not one that enhances"):
        enhance(mr, model=str(folder))


def test_a_model_that_answers_nan_gives_no_result(mr, make_model, tmp_path):
    broken = load_model(make_model(tmp_path / "broken"))
    for weights in broken.denoiser.network.parameters():
        weights.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        enhance(mr, loaded=broken)


def test_one_slice_takes_a_2d_model_if_there_is_one(mr, installed):
    one = Volume(mr.voxels[12:13], mr.ijk_to_ras, "MR")
    assert enhance(one).provenance["model"]["name"] == "tiny-flat"
    assert enhance(mr).provenance["model"]["name"] == "tiny-mr"
    with pytest.raises(Refused, match="a 2D model takes one"):
        enhance(one, model="tiny-mr")
