"""Scans in and out of files, whatever their format."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import OutputError, UsageError
from . import formats
from .atomic import atomic_file, check_folder_place, check_place
from .header import Header
from .modality import guess_modality, named_kind
from .volume import MODALITIES, Volume
from .voxel_checks import storable


def read_volume(
    path: str | os.PathLike[str],
    *,
    series: int | str | None = None,
    frame: int | None = None,
    modality: str | None = None,
    if_several: bool = False,
) -> Volume:
    """Read a scan: NIfTI, NRRD, MetaImage, or a DICOM folder or file.

    series      which series of a DICOM folder that holds several: its number or UID
    frame       which volume of a 4D file, from 0
    if_several  `series` and `frame` choose among several; where there is one it is taken, whatever they say
    modality    "CT", "MR", "LABEL" or "OTHER", if it is known better than the file tells; the reason for the volume's
                modality is in `meta["modality_reason"]`, and `meta["kind"]` is "PET" where a name says so
    Raises `InputError` if it cannot be read or is no finite scalar volume, `UsageError` for options that do not fit.
    """
    path = Path(path)
    if modality is not None and modality not in MODALITIES:
        raise UsageError(f"--modality must be one of {', '.join(MODALITIES)}, got {modality}")
    kind = formats.input_format(path)
    if kind == formats.DICOM:
        from .dicom_read import read_dicom

        volume = read_dicom(path, series=series, frame=frame, if_several=if_several)
        return volume if modality is None else _given(volume, modality)
    if if_several:
        series, frame = None, frame if read_header(path).frames > 1 else None
    if series is not None:
        raise UsageError(f"--series is for DICOM folders; {path.name} is {kind}")
    volume = _read(path, kind, frame)
    return _given(volume, modality) if modality is not None else _guessed(volume, path)


def read_header(path: str | os.PathLike[str], *, series: int | str | None = None) -> Header:
    """Read the header of a NIfTI, NRRD or MetaImage file, or of a DICOM series (`series` of them); no voxels are read.

    Raises `InputError` like `read_volume`.
    """
    path = Path(path)
    kind = formats.input_format(path)
    if kind == formats.NIFTI:
        from .nifti import read_nifti_header

        return read_nifti_header(path)
    if kind == formats.NRRD:
        from .nrrd import read_nrrd_header

        return read_nrrd_header(path)
    if kind == formats.METAIMAGE:
        from .metaimage import read_metaimage_header

        return read_metaimage_header(path)
    from .dicom_read import read_dicom_header

    return read_dicom_header(path, series=series)


def write_volume(volume: Volume, path: str | os.PathLike[str], *, overwrite: bool = False, force: bool = False) -> Path:
    """Write a volume as .nii, .nii.gz, .nrrd or .mha, or, without a suffix, as a folder of derived DICOM files.

    Voxels keep their type where readers know it (bool becomes uint8, float16 float32, int64 int32 if it fits). The file
    appears only when whole. `force` writes a sheared grid to NIfTI, which some readers will then misplace.
    Raises `OutputError`, `UsageError` for another suffix; then nothing was written.
    """
    path = Path(path)
    kind = formats.output_format(path)
    check_grid(volume, path, force=force)
    if kind == formats.DICOM:
        from .dicom_write import write_dicom_series

        write_dicom_series(volume, path, overwrite=overwrite, synthetic=bool(volume.meta.get("synthetic")))
        return path
    volume = replace(volume, voxels=storable(volume.voxels))
    with atomic_file(path, overwrite) as temporary:
        if kind == formats.NIFTI:
            from .nifti import write_nifti

            write_nifti(volume, temporary, compressed=formats.suffix_of(path) == ".nii.gz")
        elif kind == formats.NRRD:
            from .nrrd import write_nrrd

            write_nrrd(volume, temporary)
        else:
            from .metaimage import write_metaimage

            write_metaimage(volume, temporary)
    return path


def check_grid(volume: Volume, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise the `OutputError` with which `write_volume` would refuse the volume's grid, before any work is done for it."""
    kind = formats.output_format(Path(path))
    if kind == formats.NIFTI and not force:
        from .nifti import refuse_shear

        refuse_shear(volume, Path(path))
    elif kind == formats.DICOM:
        from .dicom_write import refuse_skewed_planes

        refuse_skewed_planes(volume)


def check_output(
    path: str | os.PathLike[str], *, overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raise what `write_volume` would raise about the place, before any work is done for it; nothing is touched.

    Also `OutputError` if that would replace one of `inputs`, or mix a series with them.
    """
    path = Path(path)
    if formats.output_format(path) == formats.DICOM:
        check_series_place(path, overwrite=overwrite, inputs=inputs)
    else:
        check_no_input(path, inputs)
        check_place(path.absolute(), overwrite)


def check_series_place(
    path: str | os.PathLike[str], *, overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """The same for a folder of DICOM files, which is replaced as a whole: no input may lie in it, nor it in one."""
    inputs = list(inputs)
    check_no_input(path, inputs)
    place = Path(path).resolve()
    for source in (Path(source).resolve() for source in inputs):
        if place.is_relative_to(source):
            raise OutputError(f"{path}: lies within an input, which would then hold both; give another folder")
        if source.is_relative_to(place):
            raise OutputError(f"{path}: holds an input, which is never changed; give another folder")
    check_folder_place(Path(path).absolute(), overwrite)


def check_no_input(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise `OutputError` if what is to be written to `path` would replace one of `inputs`."""
    if any(same_file(path, source) for source in inputs):
        raise OutputError(f"{path}: is an input, which is never changed; give another name")


def same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file or folder, through links and spellings too; neither need exist."""
    try:
        return Path(a).samefile(b)
    except OSError:
        return Path(a).resolve() == Path(b).resolve()


def _read(path: Path, kind: str, frame: int | None) -> Volume:
    if kind == formats.NIFTI:
        from .nifti import read_nifti

        return read_nifti(path, frame)
    if kind == formats.NRRD:
        from .nrrd import read_nrrd

        return read_nrrd(path, frame)
    from .metaimage import read_metaimage

    return read_metaimage(path, frame)


def _given(volume: Volume, modality: str) -> Volume:
    meta = {key: value for key, value in volume.meta.items() if key not in ("kind", "written_modality")}
    return replace(volume, modality=modality, meta={**meta, "modality_reason": "given by the user"})


def _guessed(volume: Volume, path: Path) -> Volume:
    from .nifti import LABEL_INTENT

    meta = dict(volume.meta)
    name = formats.stem_of(path)
    written = meta.pop("written_modality", None)
    if (kind := named_kind(name)) is not None:
        meta["kind"] = kind
    if written in MODALITIES:
        modality, reason = written, "the file's header says so"
    elif meta.get("intent") == LABEL_INTENT:
        modality, reason = "LABEL", "the file's intent is label"
    else:
        modality, reason = guess_modality(volume.voxels, name)
    return replace(volume, modality=modality, meta={**meta, "modality_reason": reason})
