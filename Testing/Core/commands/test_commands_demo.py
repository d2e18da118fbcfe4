"""`demo`: noise on a scan that stands for the truth, and what enhancing gains."""

from __future__ import annotations

import json

import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import read_volume


def test_demo_compares_noisy_enhanced_and_non_local_means_with_the_truth(installed, mr_file, tmp_path, capsys):
    before = mr_file.read_bytes()
    assert main(["demo", str(mr_file), "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["what"] for row in found["rows"]] == ["noisy", "non-local means", "enhanced"]
    assert all(0 < row["ssim"] <= 1 for row in found["rows"])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"demo_noisy.nii.gz", "demo_enhanced.nii.gz", "demo.png", "demo.json"}
    assert mr_file.read_bytes() == before


def test_demo_s_noise_is_its_seed_s(installed, mr_file, tmp_path):
    def noisy(seed: int, folder: str):
        assert main(["demo", str(mr_file), "--out", str(tmp_path / folder), "--seed", str(seed), "--quiet"]) == 0
        return read_volume(tmp_path / folder / "demo_noisy.nii.gz").voxels

    first, again, other = noisy(1, "a"), noisy(1, "b"), noisy(2, "c")
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--seed", "-1"], 2, "--seed must be 0 to"),
        (["--out", "taken"], 5, "is a file"),
    ],
)
def test_demo_says_what_is_wrong_before_any_work(installed, mr_file, tmp_path, monkeypatch, capsys, words, code, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("something")
    assert main(["demo", str(mr_file), *words]) == code
    assert says in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "something"


def test_demo_without_a_scan_takes_nilearn_s_head():
    pytest.importorskip("nilearn")
    from DiffusionCore.commands import demo

    head = demo.mni_head()
    assert head.modality == "MR" and head.spacing == (1.0, 1.0, 1.0) and min(head.shape) > demo.CROP
