"""Trust through the worker is that of the command line, byte for byte with the same seed."""

from __future__ import annotations

import json

import numpy as np

from DiffusionCore.__main__ import main
from DiffusionCore.volume import read_volume, write_volume


def test_worker_and_command_line_give_the_same_trust(worker, mr, installed, tmp_path):
    given = {"model": "tiny-mr", "preset": "careful", "samples": 2, "steps": 2, "seed": 5}
    scan, out = write_volume(mr, tmp_path / "head.nii.gz"), tmp_path / "out.nii.gz"
    found = worker.result("enhance", read_volume(scan), trust=True, **given)  # NIfTI keeps places in single precision
    beside = ["--trust-map", str(tmp_path / "map.nii.gz"), "--uncertainty", str(tmp_path / "spread.nii.gz")]
    words = [f"--{name}={value}" for name, value in given.items()]
    assert main(["enhance", str(scan), str(out), *words, *beside, "--report", str(tmp_path / "report.json")]) == 0
    for name, volume in (("map", found["trust"]["structure"]), ("spread", found["uncertainty"])):
        written = read_volume(tmp_path / f"{name}.nii.gz").voxels
        assert worker.array(volume).tobytes() == np.ascontiguousarray(written).tobytes()
    assert worker.array(found["volume"]).tobytes() == np.ascontiguousarray(read_volume(out).voxels).tobytes()
    report = json.loads((tmp_path / "report.json").read_text())["trust"]
    assert [finding["sentence"] for finding in found["trust"]["findings"]] == report["words"]
    assert found["trust"]["share"] == report["residual_structure"]["flagged_share"]
