"""Which DICOM images a folder holds, series by series, and which series is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import FileDataset
from pydicom.uid import UID

from ..errors import InputError
from .dicom_header import number, quiet_pydicom, read_header, whole

# Objects with rows and columns that are not scans: they never make a folder ambiguous.
_NOT_SCANS = ("RTDOSE", "SEG", "RTSTRUCT", "RTPLAN", "SR", "PR", "KO", "REG", "DOC", "ECG")
_SUMMARY_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
    *("Modality", "ImageType", "Rows", "Columns", "NumberOfFrames"),
]


@dataclass(frozen=True)
class SeriesSummary:
    """A series of images: `number` and `description` are the scanner's; `count` is how many frames it holds."""

    uid: str
    number: int | None
    description: str
    modality: str
    count: int


@dataclass(frozen=True)
class ScannedSeries:
    """A series with the files it is in, whether all its images are localizers, and what was odd while looking."""

    summary: SeriesSummary
    files: tuple[Path, ...]
    localizer: bool = False
    warnings: tuple[str, ...] = ()


def scan_series(path: Path) -> list[ScannedSeries]:
    """The image series in a folder (recursively; other files are ignored) or in one file, by number, then UID.

    Raises `InputError` if there is no DICOM image.
    """
    path = path.parent if path.name.upper() == "DICOMDIR" else path
    if not path.exists():
        raise InputError(f"{path.name}: no such file or folder")
    found: dict[str, list[tuple[Path, FileDataset]]] = {}
    damaged = []
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        try:
            header = read_header(file, _SUMMARY_TAGS)
            if header is not None and _is_image(header, file.name):
                found.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((file, header))
        except InputError:
            if not path.is_dir():
                raise
            damaged.append(file.name)
    if not found:
        extra = f" ({len(damaged)} damaged DICOM files)" if damaged else ""
        raise InputError(f"{path.name}: no DICOM image here{extra}; give a folder of images or one image file")
    warned = (f"{len(damaged)} damaged DICOM files were left out: {_some(damaged)}",) if damaged else ()
    series = [_series(uid, members, warned) for uid, members in found.items()]
    return sorted(series, key=lambda s: (s.summary.number is None, s.summary.number or 0, s.summary.uid))


def list_series(path: str | Path) -> list[SeriesSummary]:
    """The image series in a folder (searched recursively) or file, by number. Reads headers only; no patient data.

    Raises `InputError` if there is no DICOM image.
    """
    with quiet_pydicom():
        return [series.summary for series in scan_series(Path(path))]


def choose_series(found: Sequence[ScannedSeries], series: int | str | None, name: str) -> ScannedSeries:
    """The series with number or UID `series`; with None the only one, localizers and non-scans not counting.

    Raises `InputError` that lists the series (number, description; no patient data) if the choice is not clear.
    """
    if series is None:
        scans = [s for s in found if s.summary.modality not in _NOT_SCANS] or list(found)
        main = [s for s in scans if not s.localizer] or scans
        if len(main) > 1:
            raise InputError(f"{name}: {len(main)} series; choose one with --series NUMBER or UID: {_listed(main)}")
        chosen = main[0]
        aside = [s for s in scans if s is not chosen]
        note = (f"left aside the localizer series {_listed(aside)}",) if aside else ()
        return ScannedSeries(chosen.summary, chosen.files, chosen.localizer, chosen.warnings + note)
    wanted = str(series).strip()
    matching = [s for s in found if wanted == s.summary.uid or wanted == str(s.summary.number)]
    if not matching:
        raise InputError(f"{name}: no series {wanted}; there is {_listed(found)}")
    if len(matching) > 1:
        uids = ", ".join(s.summary.uid for s in matching)
        raise InputError(f"{name}: {len(matching)} series have the number {wanted}; give --series UID, one of {uids}")
    return matching[0]


def _is_image(header: FileDataset, name: str) -> bool:
    """Whether the object has pixels. Raises `InputError` if it should have some, or ends before it says what it is."""
    if whole(header, "Rows", 0) > 0 and whole(header, "Columns", 0) > 0:
        return True
    kinds = [k for k in (header.file_meta.get("MediaStorageSOPClassUID"), header.get("SOPClassUID")) if k]
    if not kinds or any("Image Storage" in UID(str(kind)).name for kind in kinds):
        raise InputError(f"{name}: damaged DICOM file; the header ends before it describes the image")
    return False


def _series(uid: str, members: list[tuple[Path, FileDataset]], warned: tuple[str, ...]) -> ScannedSeries:
    first = members[0][1]
    summary = SeriesSummary(
        uid=uid,
        number=None if number(first, "SeriesNumber") is None else whole(first, "SeriesNumber", 0),
        description=_printable(str(first.get("SeriesDescription") or "")),
        modality=str(first.get("Modality") or ""),
        count=sum(frame_count(header) for _, header in members),
    )
    localizer = all("LOCALIZER" in (header.get("ImageType") or ()) for _, header in members)
    return ScannedSeries(summary, tuple(file for file, _ in members), localizer, warned)


def frame_count(header: FileDataset) -> int:
    """How many frames a file's pixel data holds; 1 where NumberOfFrames is absent, empty or not a number."""
    return max(whole(header, "NumberOfFrames", 1), 1)


def _listed(series: Sequence[ScannedSeries]) -> str:
    lines = []
    numbers = [entry.summary.number for entry in series]
    for s in (entry.summary for entry in series[:20]):
        unique = s.number is not None and numbers.count(s.number) == 1
        label = f'{s.number if unique else s.uid} "{s.description}"'
        lines.append(f"{label} ({s.modality or 'no modality'}, {s.count} image{'s' if s.count != 1 else ''})")
    more = f" and {len(series) - 20} more" if len(series) > 20 else ""
    return ", ".join(lines) + more


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:64].strip()
