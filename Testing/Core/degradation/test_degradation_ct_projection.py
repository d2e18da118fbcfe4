from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.degradation.ct_kernel import ReconstructionKernel, ramp_response, reconstruction_kernel
from DiffusionCore.degradation.ct_projection import filtered_back_projection, parallel_beam, project
from DiffusionCore.errors import UsageError

SHAPE, PIXEL, RADIUS, MU = (150, 180), 0.8, 45.0, 0.02


def plane(shape=SHAPE, pixel=(PIXEL, PIXEL)) -> tuple[np.ndarray, np.ndarray]:
    j, i = np.indices(shape, dtype=float)
    return (j - (shape[0] - 1) / 2) * pixel[0], (i - (shape[1] - 1) / 2) * pixel[1]


def disc(shape=SHAPE, pixel=(PIXEL, PIXEL), centre=(0.0, 0.0), radius=RADIUS) -> np.ndarray:
    """A disc of attenuation MU, its border pixels filled in part."""
    y, x = plane(shape, pixel)
    parts = (np.arange(5) - 2) / 5
    inside = [
        np.hypot(y + a * pixel[0] - centre[0], x + b * pixel[1] - centre[1]) < radius for a in parts for b in parts
    ]
    return MU * np.mean(inside, axis=0)


@pytest.mark.parametrize("pixel", [(0.8, 0.8), (1.0, 0.7)])
def test_the_line_integrals_of_a_disc_are_its_chords_in_mm(pixel):
    beam = parallel_beam(SHAPE, pixel)
    sinogram = project(disc(pixel=pixel), beam)
    offset = (np.arange(beam.bins) - (beam.bins - 1) / 2) * beam.detector_mm
    chord = 2 * MU * np.sqrt(np.clip(RADIUS**2 - offset**2, 0, None))
    inner = np.abs(offset) < RADIUS - 3
    np.testing.assert_allclose(sinogram[:, inner], np.broadcast_to(chord[inner], sinogram[:, inner].shape), atol=0.03)
    np.testing.assert_allclose(sinogram[:, inner].mean(axis=0), chord[inner], rtol=2e-3)


def test_every_view_holds_the_slices_whole_mass():
    mu = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    beam = parallel_beam(SHAPE, PIXEL)
    np.testing.assert_allclose(project(mu, beam).sum(axis=1) * beam.detector_mm, mu.sum() * PIXEL**2, rtol=1e-3)


def test_an_off_centre_disc_follows_its_sinusoid():
    beam = parallel_beam(SHAPE, PIXEL)
    sinogram = project(disc(centre=(20.0, -30.0), radius=10), beam)
    offset = (np.arange(beam.bins) - (beam.bins - 1) / 2) * beam.detector_mm
    centre = sinogram @ offset / sinogram.sum(axis=1)
    cosine, sine = beam.directions.T
    np.testing.assert_allclose(centre, -30 * cosine + 20 * sine, atol=0.02)


@pytest.mark.parametrize("kernel", ["soft", "standard", "sharp"])
@pytest.mark.parametrize("pixel", [(0.8, 0.8), (1.0, 0.7)])
def test_filtered_back_projection_gives_the_attenuation_back(kernel, pixel):
    beam = parallel_beam(SHAPE, pixel)
    window = reconstruction_kernel(kernel, min(pixel), beam.detector_mm)
    again = filtered_back_projection(project(disc(pixel=pixel), beam), beam, window)
    distance = np.hypot(*plane(pixel=pixel))
    assert again[distance < RADIUS - 5].mean() == pytest.approx(MU, rel=2e-3)
    assert abs(again[(distance > RADIUS + 5) & (distance < RADIUS + 12)].mean()) < 2e-3 * MU
    assert again[distance < RADIUS - 5].std() < 0.01 * MU


def test_left_and_right_up_and_down_are_kept():
    mu = np.zeros(SHAPE)
    mu[30, 150] = 1.0
    beam = parallel_beam(SHAPE, PIXEL)
    again = filtered_back_projection(project(mu, beam), beam, reconstruction_kernel("sharp", PIXEL, 0.5))
    assert np.unravel_index(again.argmax(), SHAPE) == (30, 150)


def test_an_empty_slice_projects_to_nothing():
    assert not project(np.zeros(SHAPE), parallel_beam(SHAPE, PIXEL)).any()


def test_the_ramp_rises_linearly_and_the_window_ends_at_its_cut_off():
    frequency = np.fft.rfftfreq(1024, 0.5)
    np.testing.assert_allclose(ramp_response(1024, 0.5, ReconstructionKernel("ramp", 1.0)), frequency, atol=1e-3)
    hann = ReconstructionKernel("hann", 0.6)
    np.testing.assert_allclose(hann.response([0, 0.3, 0.48, 0.6, 0.7]), [1, 0.5, 0.0955, 0, 0], atol=1e-4)
    assert ReconstructionKernel("shepp_logan", 1.0).response(1.0) == pytest.approx(2 / np.pi)
    assert ReconstructionKernel("cosine", 1.0).response(0.5) == pytest.approx(np.sqrt(0.5))


def test_a_kernel_is_held_to_what_detector_and_pixels_carry():
    assert reconstruction_kernel("sharp", 0.5, 0.5).cutoff_per_mm == 1.0
    assert reconstruction_kernel("sharp", 0.5, 1.0).cutoff_per_mm == 0.5
    assert reconstruction_kernel("standard", 3.0, 0.5).cutoff_per_mm == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: reconstruction_kernel("bone", 0.7, 0.5),
        lambda: ReconstructionKernel("hamming", 1.0),
        lambda: ReconstructionKernel("hann", 0.0),
        lambda: parallel_beam((10, 10, 10), 1.0),
        lambda: parallel_beam((10, 10), 0.0),
        lambda: parallel_beam((10, 10), 1.0, angles=0),
        lambda: project(np.zeros((3, 3)), parallel_beam((10, 10), 1.0)),
        lambda: filtered_back_projection(
            np.zeros((3, 3)), parallel_beam((10, 10), 1.0), ReconstructionKernel("hann", 0.5)
        ),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        wrong()
