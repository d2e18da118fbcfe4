"""A result kept outside the scene, by jobs of the worker: the report, and a derived DICOM series."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import slicer

from ..volume import Volume
from ..volume.geometry import crop
from .nodes import volume_from_node
from .overlays import place_in
from .panel import Job
from .results import RESIDUAL, SOURCE_UIDS, UNCERTAINTY, before_of, part, report_of

REPORT = (".json", ".png", ".html")
SERIES_TAG = "0020,000e"


def file_stem(name: str) -> str:
    """A node's name as the name of a file on any system."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "result"


def free_stem(folder: str, name: str, endings: Sequence[str] = ("",)) -> str:
    """A node's name as that of files which a folder does not hold yet, with a number where it does: what an earlier result
    of that name left is not replaced."""
    stem = file_stem(name)
    names = chain([stem], (f"{stem}_{number}" for number in count(2)))
    return next(one for one in names if not any((Path(folder) / f"{one}{ending}").exists() for ending in endings))


def report_job(result: Any, folder: str, told: Callable[[list[str]], None]) -> Job:
    """The job that writes a result's report into a folder: JSON, PNG and a page; `told` is given the names."""
    name = result.GetName()

    def volumes() -> dict[str, Volume]:
        source = before_of(result)
        if source is None:
            raise RuntimeError("the scan that this result was made from is gone; there is nothing to compare with")
        after = volume_from_node(result)
        before = crop(volume_from_node(source), place_in(source, result))
        found = {"before": before, "after": after}
        for key, role in (("uncertainty", UNCERTAINTY), ("structure", RESIDUAL)):
            node = part(result, role)
            if node is not None:
                found[key] = volume_from_node(node)
        return found

    options = {
        "folder": folder,
        "stem": free_stem(folder, name, REPORT),
        "title": name,
        "content": report_of(result),
    }
    return Job(f"report of {name}", "report", options, volumes, lambda values: told(values["files"]))


def dicom_job(result: Any, folder: str, told: Callable[[list[str]], None]) -> Job:
    """The job that writes a result as a derived series into a new folder within `folder`."""
    name = result.GetName()
    target = str(Path(folder) / free_stem(folder, name))
    options = {"folder": target, "provenance": report_of(result).get("provenance", {}), **source_of(result)}

    def volumes() -> dict[str, Volume]:
        volume = volume_from_node(result)
        stated = report_of(result).get("provenance", {}).get("input", {}).get("modality")
        return {"volume": Volume(volume.voxels, volume.ijk_to_ras, stated or volume.modality)}

    return Job(f"DICOM export of {name}", "export_dicom", options, volumes, lambda values: told(values["files"]))


def source_of(result: Any) -> Mapping[str, str]:
    """Where the DICOM images are that a result was made from, for its identity; empty if it did not come from DICOM."""
    uids = (result.GetAttribute(SOURCE_UIDS) or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if not uids or database is None:
        return {}
    file = database.fileForInstance(uids[0])
    series = database.instanceValue(uids[0], SERIES_TAG)
    return {"source": str(Path(file).parent), **({"series": series} if series else {})} if file else {}
