"""Which kind of file a path is: by its suffix, or for input by its first bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import InputError, UsageError

NIFTI, NRRD, METAIMAGE, DICOM = "NIfTI", "NRRD", "MetaImage", "DICOM"

_READ = {
    ".nii": NIFTI,
    ".nii.gz": NIFTI,
    ".nrrd": NRRD,
    ".nhdr": NRRD,
    ".mha": METAIMAGE,
    ".mhd": METAIMAGE,
    ".dcm": DICOM,
    ".dicom": DICOM,
}
_WRITTEN = {".nii": NIFTI, ".nii.gz": NIFTI, ".nrrd": NRRD, ".mha": METAIMAGE}


def suffix_of(path: Path) -> str:
    """The suffix in lower case, ".nii.gz" as one; "" if there is none."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def stem_of(path: Path) -> str:
    """The name without that suffix."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.name


def is_folder(path: Path) -> bool:
    """Whether a folder is there; where this user may not look, none is."""
    try:
        return path.is_dir()
    except OSError:
        return False


def input_format(path: Path) -> str:
    """The format of an existing scan. A folder is a DICOM series.

    Raises `InputError` if there is no such file, it is empty, may not be read, or is nothing that is known.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    folder = stat.S_ISDIR(status.st_mode)
    if not (folder or stat.S_ISREG(status.st_mode)) or not os.access(path, os.R_OK | (os.X_OK if folder else 0)):
        raise InputError(f"{path}: cannot be read; check its permissions")
    if folder:
        return DICOM
    if status.st_size == 0:
        raise InputError(f"{path.name}: the file is empty (0 bytes); fetch or export it again")
    known = _READ.get(suffix_of(path)) or _sniff(path)
    if known is None:
        raise InputError(
            f"{path.name}: no scan that can be read; give NIfTI (.nii, .nii.gz), NRRD, MHA or a folder of DICOM files"
        )
    return known


def output_format(path: Path) -> str:
    """The format to write: by suffix; without a suffix, or for an existing folder, a DICOM series folder.

    Raises `UsageError` for a suffix that cannot be written.
    """
    suffix = suffix_of(path)
    if suffix in _WRITTEN:
        return _WRITTEN[suffix]
    if suffix == "" or is_folder(path):
        return DICOM
    raise UsageError(
        f"{path.name}: cannot write {suffix} files; use .nii.gz, .nii, .nrrd or .mha, or a name without suffix for a "
        "folder of DICOM files"
    )


def _sniff(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(348)
    if start[128:132] == b"DICM":
        return DICOM
    if start.startswith(b"NRRD000"):
        return NRRD
    if start[344:347] == b"n+1":
        return NIFTI
    return None
