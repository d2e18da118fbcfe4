"""Every rival does what it is there for: less noise, in place, in MR and CT, without touching its input."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from DiffusionCore.benchmark.rivals import RIVALS, Method, NoisyScan, rival
from DiffusionCore.degradation import gaussian, rician
from DiffusionCore.degradation.spectrum import shaped_noise
from DiffusionCore.errors import UsageError

SIGMA = 0.08
SLOW = "bm4d"  # seconds for any size: tested apart
QUICK = [pytest.param(m, id=m.name) for m in RIVALS if m.name != SLOW]


def blocks(modality: str) -> np.ndarray:
    """Two cuboids in a background, different along every axis; MR 0.05 to 1, CT −0.9 to 0.1 normalised."""
    clean = np.full((20, 24, 28), 0.05, np.float32)
    clean[4:15, 5:17, 6:22] = 1.0
    clean[7:11, 7:11, 8:18] = 0.6
    return clean if modality == "MR" else clean - np.float32(0.95)


def noisy_blocks(modality: str) -> NoisyScan:
    add = rician if modality == "MR" else gaussian
    return NoisyScan(add(blocks(modality), np.random.default_rng(5), SIGMA).voxels, SIGMA, modality, (1.5, 1.0, 1.0))


def rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))


def need(method: Method) -> None:
    if importlib.util.find_spec(method.module) is None:
        pytest.skip(f"{method.distribution} is not installed")


@pytest.mark.parametrize("modality", ["MR", "CT"])
@pytest.mark.parametrize("method", QUICK)
def test_noise_falls_in_place(method: Method, modality: str) -> None:
    need(method)
    scan, clean = noisy_blocks(modality), blocks(modality)
    inside = np.zeros(clean.shape, bool)
    inside[5:14, 12:16, 7:21] = True  # within the large cuboid, clear of its faces and of the small one
    given = {"width": 0.4} if method.name == "gaussian" else {}
    out = method.run(scan, **{**method.defaults, **given})
    assert out.shape == clean.shape and out.dtype == np.float32 and out.flags.c_contiguous
    assert rms((out - clean)[inside]) < 0.9 * rms((scan.voxels - clean)[inside])
    assert rms(out - clean) < rms(scan.voxels - clean)  # an axis swapped or shifted by a voxel would be far above


@pytest.mark.parametrize("method", QUICK)
def test_input_is_not_modified(method: Method) -> None:
    need(method)
    scan = noisy_blocks("CT")
    before = scan.voxels.copy()
    method.run(scan, **method.defaults)
    np.testing.assert_array_equal(scan.voxels, before)


@pytest.mark.parametrize("method", QUICK)
def test_quiet_ct_keeps_its_mean_up_to_the_border(method: Method) -> None:
    need(method)
    clean = np.full((12, 14, 16), 0.04, np.float32)
    scan = NoisyScan(gaussian(clean, np.random.default_rng(0), 0.02).voxels, 0.02, "CT")
    out = method.run(scan, **method.defaults)
    # Mean of 12·14·16 values: standard error 0.02 / √2688 = 0.0004; of a face of 168: 0.0015.
    assert out.mean() == pytest.approx(0.04, abs=0.0015)
    assert out[0].mean() == pytest.approx(0.04, abs=0.006)


@pytest.mark.parametrize("method", [m for m in RIVALS if m.name in ("gaussian", "tv", "nlm-skimage", "nlm-dipy")])
def test_no_rician_floor_is_left_in_tissue_of_low_signal(method: Method) -> None:
    """At amplitude 2 sigma the magnitude's mean is 2.27 sigma."""
    need(method)
    amplitude = np.full((16, 16, 16), 2 * SIGMA, np.float32)
    scan = NoisyScan(rician(amplitude, np.random.default_rng(1), SIGMA).voxels, SIGMA, "MR")
    given = {"gaussian": {"width": 1.7}, "nlm-dipy": {"sigma_scale": 1.0, "correction": "own"}}.get(method.name, {})
    out = method.run(scan, **{**method.defaults, **given})
    assert scan.voxels.mean() > 2.2 * SIGMA
    assert out.mean() == pytest.approx(2 * SIGMA, abs=0.1 * SIGMA)


def test_gaussian_is_round_in_millimetres() -> None:
    point = np.zeros((15, 31, 31), np.float32)
    point[7, 15, 15] = 1
    out = rival("gaussian").run(NoisyScan(point, 0.1, "CT", (2.0, 1.0, 1.0)), width=2.0)
    k, j = np.arange(15) - 7, np.arange(31) - 15
    variance_k = float((out.sum(axis=(1, 2)) * (2.0 * k) ** 2).sum())
    variance_j = float((out.sum(axis=(0, 2)) * j**2).sum())
    assert variance_k == pytest.approx(4, rel=0.02) and variance_j == pytest.approx(4, rel=0.02)


def test_median_removes_a_lone_spike_and_keeps_a_plane() -> None:
    voxels = np.zeros((5, 6, 7), np.float32)
    voxels[:, 3:, :] = 1
    spiked = voxels.copy()
    spiked[2, 1, 3] = 9
    out = rival("median").run(NoisyScan(spiked, 0.1, "CT"), footprint="cross")
    np.testing.assert_array_equal(out, voxels)


def test_bm4d_with_the_stabiliser_finds_the_amplitude_in_mr() -> None:
    need(rival(SLOW))
    scan, clean = noisy_blocks("MR"), blocks("MR")
    out = rival(SLOW).run(scan, **rival(SLOW).defaults)
    assert out.shape == clean.shape and out.dtype == np.float32
    assert rms(out - clean) < 0.35 * rms(scan.voxels - clean)
    background = np.s_[:3, :4, :]
    assert scan.voxels[background].mean() > 0.1  # amplitude 0.05 under the floor of noise 0.08
    assert out[background].mean() == pytest.approx(0.05, abs=0.02)


def test_bm4d_uses_the_spectrum_of_correlated_noise_in_ct() -> None:
    need(rival(SLOW))
    clean = blocks("CT")[:, :20, :20]
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(20), np.fft.fftfreq(20), indexing="ij"))
    power = np.exp(-((frequency / 0.15) ** 2))
    power /= power.mean()
    voxels = clean + np.float32(SIGMA) * shaped_noise(clean.shape, np.random.default_rng(2), power)
    spectrum = np.broadcast_to(power, clean.shape).astype(np.float32)
    out = rival(SLOW).run(NoisyScan(voxels, SIGMA, "CT", spectrum=spectrum), **rival(SLOW).defaults)
    # Such coarse grains are taken for structure by a BM4D that expects white noise: it leaves 0.7 of them.
    assert rms(out - clean) < 0.45 * rms(voxels - clean)


def test_registry_is_closed_and_says_licences() -> None:
    assert len({m.name for m in RIVALS}) == len(RIVALS)
    assert all(m.licence and m.distribution and m.module for m in RIVALS)
    assert "non-commercial" in rival("bm4d").licence
    with pytest.raises(UsageError, match="gaussian"):
        rival("os.system")


@pytest.mark.parametrize("method", [pytest.param(m, id=m.name) for m in RIVALS])
def test_defaults_name_what_the_grids_name(method: Method) -> None:
    for modality in ("MR", "CT"):
        settings = list(method.settings(modality))
        assert len(settings) == np.prod([len(v) for v in method.grids[modality].values()])
        assert all(set(s) == set(method.defaults) for s in settings)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"voxels": np.zeros((4, 4), np.float32)}, "volume"),
        ({"sigma": 0.0}, "sigma"),
        ({"modality": "PET"}, "MR and CT"),
        ({"spacing": (1.0, 0.0, 1.0)}, "spacing"),
        ({"spectrum": np.ones((2, 2, 2), np.float32)}, "spectrum"),
    ],
)
def test_a_scan_that_cannot_be_compared_is_refused(given: dict, why: str) -> None:
    scan = {"voxels": np.zeros((3, 4, 5), np.float32), "sigma": 0.1, "modality": "MR"}
    with pytest.raises(UsageError, match=why):
        NoisyScan(**{**scan, **given})
