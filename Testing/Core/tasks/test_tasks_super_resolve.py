"""Super-resolution: the physical box stays, stages follow each other, the result agrees with the scan it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.degradation import axis_lowering, fine_size, lowered
from DiffusionCore.errors import InputError, ModelError, Refused, UsageError
from DiffusionCore.metrics import NoiseEstimate
from DiffusionCore.models import Range, load_model
from DiffusionCore.models.card import ResolutionSpec
from DiffusionCore.models.registry import Model
from DiffusionCore.tasks.superres.cascade import axis_groups, plan_cascade, split_factor
from DiffusionCore.tasks.superres.consistency import make_consistent
from DiffusionCore.tasks.superres.finer_grid import finer_grid, slice_axis
from DiffusionCore.tasks.superres.options import SuperResolveOptions
from DiffusionCore.tasks.superres.provenance import superres_record
from DiffusionCore.tasks.superres.super_resolve import super_resolve
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_ras
from DiffusionCore.volume.intensity import Normalisation

TWICE = ResolutionSpec(kind="kspace", axes=("all", "plane"), factor=Range(low=1.3, high=2.2), softening=1.0)
THIN = ResolutionSpec(
    kind="profile",
    axes=("slices",),
    factor=Range(low=2, high=6),
    typical=4,
    thickness=Range(low=0.7, high=1.2),
)


@pytest.fixture(scope="module")
def models(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """Untrained: ×2 along all axes or the plane, and thin slices from thick ones, of MR."""
    root = tmp_path_factory.mktemp("superres")
    made = [
        make_model(root / "sr-x2", task="super_resolve", resolution=TWICE),
        make_model(root / "sr-thin", task="super_resolve", resolution=THIN),
    ]
    return [load_model(folder) for folder in made]


def turned(shape: tuple[int, int, int], spacing: tuple[float, float, float], left_handed: bool = False) -> Volume:
    """A smooth ball on an oblique grid; spacing along (i, j, k)."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    voxels = 500 * np.exp(-3 * (k**2 + j**2 + i**2)) + 20
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(spacing) @ (np.diag([1, 1, -1]) if left_handed else np.eye(3))
    matrix[:3, 3] = (5, -7, 11)
    return Volume(voxels.astype(np.float32), matrix, "MR")


def asked(**options: object) -> SuperResolveOptions:
    return SuperResolveOptions(**options)


@pytest.mark.parametrize("left_handed", [False, True])
@pytest.mark.parametrize("options", [{"factor": 2}, {"factor": 4}, {"spacing": "0.4,0.5,0.9"}, {"spacing": "0.7"}])
def test_the_physical_box_keeps_its_centre_and_spacings_are_exact(left_handed: bool, options: dict) -> None:
    volume = turned((12, 15, 18), (0.9, 1.1, 2.0), left_handed)
    grid = finer_grid(volume, asked(**options))
    fine = Volume(np.zeros(grid.shape, np.float32), grid.ijk_to_ras, "MR")
    centres = [to_ras(v.ijk_to_ras, (np.array(v.shape[::-1]) - 1) / 2) for v in (volume, fine)]
    np.testing.assert_allclose(*centres, atol=1e-9)
    np.testing.assert_allclose(np.array(volume.spacing) / fine.spacing, grid.factors, rtol=1e-12)
    if "factor" in options:  # whole numbers: the corners stay too, and index 0 lies at -0.5 + 0.5 / f
        old = -0.5 + 0.5 / options["factor"]
        np.testing.assert_allclose(fine.ijk_to_ras[:3, 3], to_ras(volume.ijk_to_ras, [old] * 3), atol=1e-9)
    if options.get("spacing") == "0.4,0.5,0.9":
        np.testing.assert_allclose(fine.spacing, (0.9, 0.5, 0.4), rtol=1e-12)


def test_slices_become_as_thin_as_the_plane_is_fine() -> None:
    grid = finer_grid(turned((6, 20, 20), (1.0, 1.0, 4.0)), asked(axes="slice"))
    assert grid.factors == (4.0, 1.0, 1.0)
    assert grid.shape == (24, 20, 20)


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1, 1, 4), 0), ((1, 1, 0.6), 0), ((1, 1, 1), 0), ((4, 1, 1), 2), ((0.6, 1, 1.0002), 2), ((0.5, 3, 0.6), 1)],
)
def test_slices_are_across_the_plane_of_square_pixels(spacing: tuple[float, float, float], axis: int) -> None:
    """Also where they lie closer than its pixels: no axis of the plane is taken for theirs. Spacing along (i, j, k)."""
    assert slice_axis(turned((6, 7, 8), spacing)) == axis


@pytest.mark.parametrize("options", [{}, {"factor": 2}, {"spacing": "0.5"}])
def test_an_axis_of_one_voxel_is_left_alone(options: dict) -> None:
    assert finer_grid(turned((1, 20, 20), (1.0, 1.0, 4.0)), asked(**options)).factors == (1.0, 2.0, 2.0)


def test_a_single_voxel_cannot_be_made_finer() -> None:
    one = Volume(np.ones((1, 1, 1), np.float32), np.eye(4), "MR")
    for options, said in (({}, "single voxel"), ({"factor": 3}, "single voxel"), ({"spacing": "0.2"}, "not finer")):
        with pytest.raises(UsageError, match=said):
            finer_grid(one, asked(**options))


def test_one_number_leaves_finer_axes_alone_and_says_so() -> None:
    grid = finer_grid(turned((6, 20, 20), (0.8, 0.8, 4.0)), asked(spacing="1"))
    assert grid.factors == (4.0, 1.0, 1.0)
    assert "left as they are" in grid.notes[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"spacing": "5"}, "not finer"),
        ({"spacing": "0.5,0.5,6"}, "not finer"),
        ({"spacing": "0.05"}, "more than 8 times"),
        ({"axes": "slice", "spacing": "9"}, "not finer"),
    ],
)
def test_what_is_not_finer_is_said(options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        finer_grid(turned((6, 20, 20), (1.0, 1.0, 4.0)), asked(**options))


def test_slices_too_far_apart_for_the_plane_are_said() -> None:
    """What --factor and --spacing may ask for holds without them too."""
    with pytest.raises(UsageError, match="15 times as many, and 8 times is the most"):
        finer_grid(turned((6, 20, 20), (0.5, 0.5, 7.5)), asked(axes="slice"))
    assert finer_grid(turned((6, 20, 20), (0.5, 0.5, 7.5)), asked(axes="slice", spacing="1")).factors == (7.5, 1, 1)


@pytest.mark.parametrize("distance", [1.0, 0.6])
def test_slices_as_close_as_the_plane_is_fine_are_left_alone(distance: float) -> None:
    with pytest.raises(UsageError, match="already"):
        finer_grid(turned((6, 20, 20), (1.0, 1.0, distance)), asked(axes="slice"))


@pytest.mark.parametrize(
    ("total", "stages", "steps"),
    [
        (2, None, (2,)),
        (2.2, None, (2.2,)),
        (4, None, (2, 2)),
        (3.7, None, (2, 1.85)),
        (2.5, None, (2.5**0.5,) * 2),
        (2, 2, (2**0.5,) * 2),
        (8, None, (2, 2, 2)),
    ],
)
def test_a_factor_is_split_into_what_the_model_was_trained_for(total: float, stages: int | None, steps: tuple) -> None:
    assert split_factor(total, TWICE, stages) == pytest.approx(steps)


def test_too_few_stages_are_said() -> None:
    with pytest.raises(UsageError, match=r"trained are 2\.2"):
        split_factor(4, TWICE, 1)


def test_axes_are_done_together_where_they_are_alike_and_the_coarsest_first_where_not() -> None:
    isotropic, thick = (1.0, 1.0, 1.0), (5.0, 1.0, 1.0)
    assert axis_groups(isotropic, (2, 2, 2)) == [((0, 1, 2), "all")]
    assert axis_groups(thick, (1, 2, 2)) == [((1, 2), "plane")]
    assert axis_groups(thick, (5, 1, 1)) == [((0,), "slices")]
    assert axis_groups(thick, (5, 2, 2)) == [((0,), "slices"), ((1, 2), "plane")]


@pytest.mark.parametrize("shape", [(7, 9, 11), (5, 16, 13)])
@pytest.mark.parametrize("factor", [2.5, 3.7, 4.0])
def test_grids_between_stages_fill_the_same_box(models: list[Model], shape: tuple, factor: float) -> None:
    stages = plan_cascade(models, shape, (1.0, 1.0, 1.0), (factor,) * 3)
    sizes = shape
    for stage in stages[:-1]:
        sizes = tuple(n * f for n, f in zip(sizes, stage.factors, strict=True))
        np.testing.assert_allclose(sizes, np.rint(sizes), atol=1e-9)
    np.testing.assert_allclose(np.prod([stage.factors for stage in stages], axis=0), factor)
    assert [stage.repeats for stage in stages] == [False] + [True] * (len(stages) - 1)


@pytest.mark.parametrize("factor", [2.3, 2.5, 4.5, 5.1, 7.5])
def test_stages_end_in_the_grid_that_was_asked_for(models: list[Model], factor: float) -> None:
    """Also where a size is halfway between two whole numbers, which round-off may hide."""
    for size in range(2, 200):
        for factors in ((factor,) * 3, (factor, 1.0, 1.0)):
            here = (size,) * 3
            for stage in plan_cascade(models, here, (1.0, 1.0, 1.0), factors):
                here = tuple(fine_size(n, f) for n, f in zip(here, stage.factors, strict=True))
            assert here == tuple(fine_size(size, f) for f in factors)


@pytest.mark.parametrize("options", [{"factor": 2}, {"factor": 4}, {"factor": 3.7}, {"axes": "slice", "factor": 3}])
def test_the_result_made_coarse_again_is_the_scan(models: list[Model], options: dict) -> None:
    volume = turned((9, 11, 13), (1.0, 1.0, 1.0))
    result = super_resolve(volume, loaded=models, force=True, **options)
    assert result.volume.shape == finer_grid(volume, asked(**options)).shape
    assert result.volume.voxels.dtype == volume.voxels.dtype
    assert result.consistency.after <= min(0.005, result.consistency.before) + 1e-6
    assert result.metrics["consistency"]["after, % of p99.5"] == pytest.approx(100 * result.consistency.after)
    names = [stage["model"]["name"] for stage in result.provenance["stages"]]
    wanted = {2: ["sr-x2"], 4: ["sr-x2"] * 2, 3.7: ["sr-x2"] * 2, 3: ["sr-thin"]}
    assert names == wanted[options["factor"]]


def test_nothing_is_interpolated_or_made_coarse_more_often_than_needed(
    models: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one stage, on the fine grid: up once; down for the residual before and after; the move up once."""
    from DiffusionCore.degradation import low_resolution

    products: list[tuple[int, int]] = []
    plain = low_resolution.apply_matrix

    def counted(matrix: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
        products.append(np.shape(matrix))
        return plain(matrix, x, axis)

    monkeypatch.setattr(low_resolution, "apply_matrix", counted)
    super_resolve(turned((9, 11, 13), (1.0, 1.0, 1.0)), loaded=models, force=True)
    up = sum(rows > columns for rows, columns in products)
    assert (up, len(products) - up) in {(3 + 3, 3 + 3), (3, 3)}  # with a projection, or where none was needed


def test_a_derived_scan_names_every_stage_and_its_weights(models: list[Model]) -> None:
    volume = turned((6, 12, 12), (1.0, 1.0, 4.0))
    result = super_resolve(volume, loaded=models, force=True, spacing="0.5,0.5,1")
    record = superres_record(result.provenance)
    assert record.model == "sr-thin 1 then sr-x2 1"
    assert record.weights_sha256 == " then ".join(model.card.sha256 for model in reversed(models))


def test_without_consistency_the_result_is_as_the_model_made_it(models: list[Model]) -> None:
    volume = turned((9, 11, 13), (1.0, 1.0, 1.0))
    left = super_resolve(volume, loaded=models, force=True, consistency=0).consistency
    assert left.before == left.after


def test_strength_0_is_the_interpolated_scan(models: list[Model]) -> None:
    volume = turned((9, 11, 13), (1.0, 1.0, 1.0))
    result = super_resolve(volume, loaded=models, force=True, strength=0, consistency=0)
    np.testing.assert_array_equal(result.volume.voxels, result.interpolated.voxels)


@pytest.mark.parametrize(
    "options", [{"factor": 2}, {"factor": 2.5}, {"factor": 3.7}, {"axes": "slice", "factor": 3, "gap": 0.3}]
)
def test_a_blob_stays_where_it_is(models: list[Model], options: dict) -> None:
    """Far from the middle of the grid, to a hundredth of a voxel, on an oblique left-handed grid of unequal spacing."""
    shape, centre = (20, 23, 26), (7.3, 13.9, 8.4)
    k, j, i = np.meshgrid(*(np.arange(n) - c for n, c in zip(shape, centre, strict=True)), indexing="ij")
    blob = 500 * np.exp(-(k**2 + j**2 + i**2) / (2 * 2.0**2))
    volume = replace(turned(shape, (0.9, 1.1, 1.3), left_handed=True), voxels=blob.astype(np.float32))
    fine = super_resolve(volume, loaded=models, force=True, strength=0, consistency=0, **options).volume
    kji = np.stack(np.meshgrid(*map(np.arange, fine.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    found = np.average(to_ras(fine.ijk_to_ras, kji[:, ::-1]), axis=0, weights=fine.voxels.ravel())
    off = np.linalg.norm(found - to_ras(volume.ijk_to_ras, centre[::-1]))
    assert off < 0.01 * min(fine.spacing)


def test_the_axis_across_the_slices_may_be_any(models: list[Model]) -> None:
    """A scan stored with its slices along i gives the same voxels as the one stored along k."""
    volume = turned((6, 16, 16), (1.0, 1.0, 4.0))
    swapped = Volume(np.ascontiguousarray(volume.voxels.transpose(2, 1, 0)), volume.ijk_to_ras[:, [2, 1, 0, 3]], "MR")
    one, other = (super_resolve(v, loaded=models, axes="slice", force=True).volume for v in (volume, swapped))
    np.testing.assert_allclose(other.voxels.transpose(2, 1, 0), one.voxels, rtol=1e-3, atol=0.5)


def test_tiles_change_nothing(models: list[Model]) -> None:
    volume = turned((20, 22, 24), (1.0, 1.0, 1.0))
    whole, tiled = (super_resolve(volume, loaded=models, force=True, tile=t).volume.voxels for t in (None, 16))
    np.testing.assert_allclose(tiled, whole, atol=1.0 if bfloat16_is_used() else 0.01)


def bfloat16_is_used() -> bool:
    """On a machine whose bfloat16 is fast; there, other tiles round differently."""
    import torch

    from DiffusionCore.inference import choose_dtype

    return choose_dtype(torch.device("cpu"), "auto") is torch.bfloat16


def test_samples_have_a_spread_and_a_seed_gives_the_same(models: list[Model]) -> None:
    volume = turned((8, 8, 8), (1.0, 1.0, 1.0))
    settings = {"loaded": models, "force": True, "samples": 2, "steps": 2, "seed": 3}
    first, again = (super_resolve(volume, **settings) for _ in range(2))
    assert first.uncertainty is not None and first.uncertainty.shape == first.volume.shape
    np.testing.assert_array_equal(first.uncertainty.voxels, again.uncertainty.voxels)


def test_integers_stay_integers_and_amplitudes_are_not_negative(models: list[Model]) -> None:
    volume = turned((9, 11, 13), (1.0, 1.0, 1.0))
    integer = Volume(volume.voxels.astype(np.uint8), volume.ijk_to_ras, "MR")
    assert super_resolve(integer, loaded=models, force=True).volume.voxels.dtype == np.uint8


def test_figures_against_a_reference(models: list[Model]) -> None:
    fine = turned((18, 22, 26), (0.5, 0.5, 0.5))
    axes = [axis_lowering(n, 2.0, "kspace") for n in fine.shape]
    matrix = fine.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ np.full(3, 0.5)
    matrix[:3, :3] *= 2
    coarse = Volume(lowered(fine.voxels, axes), matrix, "MR")
    result = super_resolve(coarse, loaded=models, reference=fine, force=True)
    assert result.metrics["reference"]["after"]["PSNR, dB"] > 25
    with pytest.raises(InputError, match="grid"):
        super_resolve(coarse, loaded=models, reference=coarse, force=True)


@pytest.mark.parametrize(
    ("options", "share"),
    [({"thickness": 4.0}, 1.0), ({"gap": 1.0}, 0.75), ({"thickness": 12.0}, 1.2)],
)
def test_slices_are_as_thick_as_given_within_what_was_trained(models: list[Model], options: dict, share: float) -> None:
    result = super_resolve(turned((6, 16, 16), (1, 1, 4)), loaded=models, axes="slice", force=True, **options)
    assert result.provenance["slice_thickness"]["k"] == pytest.approx(share)
    assert any("trained were" in warning for warning in result.warnings) == (options.get("thickness") == 12.0)


def test_thick_slices_are_not_taken_for_a_sharp_axis_without_a_word(models: list[Model]) -> None:
    said = "--axes slice makes them thin"
    both = super_resolve(turned((6, 16, 16), (1, 1, 4)), loaded=models, factor=2, force=True)
    assert any(said in warning for warning in both.warnings)
    for volume, options in ((turned((6, 16, 16), (1, 1, 4)), {"axes": "slice"}), (turned((9, 9, 9), (1, 1, 1)), {})):
        assert not any(said in w for w in super_resolve(volume, loaded=models, force=True, **options).warnings)


def test_a_finer_scan_that_memory_does_not_hold_is_said_at_once(
    models: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("DiffusionCore.volume.free_memory.free_memory", lambda: 10**6)
    with pytest.raises(InputError, match="72×64×64 voxels take"):
        super_resolve(turned((16, 16, 18), (1, 1, 1)), loaded=models, factor=4)


def test_the_result_agrees_with_the_scan_by_the_slice_profile_that_is_given(models: list[Model]) -> None:
    """Made coarse by that profile it is the scan; by another it is not."""
    volume = turned((6, 16, 16), (1, 1, 4))
    result = super_resolve(volume, loaded=models, axes="slice", profile="rect", thickness=4.0, force=True).volume
    top = np.percentile(volume.voxels, 99.5)
    errors = {}
    for profile in ("rect", "gaussian"):
        axes = [axis_lowering(24, 4.0, "profile", profile=profile), None, None]
        errors[profile] = np.sqrt(np.mean((lowered(result.voxels, axes) - volume.voxels) ** 2)) / top
    assert errors["rect"] < 0.006 < errors["gaussian"]


def test_what_is_said_of_slices_to_a_model_that_knows_of_none_is_told(models: list[Model]) -> None:
    result = super_resolve(turned((9, 9, 9), (1, 1, 1)), loaded=models, profile="rect", force=True)
    assert any("--profile are not used" in warning for warning in result.warnings)


def test_a_gap_cannot_be_all(models: list[Model]) -> None:
    with pytest.raises(UsageError, match="leaves nothing"):
        super_resolve(turned((6, 16, 16), (1, 1, 4)), loaded=models, axes="slice", gap=4.0)


def test_what_no_model_was_trained_for_is_said(models: list[Model]) -> None:
    volume = turned((6, 16, 16), (1, 1, 4))
    with pytest.raises(ModelError, match="the slices"):
        super_resolve(volume, loaded=models[:1], axes="slice")
    with pytest.raises(Refused, match="CT"):
        super_resolve(Volume(volume.voxels - 1000, volume.ijk_to_ras, "CT"), loaded=models)
    with pytest.raises(Refused, match="several slices"):
        super_resolve(turned((1, 16, 16), (1, 1, 4)), loaded=models)


@pytest.mark.parametrize("slices", [1, 5])
def test_a_2d_model_makes_the_plane_of_each_slice_finer(
    make_model: Callable[..., Path], tmp_path: Path, slices: int
) -> None:
    plane = ResolutionSpec(kind="kspace", axes=("plane",), factor=Range(low=1.3, high=2.2))
    model = load_model(make_model(tmp_path / "sr-flat", dims=2, task="super_resolve", resolution=plane))
    volume = turned((slices, 16, 18), (1, 1, 4))
    options = {"factor": 2} if slices == 1 else {"spacing": "0.5,0.5,4"}
    whole = super_resolve(volume, loaded=[model], consistency=0, **options).volume
    assert whole.shape == (slices, 32, 36) and np.allclose(whole.spacing, (4, 0.5, 0.5))


def test_padding_of_a_ct_is_never_spread_into_tissue(make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = load_model(make_model(tmp_path / "sr-ct", "CT", task="super_resolve", resolution=TWICE))
    voxels = np.full((6, 24, 24), -1000, np.int16)
    voxels[:, 6:18, 6:18] = 40
    voxels[:, :3] = -3024
    result = super_resolve(Volume(voxels, np.eye(4), "CT"), loaded=[model], force=True)
    assert np.all(result.volume.voxels[:, :6] == -3024)
    assert result.volume.voxels[:, 6:].min() > -1600


@pytest.mark.parametrize(("least", "left"), [(0.0, 0.0), (None, 0.004), (0.002, 0.002)])
def test_agreement_goes_to_the_least_noise_that_the_scan_has(least: float | None, left: float) -> None:
    """A least of 0 is known to be 0, and not taken for unknown."""
    y = np.ones((4, 4, 4), np.float32)
    axes = [axis_lowering(8, 2, "kspace")] * 3
    noise = NoiseEstimate(0.004, "rician", lower=least)
    unit = Normalisation(offset=0.0, scale=1.0)
    _, found = make_consistent(np.full((8, 8, 8), 1.1, np.float32), y, axes, unit, noise, "MR", 1.0)
    assert found.before == pytest.approx(0.1, rel=1e-3)
    assert found.after == pytest.approx(left, abs=1e-4)
