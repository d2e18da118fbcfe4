"""Output appears whole or not at all, and never over the input."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.errors import OutputError, UsageError
from DiffusionCore.volume import Volume, check_output, same_file, write_volume
from DiffusionCore.volume.atomic import atomic_file, atomic_folder, check_makeable, make_folder, remove_stale

VOLUME = Volume(np.zeros((2, 3, 4), np.int16), np.eye(4), "MR")
ROOT = Path(__file__).resolve().parents[3]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def a_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_file_appears_only_at_the_end(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".a.txt.") and temporary.name.endswith(f".{os.getpid()}.diffusioncore.tmp")
        assert names(tmp_path) == [temporary.name]
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise failure
    with pytest.raises(failure), atomic_folder(tmp_path / "a") as temporary:
        (temporary / "1.dcm").write_text("half")
        raise failure
    assert names(tmp_path) == []


def test_failure_keeps_the_former_output(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError), atomic_file(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert path.read_text() == "old"
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_in_words(tmp_path: Path, number: int) -> None:
    path = tmp_path / "x.nii.gz"
    with pytest.raises(OutputError) as caught, atomic_file(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"{path}: no space left; nothing was written"
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ""])
def test_write_that_really_stops_halfway(tmp_path: Path, suffix: str) -> None:
    code = (
        "import resource, signal, sys, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from DiffusionCore.volume import Volume, write_volume\n"
        "from DiffusionCore.errors import OutputError\n"
        "noise = np.random.default_rng(0).integers(0, 1000, (2, 256, 256), dtype=np.int16)\n"
        "try: write_volume(Volume(noise, np.eye(4), 'MR'), sys.argv[1])\n"
        "except OutputError as error: print(error)\n"
    )
    path = tmp_path / f"x{suffix}"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{path}: no space left; nothing was written"
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_9_leaves_no_partial_output_and_the_next_run_clears_up(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from DiffusionCore.volume.atomic import atomic_file, atomic_folder\n"
        "with atomic_file(sys.argv[1] + '/x.nii.gz') as file, atomic_folder(sys.argv[1] + '/series') as folder:\n"
        "    file.write_bytes(b'half'); (folder / '1.dcm').write_bytes(b'half')\n"
        "    print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    assert remove_stale(tmp_path) == []  # it is alive
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(names(tmp_path)) == 2
    assert all(name.endswith(f".{process.pid}.diffusioncore.tmp") for name in names(tmp_path))
    write_volume(VOLUME, tmp_path / "x.nii.gz")
    assert names(tmp_path) == ["x.nii.gz"]


def test_only_stale_temporaries_are_removed(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "probe") as temporary:
        host = temporary.name.split(".")[2]
        temporary.touch()
    (tmp_path / "probe").unlink()
    dead, alive = a_dead_pid(), os.getppid()
    kept = [
        "a.nii.gz",
        f".a.nii.gz.{host}.{alive}.diffusioncore.tmp",
        f".a.nii.gz.another-machine.{dead}.diffusioncore.tmp",
        f".a.nii.gz.{host}.{dead}.tmp",
        f".{host}.{dead}.diffusioncore.tmp.txt",
    ]
    old = f".b.nii.gz.another-machine.{alive}.diffusioncore.tmp"
    stale = f".a.nii.gz.{host}.{dead}.diffusioncore.tmp"
    for name in [*kept, old, stale]:
        (tmp_path / name).touch()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(tmp_path / old, (two_days_ago, two_days_ago))
    assert sorted(remove_stale(tmp_path)) == sorted([old, stale])
    assert names(tmp_path) == sorted(kept)


def test_folder_that_was_being_replaced_is_put_back(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "probe") as temporary:
        host = temporary.name.split(".")[2]
    (tmp_path / "probe").rmdir()
    former = tmp_path / f".series.{host}.{a_dead_pid()}.diffusioncore.old"
    former.mkdir()
    (former / "1.dcm").write_text("old")
    remove_stale(tmp_path)
    assert (tmp_path / "series" / "1.dcm").read_text() == "old"
    former.mkdir()  # but once the new one is in place, the old one goes
    remove_stale(tmp_path)
    assert names(tmp_path) == ["series"]


def test_existing_output_needs_overwrite(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz")
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"exists already.*--overwrite"):
        write_volume(VOLUME.with_voxels(VOLUME.voxels + 1), path)
    assert path.read_bytes() == before
    write_volume(VOLUME.with_voxels(VOLUME.voxels + 1), path, overwrite=True)
    assert path.read_bytes() != before


def test_output_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(OutputError, match="exists already"), atomic_file(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(OutputError, match="does not exist; make it first"):
        write_volume(VOLUME, tmp_path / "missing" / "a.nii.gz")
    with pytest.raises(OutputError, match="does not exist"):
        write_volume(VOLUME, tmp_path / "file" / "a.nii.gz")
    with pytest.raises(OutputError, match="is a folder"):
        write_volume(VOLUME, tmp_path / "folder.nii")
    with pytest.raises(UsageError, match=r"cannot write \.png files; use \.nii\.gz"):
        write_volume(VOLUME, tmp_path / "a.png")
    assert names(tmp_path) == ["file", "folder.nii"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="no permission"):
            write_volume(VOLUME, tmp_path / "a.nii.gz")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_permission_lost_while_writing(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(OutputError, match="no permission to write there; nothing was written"),
        atomic_file(tmp_path / "a"),
    ):
        raise OSError(number, os.strerror(number))


def test_same_file_through_links_and_spellings(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.touch()
    (tmp_path / "link").symlink_to(path)
    os.link(path, tmp_path / "hard")
    (tmp_path / "sub").mkdir()
    for other in ("link", "hard", "sub/../a.nii.gz"):
        assert same_file(path, tmp_path / other)
    assert not same_file(path, tmp_path / "b.nii.gz")
    assert same_file(tmp_path / "b.nii.gz", tmp_path / "sub" / ".." / "b.nii.gz")


def test_output_equal_to_input_is_refused_even_with_overwrite(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to(path)
    for output in (path, tmp_path / "link.nii.gz"):
        with pytest.raises(OutputError, match="is an input, which is never changed"):
            check_output(output, overwrite=True, inputs=[path])
    check_output(tmp_path / "b.nii.gz", inputs=[path])
    with pytest.raises(OutputError, match="exists already"):
        check_output(path)


def test_output_folder_within_an_input_folder_or_around_an_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "1.dcm").touch()
    with pytest.raises(OutputError, match="lies within an input"):
        check_output(tmp_path / "dicom" / "out", inputs=[tmp_path / "dicom"])
    with pytest.raises(OutputError, match="holds an input"):
        check_output(tmp_path / "dicom", overwrite=True, inputs=[tmp_path / "dicom" / "1.dcm"])
    check_output(tmp_path / "dicom-out", inputs=[tmp_path / "dicom"])


def test_folder_replaces_only_what_a_former_run_wrote(tmp_path: Path) -> None:
    target = tmp_path / "series"
    target.mkdir()
    with atomic_folder(target) as temporary:  # an empty folder is taken over
        (temporary / "1.dcm").write_text("one")
    with pytest.raises(OutputError, match="not empty"), atomic_folder(target):
        pass
    with atomic_folder(target, overwrite=True) as temporary:
        (temporary / "2.dcm").write_text("two")
    assert names(target) == ["2.dcm"]
    (target / "thesis.docx").touch()
    with pytest.raises(OutputError, match="holds other things"), atomic_folder(target, overwrite=True):
        pass
    assert names(target) == ["2.dcm", "thesis.docx"]
    with pytest.raises(OutputError, match="holds other things"), atomic_folder(target, overwrite=True, holds="*.docx"):
        pass
    assert names(tmp_path) == ["series"]


def test_folder_that_a_link_leads_to_is_filled_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with atomic_folder(tmp_path / "link") as temporary:
        (temporary / "1.dcm").write_text("one")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "elsewhere") == ["1.dcm"]
    assert names(tmp_path) == ["elsewhere", "link"]


def test_folder_put_back_after_a_kill_is_not_replaced_unasked(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "probe") as temporary:
        host = temporary.name.split(".")[2]
    former = tmp_path / f".series.{host}.{a_dead_pid()}.diffusioncore.old"
    former.mkdir()
    (former / "1.dcm").write_text("old")
    with pytest.raises(OutputError, match="not empty"), atomic_folder(tmp_path / "series"):
        pass
    assert (tmp_path / "series" / "1.dcm").read_text() == "old"


def test_folders_are_made_or_said_to_be_impossible(tmp_path: Path) -> None:
    check_makeable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for check in (check_makeable, make_folder):
        with pytest.raises(OutputError):
            check(tmp_path / "file" / "c")
    with pytest.raises(OutputError, match="cannot be made"):
        make_folder(tmp_path / "with\0nul")
