"""Voxels between programs: what was written is what is read, and what cannot be is said."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from DiffusionCore.errors import InputError, OutputError
from DiffusionCore.volume import array_file
from DiffusionCore.volume.array_file import map_array, read_array, write_array
from DiffusionCore.volume.processes import is_alive


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "f2", "f4", "f8", "?"])
@pytest.mark.parametrize("order", ["C", "F", "every second", "backwards"])
def test_what_is_written_is_what_is_read(tmp_path, monkeypatch, dtype, order):
    monkeypatch.setattr(array_file, "CHUNK", 100)
    array = (np.arange(5 * 6 * 8).reshape(5, 6, 8) % 3).astype(dtype)
    array = {"C": array, "F": np.asfortranarray(array), "every second": array[::2, :, ::2], "backwards": array[::-1]}[
        order
    ]
    write_array(tmp_path / "a.npy", array)
    for found in (map_array(tmp_path / "a.npy"), read_array(tmp_path / "a.npy"), np.load(tmp_path / "a.npy")):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_files_of_numpy_itself_are_read_in_either_order(tmp_path):
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), array)


def test_a_mapped_array_cannot_be_written(tmp_path):
    write_array(tmp_path / "a.npy", np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="read-only"):
        map_array(tmp_path / "a.npy")[0] = 1


def test_no_file_is_replaced(tmp_path):
    write_array(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(OutputError):
        write_array(tmp_path / "a.npy", np.ones(3))


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00{", None])
def test_what_is_no_array_is_said(tmp_path, content):
    if content is not None:
        (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npy cannot be read"):
        map_array(tmp_path / "a.npy")


def test_objects_and_texts_and_short_files_are_refused(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}, {}]), allow_pickle=True)
    np.save(tmp_path / "t.npy", np.array(["a", "b"]))
    write_array(tmp_path / "s.npy", np.zeros(1000))
    with (tmp_path / "s.npy").open("rb+") as file:
        file.truncate(500)
    for name in ("o.npy", "t.npy", "s.npy"):
        with pytest.raises(InputError):
            map_array(tmp_path / name)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    full = "import resource, sys; from pathlib import Path; import numpy as np\n"
    full += "from DiffusionCore.volume.array_file import write_array\n"
    full += "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))\n"
    full += "write_array(Path(sys.argv[1]), np.zeros(10**6, np.int16))"
    pytest.importorskip("resource")
    run = subprocess.run([sys.executable, "-c", full, str(tmp_path / "a.npy")], capture_output=True, text=True)
    assert "OutputError: no space left for 2 MiB of voxels" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_this_process_is_alive_and_one_that_ended_is_not():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_alive(os.getpid())
    assert not is_alive(ended.pid)
