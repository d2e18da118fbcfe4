"""Outputs are made once, found again by what they depend on, and a method that cannot run is a row, not a crash."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from DiffusionCore.benchmark.rivals import (
    Method,
    NoisyScan,
    Tuned,
    ValidationPair,
    is_kept,
    model_method,
    other_work,
    output_key,
    output_of,
    outputs,
    parameters_for,
    read_tuned,
    tune,
    write_tuned,
)
from DiffusionCore.errors import Cancelled, InputError, ModelError, UsageError
from DiffusionCore.models import Card, DiffusionSpec, NetworkSpec, Range, ValidRanges
from DiffusionCore.models.card import SampleWidth
from DiffusionCore.volume.volume import Volume


@dataclass
class Counting:
    """A method's function that adds `shift` and counts how often it ran."""

    calls: int = 0

    def __call__(self, scan: NoisyScan, shift: float) -> np.ndarray:
        self.calls += 1
        return scan.voxels + np.float32(shift)


def a_method(run, **fields) -> Method:
    given = {"name": "shift", "title": "Shift", "distribution": "numpy", "module": "numpy", "licence": "BSD"}
    return Method(run=run, **{**given, **fields})


def a_scan(seed: int = 0, **fields) -> NoisyScan:
    voxels = np.random.default_rng(seed).standard_normal((3, 4, 5), dtype=np.float32)
    return NoisyScan(**{"voxels": voxels, "sigma": 0.1, "modality": "MR", **fields})


def test_a_second_run_reads_the_first_with_its_seconds(tmp_path: Path) -> None:
    counting = Counting()
    first = output_of(a_method(counting), a_scan(), {"shift": 0.3}, tmp_path)
    second = output_of(a_method(counting), a_scan(), {"shift": 0.3}, tmp_path)
    assert counting.calls == 1
    np.testing.assert_array_equal(first.voxels, second.voxels)
    np.testing.assert_allclose(first.voxels, a_scan().voxels + 0.3, atol=2e-4)
    assert second.seconds == pytest.approx(first.seconds, abs=1e-4)


def test_what_was_timed_beside_other_work_is_timed_again_on_request(tmp_path: Path, monkeypatch) -> None:
    counting, given = Counting(), (a_scan(), {"shift": 0.3})
    made = a_method(counting)
    monkeypatch.setattr(outputs.Stopwatch, "read", lambda self: (9.0, 1.5))
    assert output_of(made, *given, tmp_path).disturbed
    assert output_of(made, *given, tmp_path).disturbed and counting.calls == 1
    assert is_kept(made, *given, tmp_path) and not is_kept(made, *given, tmp_path, retime=True)
    monkeypatch.setattr(outputs.Stopwatch, "read", lambda self: (2.0, 0.1))
    again = output_of(made, *given, tmp_path, retime=True)
    assert (again.seconds, again.disturbed, counting.calls) == (2.0, False, 2)
    assert output_of(made, *given, tmp_path, retime=True).seconds == 2.0 and counting.calls == 2


def test_a_stopwatch_takes_its_own_work_off_the_machine_s(tmp_path: Path, monkeypatch) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(other_work, "STAT", stat)
    monkeypatch.setattr(other_work, "own_seconds", iter((1.0, 3.0)).__next__)
    monkeypatch.setattr(other_work.time, "perf_counter", iter((0.0, 2.0)).__next__)
    tick = os.sysconf("SC_CLK_TCK")
    stat.write_text(f"cpu  {10 * tick} 0 0 99 0 0 0 0 0 0\n")
    watch = other_work.Stopwatch()
    stat.write_text(f"cpu  {12 * tick} {tick} 0 99 0 0 0 0 0 0\n")
    assert watch.read() == (2.0, 0.5)  # three processor seconds, two of them ours, in two seconds


def test_a_system_that_does_not_tell_is_taken_at_its_word(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(other_work, "STAT", tmp_path / "nothing")
    assert other_work.Stopwatch().read()[1] is None
    assert not outputs.Output(None, 1.0).disturbed


@pytest.mark.parametrize(
    "other",
    [
        {"scan": a_scan(seed=1)},
        {"scan": a_scan(sigma=0.2)},
        {"scan": a_scan(modality="CT")},
        {"scan": a_scan(spacing=(2.0, 1.0, 1.0))},
        {"scan": a_scan(spectrum=np.ones((3, 4, 5), np.float32))},
        {"parameters": {"shift": 0.31}},
        {"method": a_method(Counting(), revision=2)},
        {"method": a_method(Counting(), fingerprint="other weights")},
        {"method": a_method(Counting(), distribution="scipy", module="scipy")},
    ],
)
def test_the_key_tells_apart_whatever_changes_the_output(other: dict) -> None:
    given = {"method": a_method(Counting()), "scan": a_scan(), "parameters": {"shift": 0.3}}
    assert output_key(**given) != output_key(**{**given, **other})


def test_a_run_cut_short_is_made_again(tmp_path: Path) -> None:
    counting = Counting()
    output_of(a_method(counting), a_scan(), {"shift": 0.3}, tmp_path)
    next(tmp_path.glob("*.json")).unlink()
    output_of(a_method(counting), a_scan(), {"shift": 0.3}, tmp_path)
    assert counting.calls == 2


def test_a_missing_package_is_a_row_that_says_so() -> None:
    output = output_of(a_method(Counting(), distribution="no-such", module="no_such_package"), a_scan(), {"shift": 0.0})
    assert output.voxels is None and output.reason == "not installed (pip install no-such)"


def test_a_failure_is_a_row_and_is_not_kept(tmp_path: Path) -> None:
    def fails(scan: NoisyScan) -> np.ndarray:
        raise RuntimeError("too small")

    output = output_of(a_method(fails), a_scan(), {}, tmp_path)
    assert output.voxels is None and output.reason == "failed: RuntimeError: too small"
    assert not list(tmp_path.iterdir())


def test_cancelling_is_not_a_failure() -> None:
    def cancelled(scan: NoisyScan) -> np.ndarray:
        raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        output_of(a_method(cancelled), a_scan(), {})


def test_values_that_are_not_finite_are_a_failure() -> None:
    output = output_of(a_method(lambda scan: scan.voxels * np.float32(np.nan)), a_scan(), {})
    assert output.voxels is None and output.reason.startswith("failed")


def test_a_method_cannot_write_to_the_scan() -> None:
    def writes(scan: NoisyScan) -> np.ndarray:
        scan.voxels[0] = 0
        return scan.voxels

    assert output_of(a_method(writes), a_scan(), {}).reason.startswith("failed: ValueError")


def test_a_name_that_cannot_be_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match="name"):
        a_method(Counting(), name="../x")


def negative_error(voxels: np.ndarray, pair: ValidationPair) -> float:
    return -float(np.abs(voxels - pair.clean)[pair.tissue].mean())


def shifted_pairs(shift: float) -> list[ValidationPair]:
    """Scans whose clean version lies `shift` above them in tissue."""
    tissue = np.zeros((3, 4, 5), bool)
    tissue[1] = True
    scans = [a_scan(seed, sigma=sigma) for seed, sigma in ((0, 0.05), (1, 0.2))]
    return [ValidationPair(s, s.voxels + np.where(tissue, np.float32(shift), 0), tissue) for s in scans]


GRID = {"MR": {"shift": (0.0, 0.25, 0.5, 0.75)}}


def test_tuning_finds_the_best_of_the_grid(tmp_path: Path) -> None:
    counting = Counting()
    method = a_method(counting, defaults={"shift": 0.0}, grids=GRID)
    best = tune(method, shifted_pairs(0.5), negative_error, tmp_path)
    assert best is not None
    assert best.parameters == {"shift": 0.5} and best.at_edge == ()
    assert best.sigma == pytest.approx(0.1)  # the geometric mean of 0.05 and 0.2
    assert counting.calls == 4 * 2
    tune(method, shifted_pairs(0.5), negative_error, tmp_path)
    assert counting.calls == 4 * 2


def test_tuning_says_when_the_grid_ends_too_early() -> None:
    best = tune(a_method(Counting(), grids=GRID), shifted_pairs(2.0), negative_error)
    assert best is not None and best.parameters == {"shift": 0.75} and best.at_edge == ("shift",)


def test_tuning_what_is_not_installed_gives_nothing() -> None:
    assert tune(a_method(Counting(), module="no_such_package", grids=GRID), shifted_pairs(0.5), negative_error) is None


def test_tuned_parameters_survive_their_file_and_are_found_by_the_nearest_level(tmp_path: Path) -> None:
    tuned = [
        Tuned("shift", "MR", 0.02, {"shift": 0.1}, 33.25, 0.5, ("shift",)),
        Tuned("shift", "MR", 0.08, {"shift": 0.4}, 30.0, 0.5),
        Tuned("shift", "CT", 0.02, {"shift": 0.9}, 40.0, 0.5),
    ]
    write_tuned(tuned, tmp_path / "docs" / "tuned.yaml")
    read = read_tuned(tmp_path / "docs" / "tuned.yaml")
    assert read == tuned
    method = a_method(Counting(), defaults={"shift": 0.0})
    # 0.04 is as far from 0.02 as from 0.08 by ratio
    assert parameters_for(method, "MR", 0.039, read) == {"shift": 0.1}
    assert parameters_for(method, "MR", 0.041, read) == {"shift": 0.4}
    assert parameters_for(replace(method, name="other"), "MR", 0.04, read) == {"shift": 0.0}


def test_no_tuned_file_means_defaults_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    assert read_tuned(tmp_path / "none.yaml") == []
    (tmp_path / "wrong.yaml").write_text("- just\n- a list\n")
    with pytest.raises(InputError, match="--tune"):
        read_tuned(tmp_path / "wrong.yaml")


def a_model_folder(folder: Path, weights: bytes, **fields) -> Path:
    folder.mkdir()
    anything = Range(low=0.0, high=10.0)
    card = Card(
        name="x",
        task="enhance",
        modality="CT",
        summary="None.",
        network=NetworkSpec(unet={}),
        diffusion=DiffusionSpec(),
        normalisation="hu",
        valid=ValidRanges(sigma_normalised=anything, spacing_mm=anything, slice_spacing_mm=anything),
        **fields,
    )
    (folder / "card.yaml").write_text(json.dumps(card.model_dump(mode="json")), encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(weights)
    return folder


def test_a_model_is_given_the_scan_in_its_own_units_and_the_known_noise(tmp_path: Path) -> None:
    seen = {}

    def enhance(volume: Volume, **options) -> SimpleNamespace:
        seen.update(options, modality=volume.modality, spacing=volume.spacing, mean=float(volume.voxels.mean()))
        return SimpleNamespace(volume=volume.with_voxels(volume.voxels + np.float32(5.0)))

    folder = a_model_folder(tmp_path / "model", b"1")
    method = model_method("ours", "Ours", enhance, folder, steps=1)
    scan = NoisyScan(np.full((2, 3, 4), 0.04, np.float32), 0.02, "CT", (3.0, 1.0, 0.5))
    output = output_of(method, scan, {})
    assert method.modalities == ("CT",) and method.kind == "ours" and method.steps == 1
    assert seen["sigma"] == pytest.approx(20) and seen["mean"] == pytest.approx(40)
    assert seen["spacing"] == (3.0, 1.0, 0.5) and seen["modality"] == "CT" and seen["steps"] == 1
    np.testing.assert_allclose(output.voxels, 0.045, atol=1e-5)


def test_other_weights_options_or_widths_of_samples_are_another_version(tmp_path: Path) -> None:
    one = a_model_folder(tmp_path / "one", b"1")
    other = a_model_folder(tmp_path / "two", b"2")
    wider = a_model_folder(tmp_path / "three", b"1", sample_width=[SampleWidth(sigma_normalised=0.05, width=1.1)])
    versions = {
        model_method("ours", "Ours", lambda **_: None, folder, steps=steps).version()
        for folder, steps in ((one, 1), (one, 2), (other, 1), (wider, 1))
    }
    assert len(versions) == 4


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        model_method("ours", "Ours", lambda **_: None, tmp_path / "none")
