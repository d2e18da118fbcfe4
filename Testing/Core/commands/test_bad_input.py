"""Bad input: case -> exit code, or success with a warning. One clear sentence, no output, the input untouched."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel
import numpy as np
import pytest
import yaml

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, write_volume
from DiffusionCore.volume.volume import Volume as AnyVolume

OK, USAGE, INPUT, MODEL, OUTPUT, DEVICE, REFUSED, CANCELLED = 0, 2, 3, 4, 5, 6, 7, 130


@dataclass(frozen=True)
class Room:
    """A folder with one good scan, head.nii.gz, the installed models, and what a case needs to make its own input."""

    folder: Path
    models: Path
    scan: Volume
    body: Volume
    patch: pytest.MonkeyPatch
    dicom: ModuleType

    @property
    def head(self) -> Path:
        return self.folder / "head.nii.gz"

    @property
    def out(self) -> Path:
        return self.folder / "out.nii.gz"

    def nifti(self, voxels: np.ndarray, name: str = "case.nii.gz", **header: Any) -> Path:
        """A NIfTI file by nibabel, (I, J, K[, T]), so that it may hold what ours would not write."""
        image = nibabel.Nifti1Image(voxels, np.diag([1.0, 1.2, 1.5, 1.0]))
        for field, value in header.items():
            image.header[field] = value
        nibabel.save(image, self.folder / name)
        return self.folder / name

    def file(self, voxels: np.ndarray, name: str = "case.nii.gz", modality: str = "MR") -> Path:
        return write_volume(AnyVolume(voxels, self.scan.ijk_to_ras, modality), self.folder / name)


def enhance(*arguments: Any) -> list[str]:
    return ["enhance", *map(str, arguments)]


def plain(room: Room, path: Path, *more: Any) -> list[str]:
    return enhance(path, room.out, *more)


def missing(room: Room) -> list[str]:
    return plain(room, room.folder / "nothing.nii.gz")


def truncated(room: Room) -> list[str]:
    whole = room.head.read_bytes()
    path = room.folder / "case.nii.gz"
    path.write_bytes(whole[: len(whole) // 2])
    return plain(room, path)


def damaged_within(room: Room) -> list[str]:
    whole = bytearray(room.head.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path = room.folder / "case.nii.gz"
    path.write_bytes(whole)
    return plain(room, path)


class Bomb:
    """What a pickle can do: leave a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def pickle_as_model(room: Room) -> list[str]:
    path = room.folder / "evil.pt"
    path.write_bytes(pickle.dumps(Bomb(room.folder / "executed")))
    return plain(room, room.head, "--model", path)


def pickle_as_weights(room: Room) -> list[str]:
    """A pickle under the right name, even with its own checksum on the card."""
    from DiffusionCore.models.weights_file import sha256

    folder = copied_model(room)
    weights = folder / "weights.safetensors"
    weights.write_bytes(pickle.dumps(Bomb(room.folder / "executed")))
    change_card(folder, sha256=sha256(weights))
    return plain(room, room.head, "--model", folder)


def code_in_card(room: Room) -> list[str]:
    folder = copied_model(room)
    (folder / "card.yaml").write_text(f"!!python/object/apply:os.mknod ['{room.folder / 'executed'}']\n")
    return plain(room, room.head, "--model", folder)


def wrong_checksum(room: Room) -> list[str]:
    folder = copied_model(room)
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    return plain(room, room.head, "--model", folder)


def copied_model(room: Room) -> Path:
    return shutil.copytree(room.models / "tiny-mr", room.folder / "model")


def change_card(folder: Path, **fields: Any) -> None:
    card = yaml.safe_load((folder / "card.yaml").read_text())
    (folder / "card.yaml").write_text(yaml.safe_dump({**card, **fields}))


def with_value(value: float) -> Callable[[Room], list[str]]:
    def make(room: Room) -> list[str]:
        voxels = room.scan.voxels.astype(np.float32).transpose()
        voxels[3, 3, 3] = value
        return plain(room, room.nifti(voxels))

    return make


def one_slice(room: Room) -> Path:
    return room.file(room.scan.voxels[12:13])


def colours(room: Room) -> list[str]:
    rgb = np.zeros((8, 9, 10), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    return plain(room, room.nifti(rgb))


def huge_by_header(room: Room) -> list[str]:
    path = room.nifti(np.zeros((4, 4, 4), np.int16), "case.nii")
    block = bytearray(path.read_bytes())
    block[40:48] = np.array([3, 1200, 1200, 1200], "<i2").tobytes()
    path.write_bytes(block)
    return plain(room, path)


def huge_but_whole(room: Room) -> list[str]:
    """A file that does hold 1200³ voxels, on a machine with 2 GB free: it must be told from the header."""
    from isal import igzip

    header = nibabel.Nifti1Header()
    header.set_data_shape((1200, 1200, 1200))
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), 1)
    path = room.folder / "case.nii.gz"
    with igzip.open(path, "wb") as file:
        file.write(header.binaryblock + bytes(4))
        file.write(bytes(1 << 20))
    with path.open("ab") as file:
        file.truncate(8 << 20)  # as long as 3.5 GB of zeros would be, compressed
    room.patch.setattr("DiffusionCore.volume.free_memory.free_memory", lambda: 2 << 30)
    return plain(room, path)


def no_voxels(room: Room) -> list[str]:
    path = room.nifti(room.scan.voxels.transpose(), "case.nii")
    block = bytearray(path.read_bytes())
    block[46:48] = bytes(2)  # dim[3]
    path.write_bytes(block)
    return plain(room, path)


def spacing_of(value: float) -> Callable[[Room], list[str]]:
    def make(room: Room) -> list[str]:
        path = room.nifti(room.scan.voxels.transpose(), "case.nii")
        block = bytearray(path.read_bytes())
        block[88:92] = np.float32(value).tobytes()  # pixdim[3]
        path.write_bytes(block)
        return plain(room, path)

    return make


def singular(room: Room) -> list[str]:
    image = nibabel.Nifti1Image(room.scan.voxels.transpose(), np.eye(4))
    image.set_sform(np.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]), code=1)
    nibabel.save(image, room.folder / "case.nii.gz")
    return plain(room, room.folder / "case.nii.gz")


def grey_ct(room: Room) -> np.ndarray:
    """The CT rescaled to 0..255."""
    return np.clip((room.body.voxels + 1024) // 6, 0, 255).astype(np.uint8)


def pet_by_name(room: Room) -> list[str]:
    return plain(room, room.file(room.scan.voxels.astype(np.float32), "sub-01_pet.nii.gz", "OTHER"))


def pet_by_dicom(room: Room) -> list[str]:
    room.dicom.series(room.folder / "pet", room.dicom.phantom((6, 14, 12)), room.dicom.lps_matrix(), "PT")
    return plain(room, room.folder / "pet")


def no_permission(room: Room) -> list[str]:
    allowed = os.access
    room.patch.setattr(os, "access", lambda path, mode, **k: not mode & os.W_OK and allowed(path, mode, **k))
    return plain(room, room.head)


def link_to_itself(room: Room) -> list[str]:
    (room.folder / "case.nii.gz").symlink_to(room.folder / "case.nii.gz")
    return plain(room, room.folder / "case.nii.gz")


def disk_full(room: Room) -> list[str]:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    room.patch.setattr(os, "fsync", fsync)
    return plain(room, room.head)


def disk_full_at_the_picture(room: Room) -> list[str]:
    """The scan was written, then the disk was full: it must not stay without what belongs to it."""
    synced: list[int] = []
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        if len(synced) >= 2:  # the scan, and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        synced.append(descriptor)
        flush(descriptor)

    room.patch.setattr(os, "fsync", fsync)
    return plain(room, room.head, "--figure", room.folder / "f.png")


def demo_over_its_input(room: Room) -> list[str]:
    shutil.copy(room.head, room.folder / "demo_noisy.nii.gz")
    return ["demo", str(room.folder / "demo_noisy.nii.gz"), "--out", str(room.folder)]


def many_into_their_own_folder(room: Room) -> list[str]:
    shutil.copy(room.head, room.folder / "second.nii.gz")
    return enhance(room.folder, room.folder, "--overwrite")


def many_below_a_file(room: Room) -> list[str]:
    shutil.copy(room.head, room.folder / "second.nii.gz")
    return enhance(room.head, room.folder / "second.nii.gz", room.head / "out")


def sheared(room: Room) -> list[str]:
    """Refused before the work: no model is looked at."""
    matrix = room.scan.ijk_to_ras.copy()
    matrix[1, 2] = 0.4
    write_volume(AnyVolume(room.scan.voxels, matrix, "MR"), room.folder / "case.nrrd")
    return plain(room, room.folder / "case.nrrd", "--model", "nobody")


def sheared_volumes(room: Room) -> list[str]:
    matrix = room.scan.ijk_to_ras.copy()
    matrix[1, 2] = 0.4
    frames = np.stack([room.scan.voxels.transpose()] * 2, axis=-1)
    nibabel.save(nibabel.Nifti1Image(frames, matrix), room.folder / "case.nii.gz")
    return plain(room, room.folder / "case.nii.gz", "--all-frames", "--model", "nobody", "--quiet")


def qfac_zero(room: Room) -> list[str]:
    """As some writers leave it where the matrix is in the qform."""
    path = room.nifti(room.scan.voxels.transpose(), "case.nii", sform_code=0, qform_code=1)
    content = bytearray(path.read_bytes())
    content[76:80], content[254:256] = bytes(4), bytes(2)  # pixdim[0], sform_code
    path.write_bytes(content)
    return plain(room, path)


def data_elsewhere(room: Room) -> list[str]:
    (room.folder / "case.mhd").write_text(
        "NDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR\nElementDataFile = /etc/passwd\n"
    )
    return plain(room, room.folder / "case.mhd")


def interrupted(room: Room) -> list[str]:
    """Ctrl-C while the noise is measured."""
    from DiffusionCore.tasks import enhance as task

    measure = task.measured_noise

    def interrupt(volume: Volume) -> Any:
        signal.raise_signal(signal.SIGINT)
        return measure(volume)

    room.patch.setattr(task, "measured_noise", interrupt)
    return plain(room, room.head)


@dataclass(frozen=True)
class Case:
    """`make` prepares the input in a room and gives the command line; `says` is in the sentence on stderr."""

    name: str
    make: Callable[[Room], list[str]]
    code: int
    says: str


TABLE = [
    Case("missing file", missing, INPUT, "no such file"),
    Case("no file but a folder without scans", lambda r: plain(r, r.models), INPUT, "no scan in this folder"),
    Case("empty file", lambda r: plain(r, touched(r)), INPUT, "0 bytes"),
    Case("no voxels along an axis", no_voxels, INPUT, "cannot be"),
    Case("truncated file", truncated, INPUT, "truncated"),
    Case("damaged file", damaged_within, INPUT, "damaged"),
    Case("a text file", lambda r: plain(r, text(r)), INPUT, "no scan that can be read"),
    Case("hostile pickle as a model", pickle_as_model, MODEL, "pickle"),
    Case("hostile pickle as weights", pickle_as_weights, MODEL, "safetensors"),
    Case("code in a card", code_in_card, MODEL, "YAML"),
    Case("wrong checksum", wrong_checksum, MODEL, "sha256"),
    Case("no such model", lambda r: plain(r, r.head, "--model", "nobody"), MODEL, "installed: tiny-ct"),
    Case("NaN", with_value(np.nan), INPUT, "1 voxels are NaN"),
    Case("infinite", with_value(np.inf), INPUT, "1 infinite"),
    Case("beyond single precision", with_value(3e38), INPUT, "single precision"),
    Case("one slice, 3D model", lambda r: plain(r, one_slice(r), "--model", "tiny-mr"), REFUSED, "a 2D model takes"),
    Case("one slice, 2D model", lambda r: plain(r, one_slice(r)), OK, "written"),
    Case("a 2D file", lambda r: plain(r, r.nifti(r.scan.voxels[12].transpose())), OK, "written"),
    Case("volume, 2D model", lambda r: plain(r, r.head, "--model", "tiny-flat"), OK, "written"),
    Case("4D", lambda r: plain(r, four(r)), INPUT, "--frame 0"),
    Case("4D, no such volume", lambda r: plain(r, four(r), "--frame", 9), USAGE, "--frame must be 0 to 1"),
    Case("4D, all volumes", lambda r: plain(r, four(r), "--all-frames"), OK, "written"),
    Case("RGB", colours, INPUT, "colour"),
    Case("5 voxels", lambda r: plain(r, r.nifti(np.arange(5, dtype=np.int16).reshape(5, 1, 1))), REFUSED, "5×1×1"),
    Case("1200³ by its header only", huge_by_header, INPUT, "truncated"),
    Case("1200³ where 2 GB are free", huge_but_whole, INPUT, "GB of memory"),
    Case("zero spacing", spacing_of(0.0), INPUT, "spacing along k is 0"),
    Case("negative spacing", spacing_of(-1.5), INPUT, "spacing along k is -1.5"),
    Case("singular affine", singular, INPUT, "singular"),
    Case("constant image", lambda r: plain(r, r.file(np.full((6, 7, 8), 9, np.int16))), INPUT, "same value"),
    Case("uint8 CT, called CT", lambda r: plain(r, r.file(grey_ct(r), "a.nii.gz", "OTHER"), "--modality", "CT"),
         REFUSED, "are no HU"),
    Case("uint8 CT, named CT", lambda r: plain(r, r.nifti(grey_ct(r).transpose(), "ct.nii.gz")), REFUSED, "no HU"),
    Case("CT, called MR", lambda r: plain(r, r.file(r.body.voxels, modality="CT"), "--modality", "MR"), REFUSED,
         "is it a CT?"),
    Case("wrong-modality model", lambda r: plain(r, r.head, "--model", "tiny-ct"), REFUSED, "is for CT"),
    Case("wrong modality, forced", lambda r: plain(r, r.head, "--model", "tiny-ct", "--force"), OK, "is for CT"),
    Case("a label map", lambda r: plain(r, r.file((r.scan.voxels > 300).astype(np.uint8), modality="LABEL")), REFUSED,
         "label map"),
    Case("PET by its name", pet_by_name, REFUSED, "PET"),
    Case("PET by DICOM", pet_by_dicom, REFUSED, "PET"),
    Case("no folder to write to", lambda r: enhance(r.head, r.folder / "no" / "x.nii.gz"), OUTPUT, "does not exist"),
    Case("no permission to write", no_permission, OUTPUT, "permission"),
    Case("a name that is too long", lambda r: plain(r, r.folder / ("x" * 300 + ".nii.gz")), INPUT, "too long"),
    Case("a result's name that is too long", lambda r: enhance(r.head, r.folder / ("x" * 300 + ".nii.gz"), "--model", "no"),
         OUTPUT, "too long"),
    Case("a link to itself", link_to_itself, INPUT, "cannot be read"),
    Case("another format", lambda r: enhance(r.head, r.folder / "x.jpg"), USAGE, "cannot write .jpg"),
    Case("output exists", lambda r: enhance(r.head, copied(r)), OUTPUT, "--overwrite"),
    Case("output equal to input", lambda r: enhance(r.head, r.head, "--overwrite"), OUTPUT, "is an input, which"),
    Case("patches over the input", lambda r: ["preprocess", str(r.head), str(r.head), "--patches", "8x8", "--overwrite"],
         OUTPUT, "is an input"),
    Case("demo over its input", demo_over_its_input, OUTPUT, "is an input"),
    Case("many into their own folder", many_into_their_own_folder, OUTPUT, "is an input"),
    Case("many into a folder that cannot be made", many_below_a_file, OUTPUT, "is a file"),
    Case("sheared grid to NIfTI", sheared, OUTPUT, ".nrrd"),
    Case("sheared grid to NIfTI, made finer", lambda r: ["superres", *sheared(r)[1:]], OUTPUT, ".nrrd"),
    Case("sheared grid of a 4D file", sheared_volumes, OUTPUT, ".nrrd"),
    Case("sheared grid to NIfTI, resampled", lambda r: ["preprocess", *sheared(r)[1:3], "--spacing", "2"], OUTPUT, ".nrrd"),
    Case("qfac 0", qfac_zero, OK, "written"),
    Case("a header that names a file elsewhere", data_elsewhere, INPUT, "not in a file beside it"),
    Case("report equal to input", lambda r: plain(r, r.head, "--report", r.head, "--overwrite"), OUTPUT, "is an input"),
    Case("two results in one place", lambda r: plain(r, r.head, "--uncertainty", r.out, "--preset", "careful"), USAGE,
         "same place"),
    Case("disk full", disk_full, OUTPUT, "no space left"),
    Case("disk full at the picture", disk_full_at_the_picture, OUTPUT, "no space left"),
    Case("no such device", lambda r: plain(r, r.head, "--device", "cuda:97"), DEVICE, "no such device cuda:97"),
    Case("steps 0", lambda r: plain(r, r.head, "--steps", 0), USAGE, "--steps must be 1 to 1000, got 0"),
    Case("seed -1", lambda r: plain(r, r.head, "--seed", -1), USAGE, "--seed must be 0 to"),
    Case("sigma infinite", lambda r: plain(r, r.head, "--sigma", "inf"), USAGE, "--sigma must be"),
    Case("strength 2", lambda r: plain(r, r.head, "--strength", 2), USAGE, "--strength must be 0 to 1"),
    Case("unknown option", lambda r: plain(r, r.head, "--colour", 1), USAGE, "--colour"),
    Case("unknown command", lambda r: ["improve", str(r.head)], USAGE, "no command 'improve'"),
    Case("uncertainty of one step", lambda r: plain(r, r.head, "--uncertainty", r.folder / "u.nrrd"), USAGE,
         "--preset careful"),
    Case("uncertainty as DICOM", lambda r: plain(r, r.head, "--uncertainty", r.folder / "u", "--preset", "careful"), USAGE,
         "a map is no DICOM image"),
    Case("figure of no kind", lambda r: plain(r, r.head, "--figure", r.folder / "f.doc"), USAGE, ".png"),
    Case("roi outside", lambda r: plain(r, r.head, "--roi", "90:99,:,:"), USAGE, "takes nothing"),
    Case("mask on another grid", lambda r: plain(r, r.head, "--mask", one_slice(r)), INPUT, "not on the scan's grid"),
    Case("reference on another grid", lambda r: plain(r, r.head, "--reference", one_slice(r)), INPUT,
         "not on the scan's grid"),
    Case("Ctrl-C", interrupted, CANCELLED, "cancelled"),
]  # fmt: skip


def touched(room: Room) -> Path:
    (room.folder / "case.nii.gz").touch()
    return room.folder / "case.nii.gz"


def text(room: Room) -> Path:
    (room.folder / "case.txt").write_text("not a scan " * 50)
    return room.folder / "case.txt"


def four(room: Room) -> Path:
    return room.nifti(np.stack([room.scan.voxels.transpose()] * 2, axis=-1))


def copied(room: Room) -> Path:
    return Path(shutil.copy(room.head, room.folder / "there.nii.gz"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def room(tmp_path, installed, mr, ct, monkeypatch, dicom) -> Room:
    write_volume(mr, tmp_path / "head.nii.gz")
    return Room(tmp_path, installed, mr, ct, monkeypatch, dicom)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_bad_input(case: Case, room: Room, capsys: pytest.CaptureFixture[str]):
    arguments = case.make(room)
    before = contents(room.folder)
    code = main(arguments)
    room.patch.undo()
    said = capsys.readouterr().err
    after = contents(room.folder)
    new = after.keys() - before.keys()
    assert (code, case.says in said) == (case.code, True), said
    assert {name: after[name] for name in before} == before, "an input was changed"
    if case.code == OK:
        assert new == {"out.nii.gz"}
        return
    assert new == set(), "something was left behind"
    assert said.count("\n") == 1
    assert said.startswith("diffusioncore: ")
    assert "Traceback" not in said
