from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import chi2

from DiffusionCore.degradation import flux_for_noise, low_dose_ct, mixed, noise_map, unit_noise
from DiffusionCore.degradation.ct_kernel import reconstruction_kernel
from DiffusionCore.degradation.ct_low_dose import line_integrals
from DiffusionCore.degradation.ct_projection import parallel_beam, project
from DiffusionCore.degradation.spectrum import power_spectrum, radial_mean
from DiffusionCore.errors import UsageError

PIXEL = 1.2


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def water(shape=(140, 140), radii=(78.0, 78.0)) -> np.ndarray:
    """An ellipse of water in air, HU, half axes in mm."""
    j, i = np.indices(shape, dtype=float)
    y, x = (j - (shape[0] - 1) / 2) * PIXEL, (i - (shape[1] - 1) / 2) * PIXEL
    return np.where((y / radii[0]) ** 2 + (x / radii[1]) ** 2 < 1, 0.0, -1000.0).astype(np.float32)


@pytest.fixture(scope="module")
def realisations() -> np.ndarray:
    return unit_noise(water(), rng(1), pixel_mm=PIXEL, count=40)


def distance() -> np.ndarray:
    j, i = np.indices((140, 140)) - 69.5
    return np.hypot(j, i) * PIXEL


def test_unit_noise_has_one_hu_in_soft_tissue_and_no_mean(realisations):
    inside = distance() < 77
    assert np.median(realisations.std(axis=0, ddof=1)[inside]) == pytest.approx(1, rel=0.03)
    assert abs(realisations[:, inside].mean()) < 0.01


def test_noise_is_higher_deep_inside_a_water_disc_than_at_its_border(realisations):
    centre = realisations[:, distance() < 20].std()
    border = realisations[:, (distance() > 65) & (distance() < 77)].std()
    assert centre > 1.2 * border


def test_the_noise_map_predicts_the_drawn_noise_from_centre_to_border(realisations):
    predicted = noise_map(water(), flux_for_noise(water(), 1.0, pixel_mm=PIXEL), pixel_mm=PIXEL)
    for inner, outer in [(0, 20), (20, 40), (40, 60), (60, 75), (79, 95)]:
        ring = (distance() >= inner) & (distance() < outer)
        assert realisations[:, ring].std() == pytest.approx(predicted[ring].mean(), rel=0.03)


def test_the_flux_gives_soft_tissue_the_noise_asked_for():
    inside = distance() < 77
    for electronic in (0.0, 30.0):
        flux = flux_for_noise(water(), 12.0, pixel_mm=PIXEL, electronic=electronic)
        sigma = noise_map(water(), flux, pixel_mm=PIXEL, electronic=electronic)
        assert np.median(sigma[inside]) == pytest.approx(12, rel=0.01)


def test_wider_objects_and_sharper_kernels_need_more_photons():
    narrow, wide = water(radii=(50.0, 50.0)), water()
    flux = [flux_for_noise(x, 10.0, pixel_mm=PIXEL, electronic=0.0) for x in (narrow, wide)]
    assert flux[1] / flux[0] > np.exp(0.0192 * 2 * 20)
    soft, sharp = (flux_for_noise(wide, 10.0, pixel_mm=PIXEL, kernel=k) for k in ("soft", "sharp"))
    assert sharp > 1.3 * soft


@pytest.mark.parametrize("dose", [0.5, 0.25, 0.1])
def test_added_variance_is_own_squared_times_one_over_dose_less_one(dose):
    x = np.stack([water()] * 8)
    result = low_dose_ct(x, rng(2), pixel_mm=PIXEL, dose=dose, own_sigma_hu=10.0)
    added = (result.voxels - x)[:, distance() < 77]
    profile = noise_map(water(), result.record["flux"][0], pixel_mm=PIXEL)[distance() < 77]
    assert added.std() / np.sqrt(np.mean(profile**2)) == pytest.approx(np.sqrt(1 / dose - 1), rel=0.04)
    assert result.record["added_sigma_hu"] == pytest.approx([10 * np.sqrt(1 / dose - 1)] * 8, rel=0.01)
    assert abs(added.mean()) < 0.02 * added.std()
    json.dumps(result.record)


def test_the_mean_stays_within_one_hu_even_at_five_percent():
    x = np.stack([water()] * 8)
    added = low_dose_ct(x, rng(3), pixel_mm=PIXEL, dose=0.05, own_sigma_hu=12.0).voxels - x
    assert abs(added[:, distance() < 77].mean()) < 0.5
    assert abs(added[:, distance() < 30].mean()) < 1


def test_electronic_noise_rises_faster_than_quantum_noise():
    x = np.stack([water()] * 8)
    sigma = [
        (low_dose_ct(x, rng(4), pixel_mm=PIXEL, dose=0.1, own_sigma_hu=10.0, electronic=e).voxels - x)[
            :, distance() < 40
        ].std()
        for e in (0.0, 150.0)
    ]
    assert sigma[1] > 1.15 * sigma[0]


@pytest.mark.parametrize("electronic", [0.0, 60.0])
def test_the_record_predicts_the_added_noise_of_few_photons_too(electronic):
    x = np.stack([water()] * 8)
    result = low_dose_ct(x, rng(6), pixel_mm=PIXEL, dose=0.1, own_sigma_hu=10.0, electronic=electronic)
    variance = np.median((result.voxels - x).var(axis=0, ddof=1)[distance() < 77])
    variance /= chi2.median(7) / 7  # what the median makes of estimates from eight values
    assert np.sqrt(variance) == pytest.approx(result.record["added_sigma_hu"][0], rel=0.04)


def test_streaks_lie_along_the_long_axis_of_an_ellipse():
    x = water(shape=(90, 180), radii=(40.0, 100.0))
    noise = unit_noise(x, rng(5), pixel_mm=PIXEL, count=10)[:, 25:65, 50:130]
    along = np.mean(noise[:, :, 3:] * noise[:, :, :-3]) / noise.var()
    across = np.mean(noise[:, 3:, :] * noise[:, :-3, :]) / noise.var()
    assert along > 0.05 > 0.02 > across
    # Rays along I are the noisiest; they vary across themselves, so the power sits on the J frequencies. Through the
    # centre the paths differ by 120 mm of water, the variances by exp(0.0192 · 120) = 10; off the centre by less.
    power = power_spectrum(noise, 32)
    assert 5 < power[2:14, 0].sum() / power[0, 2:14].sum() < 11


@pytest.mark.parametrize("kernel", ["soft", "sharp"])
def test_the_spectrum_rises_like_the_ramp_and_falls_like_the_window(kernel):
    pixel, shape = 0.6, (128, 128)
    x = np.full(shape, -1000.0, np.float32)
    x[np.hypot(*(np.indices(shape) - 63.5)) < 60] = 0
    noise = unit_noise(x, rng(6), pixel_mm=pixel, kernel=kernel, count=40)[:, 32:96, 32:96]
    frequency, power = radial_mean(power_spectrum(noise, 64), 16)
    window = reconstruction_kernel(kernel, pixel, 0.5)
    axis = np.fft.fftfreq(64)
    aliased = 0.0
    for j in (-1, 0, 1):
        for i in (-1, 0, 1):
            f = np.hypot(axis[:, None] + j, axis[None, :] + i) / pixel
            aliased = aliased + f * window.response(f) ** 2
    theory = radial_mean(aliased, 16)[1]
    middle = (frequency > 0.08) & (theory > 0.1 * theory.max())
    ratio = (power[middle] / power[middle].sum()) / (theory[middle] / theory[middle].sum())
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    peak = power.argmax()
    assert peak > 2 and power[0] < 0.35 * power[peak]
    if kernel == "soft":
        assert power[-1] < 0.05 * power[peak]


def test_mixed_noise_is_new_noise_of_the_same_size(realisations):
    inside = distance() < 77
    blends = np.stack([mixed(realisations[:4], rng(s)) for s in range(20)])
    assert blends[:, inside].std() == pytest.approx(realisations[:4, inside].std(), rel=0.03)
    assert abs(np.corrcoef(blends[0][inside], realisations[5][inside])[0, 1]) < 0.1


def test_unit_noise_and_the_full_simulation_agree(realisations):
    x = np.stack([water()] * 8)
    added = low_dose_ct(x, rng(7), pixel_mm=PIXEL, dose=0.25, own_sigma_hu=5.0, electronic=0.0).voxels - x
    scaled = 5 * np.sqrt(1 / 0.25 - 1) * realisations
    for inner, outer in [(0, 30), (30, 60), (60, 77)]:
        ring = (distance() >= inner) & (distance() < outer)
        assert added[:, ring].std() == pytest.approx(scaled[:, ring].std(), rel=0.03)
    powers = [radial_mean(power_spectrum(n[:, 38:102, 38:102], 64), 8)[1] for n in (added, scaled)]
    np.testing.assert_allclose(powers[0][1:6], powers[1][1:6], rtol=0.12)


def test_full_dose_is_the_scan_itself_and_padding_stays_untouched():
    x = water()
    full = low_dose_ct(x, rng(8), pixel_mm=PIXEL, dose=1.0, own_sigma_hu=10.0)
    np.testing.assert_array_equal(full.voxels, x)
    padding = np.zeros(x.shape, bool)
    padding[:10] = True
    before = x.copy()
    result = low_dose_ct(x, rng(8), pixel_mm=PIXEL, dose=0.2, own_sigma_hu=10.0, untouched=padding).voxels
    np.testing.assert_array_equal(result[:10], x[:10])
    assert (result[10:] != x[10:]).mean() > 0.99
    np.testing.assert_array_equal(x, before)


def test_the_same_seed_gives_the_same_noise():
    options = {"pixel_mm": PIXEL, "dose": 0.3, "own_sigma_hu": 8.0}
    first, again, other = (low_dose_ct(water(), rng(s), **options).voxels for s in (9, 9, 10))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_metal_and_an_all_air_slice_give_finite_noise():
    metal = water()
    metal[60:75, 60:75] = 20000
    for x in (metal, np.full((60, 60), -1024.0, np.float32)):
        result = low_dose_ct(x, rng(11), pixel_mm=PIXEL, dose=0.1, own_sigma_hu=10.0)
        assert np.isfinite(result.voxels).all()
        assert np.isfinite(unit_noise(x, rng(12), pixel_mm=PIXEL)).all()


@pytest.mark.parametrize("shape", [(150, 180), (151, 179)])
def test_halving_small_pixels_leaves_the_line_integrals_as_they_are(shape):
    j, i = (np.indices(shape) - np.reshape([(n - 1) / 2 for n in shape], (2, 1, 1))) * 0.8
    x = np.where(np.hypot(j - 8, i + 5) < 48, 40.0, -1000.0).astype(np.float32)
    beam = parallel_beam(shape, 0.8)
    paths = line_integrals(x, beam)
    exact = project((x + 1000) / 1000 * 0.0192, beam)
    assert np.abs(paths - exact).mean() < 0.005
    assert paths.sum() == pytest.approx(exact.sum(), rel=1e-4)
    offset = np.arange(beam.bins)
    np.testing.assert_allclose(paths @ offset / paths.sum(1), exact @ offset / exact.sum(1), atol=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dose": 0.0},
        {"dose": 1.5},
        {"own_sigma_hu": 0.0},
        {"electronic": -1.0},
        {"pixel_mm": -1.0},
        {"kernel": "bone"},
        {"untouched": np.zeros((3, 3), bool)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    options = {"pixel_mm": PIXEL, "dose": 0.5, "own_sigma_hu": 10.0} | wrong
    with pytest.raises(UsageError):
        low_dose_ct(water(), rng(), **options)
