"""Ctrl-C and kill -9: soon over, nothing half-written, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, read_volume, write_volume

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")


def processor_seconds(pid: int) -> float:
    """What a process has used so far: on a loaded machine the clock says nothing."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.is_file():
        pytest.skip("processor time of another process is read from /proc")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def large(tmp_path: Path, mr: Volume) -> Path:
    """A scan of 120³ voxels, which takes the untrained network seconds per pass of many."""
    voxels = np.tile(mr.voxels, (5, 5, 5))[:120, :120, :120]
    return write_volume(Volume(voxels, mr.ijk_to_ras, "MR"), tmp_path / "large.nii")


def test_ctrl_c_while_denoising_ends_within_a_second(installed, large, tmp_path):
    out = tmp_path / "out.nii.gz"
    command = [sys.executable, "-m", "DiffusionCore", "enhance", str(large), str(out), "--model", "tiny-mr", "--json"]
    process = subprocess.Popen(
        [*command, "--steps", "40", "--texture", "1", "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        event = json.loads(line)
        if event["stage"] == "denoise" and event["fraction"] > 0:
            break
    began = processor_seconds(process.pid)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 130
    assert used.ru_utime + used.ru_stime - began < 1
    assert said[-1] == "diffusioncore: cancelled; nothing was written"
    assert process.stdout.read() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["large.nii"]


def test_a_job_that_does_not_report_is_interrupted_all_the_same(installed, mr_file, tmp_path, monkeypatch, capsys):
    from DiffusionCore.tasks import enhance as task

    def hang(volume: Volume) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(30)

    monkeypatch.setattr(task, "measured_noise", hang)
    began = time.monotonic()
    assert main(["enhance", str(mr_file), str(tmp_path / "out.nii.gz")]) == 130
    assert time.monotonic() - began < 15
    assert capsys.readouterr().err == "diffusioncore: cancelled; nothing was written\n"
    assert [path.name for path in tmp_path.iterdir()] == [mr_file.name]


def test_ctrl_c_is_python_s_own_again_afterwards(installed, mr_file, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    main(["enhance", str(mr_file), str(tmp_path / "out.nii.gz")])
    assert signal.getsignal(signal.SIGINT) is before


def test_kill_while_writing_leaves_no_output_and_the_next_run_tidies_up(installed, mr_file, tmp_path):
    out = tmp_path / "out.nii.gz"
    arguments = ["enhance", str(mr_file), str(out), "--model", "tiny-mr"]
    die = (
        "import os, signal, sys; from DiffusionCore.__main__ import main\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"main({arguments!r})"
    )
    given = mr_file.read_bytes()
    assert subprocess.run([sys.executable, "-c", die], timeout=120).returncode == -signal.SIGKILL
    left = {path.name for path in tmp_path.iterdir()} - {mr_file.name}
    assert out.name not in left
    assert len(left) == 1, "the half-written file is there under a temporary name"
    assert mr_file.read_bytes() == given

    assert main(arguments) == 0
    assert {path.name for path in tmp_path.iterdir()} == {mr_file.name, out.name}
    assert read_volume(out).shape == read_volume(mr_file).shape


def test_a_nii_beside_a_nii_gz_gives_the_right_voxels(installed, mr, tmp_path):
    """SimpleITK would read the voxels of a.nii when it is given a.nii.gz."""
    write_volume(mr, tmp_path / "a.nii.gz")
    write_volume(mr.with_voxels(mr.voxels[::-1].copy()), tmp_path / "a.nii")
    out = tmp_path / "out.nii.gz"
    assert main(["enhance", str(tmp_path / "a.nii.gz"), str(out), "--strength", "0"]) == 0
    np.testing.assert_array_equal(read_volume(out).voxels, mr.voxels)
