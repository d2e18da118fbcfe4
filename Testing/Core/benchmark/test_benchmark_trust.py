"""`benchmark trust`: what it plants is found, what an enhancement loses is seen, a factor covers what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from DiffusionCore.benchmark.denoise.cases import Case
from DiffusionCore.benchmark.trust.contrast_detail import cells, insert
from DiffusionCore.benchmark.trust.extent import Extent, cases
from DiffusionCore.benchmark.trust.intervals import coverage_of, errors_of, factor_from
from DiffusionCore.benchmark.trust.observer import channel_responses, hotelling_scores
from DiffusionCore.benchmark.trust.planted import detections, plant
from DiffusionCore.benchmark.trust.run import calibrate, run_trust_benchmark
from DiffusionCore.benchmark.trust.scans import Enhanced, TrustScan, enhancer
from DiffusionCore.benchmark.trust.scores import area, area_change, holm
from DiffusionCore.benchmark.trust.sites import choose_sites, spheres
from DiffusionCore.benchmark.trust.width import STEEPNESS, sample_widths
from DiffusionCore.degradation import rician
from DiffusionCore.metrics import NoiseEstimate
from DiffusionCore.models import read_card
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.volume import Volume, write_volume

SHAPE = (40, 72, 72)
SIGMA = 0.05
SMALL = Extent(
    mr=(24, 40, 40),
    mr_samples=(16, 32, 32),
    sites=20,
    radii=(2.0,),
    insertions=40,
    sizes=(2.0,),
    contrasts=(2.0,),
    samples=2,
    steps=2,
    labels=("5%",),
    detail=("5%",),
    resamples=100,
)


@pytest.fixture(scope="module")
def scan() -> TrustScan:
    """A smooth head of one tissue under Rician noise, as the benchmark would have it."""
    from DiffusionCore.benchmark.denoise.case_inputs import seed_of

    case = Case("t", "phantom", "phantom.nii.gz", "MR", "rician", SIGMA, 0.001)
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(0, 1, SHAPE), 6)
    clean = (0.6 + 0.1 * texture / texture.std()).astype(np.float32)
    noisy = rician(clean, np.random.default_rng(seed_of(case)), SIGMA).voxels
    noise = NoiseEstimate(SIGMA, "rician")
    return TrustScan(case, Volume(noisy, np.eye(4), "MR"), clean, np.ones(SHAPE, bool), noise)


def blur(volume: Volume, noise: NoiseEstimate, width: float = 1.0, **options: object) -> Enhanced:
    """An enhancement that keeps what is smooth and nothing else."""
    return Enhanced(gaussian_filter(volume.voxels, width), np.full(volume.shape, 0.3 * noise.sigma, np.float32))


def test_planted_failures_of_3_sigma_are_found_and_the_good_result_is_not_flagged(scan):
    scores, good = plant(scan, blur, SMALL)
    assert good.share < 0.01
    assert good.places == 0
    found = detections(scores, resamples=50)
    assert {d.kind for d in found} == {"erased", "invented"}
    assert all(d.auc.estimate > 0.95 and d.sites >= 10 for d in found)


def test_the_factor_covers_nine_tenths_of_what_it_was_learnt_from(scan):
    errors = errors_of(scan, blur, SMALL)
    covered = coverage_of(errors, factor_from([errors]))
    assert covered.covered == pytest.approx(0.9, abs=0.01)
    assert covered.curve[4] == (0.9, covered.covered)


def test_an_enhancement_that_blurs_small_structures_away_is_found_out(scan):
    extent = Extent(insertions=100, sizes=(1.5,), contrasts=(2.0,), strengths=(1.0, 0.1), resamples=200)
    kept, _blended = cells(insert(scan, lambda volume, noise, **_: Enhanced(volume.voxels, None), extent, 100), extent)
    assert kept.shown
    assert kept.change.estimate == 0
    assert kept.kept == 1
    assert not kept.falls

    def with_noise_of_its_own(volume: Volume, noise: NoiseEstimate, **_: object) -> Enhanced:
        rng = np.random.default_rng(int(1e6 * float(volume.voxels.sum())) % 2**32)
        return Enhanced(gaussian_filter(volume.voxels, 4) + rng.normal(0, noise.sigma, volume.shape), None)

    lost, blended = cells(insert(scan, with_noise_of_its_own, extent, 100), extent)
    assert lost.falls
    assert lost.change.high < 0
    assert lost.kept < 0.3
    assert blended.strength == 0.1
    assert blended.kept == pytest.approx(1 - 0.1 * (1 - lost.kept))
    assert blended.change.estimate > lost.change.estimate / 2


def test_sites_are_apart_and_clear_of_the_border_in_millimetres():
    inside = np.zeros((12, 60, 60), bool)
    inside[:, 10:50, 10:50] = True
    sites = choose_sites(inside, (4.0, 1.0, 1.0), apart=8, clear=3, most=500, seed=0)
    assert len(sites) > 20
    place = sites * np.array([4.0, 1, 1])
    distances = np.linalg.norm(place[:, None] - place[None], axis=-1)
    assert distances[~np.eye(len(sites), dtype=bool)].min() >= 8
    assert sites[:, 1:].min() >= 12
    assert sites[:, 1:].max() <= 47


def test_a_sphere_has_its_volume_and_height():
    image = spheres(np.array([[20, 20, 20]]), (40, 40, 40), (1, 1, 1), 5.0, np.array([2.0]))
    assert image.max() == 2
    assert image.sum() == pytest.approx(2 * 4 / 3 * np.pi * 5**3, rel=0.02)


def test_the_observer_reaches_about_what_an_ideal_reader_would_in_white_noise():
    rng = np.random.default_rng(0)
    sites = choose_sites(np.ones((48, 96, 96), bool), (1, 1, 1), apart=10, clear=4, most=300, seed=0)
    noise = rng.normal(0, 1, (48, 96, 96))
    lesion = spheres(sites, noise.shape, (1, 1, 1), 2.0, np.full(len(sites), 0.35))
    present, absent = (channel_responses(v, sites, (1, 1, 1)) for v in (noise + lesion, noise[::-1, ::-1]))
    found = area(*hotelling_scores(present, absent), ["one"] * len(sites), resamples=100)
    profile = spheres(np.array([[8, 8, 8]]), (16, 16, 16), (1, 1, 1), 2.0, np.array([0.35]))
    ideal = np.sqrt(np.sum(profile**2))  # d', whose AUC is Phi(d' / sqrt 2)
    from scipy.special import ndtr

    assert 0.85 * ndtr(ideal / np.sqrt(2)) < found.estimate < ndtr(ideal / np.sqrt(2)) + 0.03


def test_areas_are_one_when_told_apart_and_a_half_when_alike():
    low, high = np.arange(20.0), np.arange(20.0) + 100
    assert area(high, low, ["a"] * 20, resamples=50).estimate == 1
    assert area(low, low, ["a"] * 20, resamples=50).estimate == 0.5
    change, p = area_change((high, low), (low, low), ["a"] * 20, resamples=200)
    assert change.estimate == -0.5
    assert change.excludes_zero
    assert p < 1e-3


def test_holm_stops_at_the_first_that_stands():
    # Smallest first against 0.05 / 4, / 3, / 2: 0.005 and 0.01 fall, 0.03 stands, so 0.04 does too.
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([]) == []


def test_the_default_run_has_what_the_gates_ask_for():
    extent = Extent()
    assert extent.insertions >= 200
    assert extent.sigmas == 3
    assert {c.label for c in cases(extent, "MR")} == {"2%", "5%", "9%", "as scanned"}
    tested = {c.subject for m in ("MR", "CT") for c in cases(extent, m)}
    assert not tested & {c.subject for m in ("MR", "CT") for c in cases(extent, m, validation=True)}


@pytest.fixture
def heads(tmp_path, scan):
    """The two test heads and the two validation heads of the training origin, as small phantoms."""
    folder = tmp_path / "data" / "mr" / "brain_t1"
    folder.mkdir(parents=True)
    for number, subject in enumerate((18, 46, 26, 32)):
        voxels = np.rint(200 * np.roll(scan.clean, 7 * number, axis=1)[:30, :44, :44]).astype(np.uint8)
        write_volume(Volume(voxels, np.eye(4), "MR"), folder / f"ds002748_sub-{subject}_T1w.nii.gz")
    rows = ["file,subject", "brain_t1/ds002748_sub-26_T1w.nii.gz,trained"]
    (folder.parent / "index.csv").write_text("\n".join(rows))
    return tmp_path / "data"


def test_a_run_writes_its_tables_and_a_second_computes_nothing(tmp_path, heads, make_model):
    model, calls = make_model(tmp_path / "tiny"), []

    def counted(volume, **options):
        calls.append(options)
        return enhance(volume, **options)

    found = run_trust_benchmark(tmp_path / "out", heads, counted, [model], extent=SMALL)
    assert {path.name for path in found.files} >= {
        "trust.md", "trust-planted.csv", "trust-good.csv", "trust-intervals.csv", "trust-detail.csv",
        "trust-reliability.png", "trust-detail.png",
    }  # fmt: skip
    assert all(path.is_file() for path in found.files)
    assert "sub-18" in (tmp_path / "out" / "trust.md").read_text()
    done, before = len(calls), (tmp_path / "out" / "trust.md").read_text()
    run_trust_benchmark(tmp_path / "out", heads, counted, [model], extent=SMALL)
    assert len(calls) == done
    assert (tmp_path / "out" / "trust.md").read_text() == before


def test_calibration_writes_the_factor_on_the_card_and_enhance_uses_it(tmp_path, heads, make_model, mr):
    model = make_model(tmp_path / "tiny", recipe={"subjects": {"train": ["trained"]}})
    plain = enhance(mr, model=str(model), preset="careful", samples=2, steps=2).uncertainty.voxels
    found = calibrate(heads, enhance, model, tmp_path / "cache", extent=SMALL)
    card = read_card(model / "card.yaml")
    assert card.uncertainty_factor == found.factor > 0
    assert [one.width for one in card.sample_width] == list(found.widths.values())
    assert card.width_at(0.05) == pytest.approx(found.widths[0.05])
    assert card.figures["uncertainty"]["subjects"] == ["sub-26", "sub-32"]
    assert found.covered == pytest.approx(0.9, abs=0.02)
    assert 0.5 < found.left_out[0] <= found.left_out[1] <= 1
    assert card.valid.extent_mm.low < 44 < card.valid.extent_mm.high
    assert set(card.valid.histogram) == {"p10", "p50", "p90"}
    scaled = enhance(mr, model=str(model), preset="careful", samples=2, steps=2, trust=True)
    # This network is linear in the noise: its samples are as much wider as the noise is.
    wanted = plain * found.factor * found.widths[0.05]
    np.testing.assert_allclose(scaled.uncertainty.voxels, wanted, rtol=1e-3, atol=1e-3)
    assert any("calibrated on the model's validation subjects" in sentence for sentence in scaled.trust.words)
    # The factor is divided out again, so that a second calibration finds the same.
    assert enhancer(enhance, model, tmp_path / "cache").factor == found.factor
    assert calibrate(heads, enhance, model, tmp_path / "other", extent=SMALL).factor == pytest.approx(
        found.factor, rel=1e-3
    )


def test_samples_are_made_as_wide_as_the_mean_is_wrong(scan):
    """Whatever the model draws too narrowly, the width makes up for."""
    written: dict[float, float] = {}

    def draws_too_little(volume, noise, preset="quick", **options):
        mean = gaussian_filter(volume.voxels, 1.0)
        if preset == "quick":
            return Enhanced(mean, None)
        error = np.sqrt(np.mean((mean - scan.clean) ** 2))
        drawn = np.random.default_rng(1).standard_normal(mean.shape) * 0.8 * error * written[SIGMA] ** (STEEPNESS / 2)
        return Enhanced((mean + drawn).astype(np.float32), None)

    widths = sample_widths([scan], 1.0, draws_too_little, written.update)
    assert widths == written
    assert widths[SIGMA] == pytest.approx(0.8 ** (-2 / STEEPNESS), rel=0.01)
