"""Many scans into a folder, one after the other, going on after a bad one."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Cancelled, InputError, UsageError
from ..progress import Progress
from ..volume import check_no_input
from ..volume.atomic import atomic_file, check_makeable, is_written, make_folder
from ..volume.formats import DICOM, input_format, is_folder, suffix_of
from .options import EnhanceOptions
from .scan_files import FileOptions, check_together, enhance_file

SCAN_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
FINISHED, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of one of many scans."""

    source: Path
    target: Path
    status: str
    seconds: float
    message: str = ""


def find_scans(source: Path, leave_out: Path | None = None) -> list[Path]:
    """The scans of a folder: image files at any depth, and folders that hold DICOM files. One DICOM folder is one scan.

    What lies in `leave_out` (where results go) is none. Raises `InputError` if there is no scan.
    """
    inside = leave_out.resolve() if leave_out is not None else None
    files: list[Path] = []
    closed: list[Path] = []
    for folder, below, names in os.walk(source, onerror=lambda error: closed.append(Path(error.filename))):
        below[:] = sorted(d for d in below if not d.startswith(".") and (Path(folder) / d).resolve() != inside)
        files += [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
    images = [path for path in files if suffix_of(path) in SCAN_SUFFIXES]
    folders = set(closed)  # what may not be looked into fails when its turn comes
    for path in files:
        if path.parent not in folders and suffix_of(path) not in SCAN_SUFFIXES and looks_like_dicom(path):
            folders.add(path.parent)
    if not images and not folders:
        raise InputError(f"{source}: no scan in this folder (NIfTI, NRRD, MHA or DICOM)")
    return sorted(images) + sorted(folders)


def looks_like_dicom(path: Path) -> bool:
    """Whether a file is DICOM, and not the directory of a disc; a pipe, or one that cannot be read, is not."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if file.read(132)[128:] == b"DICM":
                return path.name.upper() != "DICOMDIR"
    except OSError:
        return False
    from ..volume.dicom_header import quiet_pydicom, read_header

    with quiet_pydicom():  # older archives have no such mark
        return read_header(path, ("SOPClassUID", "SeriesInstanceUID")) is not None


def is_many(sources: list[Path], out: Path) -> bool:
    """Whether the inputs ask for folder mode: several, or a folder of anything but one DICOM series folder.

    Raises `InputError` if a single one is not there or holds no scan.
    """
    if len(sources) > 1:
        return True
    input_format(sources[0])  # raises where there is nothing to read
    if not sources[0].is_dir():
        return False
    scans = find_scans(sources[0], leave_out=out)
    return len(scans) > 1 or scans[0].is_file()


def pair_up(sources: Iterable[Path], out: Path) -> list[tuple[Path, Path]]:
    """(scan, where its result goes): the same name and format below `out`, the folders of an input folder kept.

    Raises `UsageError` if `out` has the name of a file, or two results would have one name; `OutputError` if `out` is an
    input folder, or can be no folder that is written to.
    """
    if suffix_of(out) in SCAN_SUFFIXES and not is_folder(out):
        raise UsageError(f"{out.name}: several scans need a folder to go to; give the name of one")
    sources = list(sources)
    check_no_input(out, sources)
    check_makeable(out)
    pairs = []
    for source in sources:
        scans = find_scans(source, leave_out=out) if is_folder(source) else [source]
        for scan in scans:
            below = scan.relative_to(source).parent if scan != source else Path()
            pairs.append((scan, out / below / result_name(scan)))
    targets = [target for _, target in pairs]
    if len(set(targets)) < len(targets):
        raise UsageError("two inputs have the same name, so that one result would replace the other; run them apart")
    return pairs


def result_name(scan: Path) -> str:
    """The scan's own name, or one of the same kind that can be written."""
    if is_folder(scan):
        return series_name(scan.resolve().name if scan.name in ("", "..") else scan.name)
    suffix = suffix_of(scan)
    if suffix in (".nhdr", ".mhd"):
        return scan.name[: -len(suffix)] + {".nhdr": ".nrrd", ".mhd": ".mha"}[suffix]
    try:
        return series_name(scan.stem) if input_format(scan) == DICOM else scan.name
    except InputError:  # it will be said when its turn comes
        return scan.name


def series_name(name: str) -> str:
    """A DICOM folder's name, which is often a UID ("1.2.840.113") or has decimals, without what looks like a suffix."""
    return name.replace(".", "_")


def for_each(
    pairs: list[tuple[Path, Path]],
    work: Callable[[Path, Path, Progress], Sequence[str]],
    progress: Progress,
    *,
    finished: Callable[[Path], bool] = lambda target: False,
    explain: Callable[[Exception], str] = str,
) -> Iterator[Outcome]:
    """Do `work(scan, target, progress)`, which gives warnings, for one scan after the other, going on after a bad one.

    finished  whether a target is there from an earlier run, so that its scan is left alone
    explain   says in a sentence what an error means
    """
    for number, (source, target) in enumerate(pairs, start=1):
        if finished(target):
            yield Outcome(source, target, SKIPPED, 0.0, "finished before")
            continue
        progress.say(f"{number} of {len(pairs)}: {source.name}")
        started = time.perf_counter()
        try:
            make_folder(target.parent)
            warnings = work(source, target, Progress(progress.sink, progress.cancelled))
        except Cancelled:
            raise
        except Exception as error:  # whatever is wrong with one scan, the others are to be done
            yield Outcome(source, target, FAILED, time.perf_counter() - started, explain(error))
        else:
            yield Outcome(source, target, FINISHED, time.perf_counter() - started, "; ".join(dict.fromkeys(warnings)))


def finished_before(files: FileOptions, resume: bool) -> Callable[[Path], bool]:
    """Whether an earlier run left a target with all asked for beside it; never, without `resume`."""

    def finished(target: Path) -> bool:
        return resume and all(is_written(path) for path in (target, *files.for_target(target).extras().values()))

    return finished


def enhance_many(
    pairs: list[tuple[Path, Path]],
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    *,
    resume: bool = False,
    explain: Callable[[Exception], str] = str,
) -> Iterator[Outcome]:
    """Enhance one scan after the other; yields what became of each.

    With `resume`, a scan whose result is there with all asked for beside it is left alone; half of it is made anew.
    What is wrong for every scan, as an option, a model or a device that is not there, is raised before the first.
    """
    from ..inference import choose_device
    from ..models import load_model

    check_together(options, files)
    choose_device(options.device)
    loaded = None if options.model is None else load_model(options.model)
    if resume:
        files = files.model_copy(update={"overwrite": True})

    def work(source: Path, target: Path, own: Progress) -> list[str]:
        reports = enhance_file(source, target, options, files.for_target(target), own, loaded)
        return [warning for report in reports for warning in report["warnings"]]

    return for_each(pairs, work, progress, finished=finished_before(files, resume), explain=explain)


def write_outcomes(outcomes: list[Outcome], path: Path) -> None:
    """The table of what became of each scan, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["input", "output", "status", "seconds", "message"])
    for outcome in outcomes:
        writer.writerow([outcome.source, outcome.target, outcome.status, f"{outcome.seconds:.2f}", outcome.message])
    with atomic_file(path, overwrite=True) as temporary:
        # A file's name may hold bytes that are no UTF-8.
        temporary.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace", newline="")
