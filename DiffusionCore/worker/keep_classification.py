"""The job that keeps a classification outside: the report that the command line writes, its figure, its regions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from ..progress import Progress
from ..tasks.options import Options
from ..volume.atomic import make_folder

if TYPE_CHECKING:
    from ..tasks.classification.classify import ClassifyResult
    from ..volume import Volume
    from .jobs import Job
    from .session import Session

Three = tuple[float, float, float]


class Shown(Options):
    """A class with its probability and the range of its samples."""

    name: str
    probability: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]


class Region(Options):
    """A box: middle in RAS mm, axes by rows (columns are unit vectors), edges in mm."""

    label: str
    centre: Three
    axes: tuple[Three, Three, Three]
    size: Three
    description: str = ""


class Answer(Options):
    """What `classify` answered, without its volumes."""

    answer: str
    abstained: str
    probabilities: list[Shown] = Field(default_factory=list)
    regions: list[Region] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    provenance: dict[str, Any]


class ReportJob(Options):
    """`report_classification`: an earlier answer, written beside a picture of the scan."""

    folder: Annotated[Path, Field(description="where to write; made if it is not there")]
    stem: Annotated[str, Field(pattern=r"^[^/\\]+$", description="name of the files without their ending")] = "report"
    searched: Annotated[bool, Field(description="the map is a probability map")] = False
    result: Annotated[Answer, Field(description="what `classify` answered")]
    overwrite: Annotated[bool, Field(description="replace files that exist")] = False


def run_report(job: Job, _session: Session, progress: Progress) -> dict[str, Any]:
    """Write `stem`.json, .png and, where there are regions, .mrk.json: all of them or none. Gives their names."""
    from ..report import write_json
    from ..report.markups import ENDING
    from ..tasks.classification.files import Classified, report_of, write_result
    from ..tasks.classification.options import ClassifyFileOptions
    from ..volume.together import all_or_nothing

    options: ReportJob = job.options
    base = make_folder(options.folder) / options.stem
    result = result_of(options, job.volumes.get("map"))
    files = ClassifyFileOptions(
        report=base.with_name(f"{base.name}.json"),
        figure=base.with_name(f"{base.name}.png"),
        regions=base.with_name(base.name + ENDING) if result.regions else None,
    )
    places = list(files.outputs().values())
    progress.stage("write the report")
    with all_or_nothing(places, overwrite=options.overwrite) as staged:
        written = files.moved(staged)
        write_result(job.volumes["volume"], result, written)
        progress.advance(0.9)
        write_json(written.report, report_of(Classified(base, result), str))
    progress.finish()
    return {"files": sorted(path.name for path in places)}


def result_of(options: ReportJob, shown: Volume | None) -> ClassifyResult:
    """The answer as its task gave it, with its map."""
    from ..report.markups import Box
    from ..tasks.classification.classify import ClassifyResult, ClassProbability

    found = options.result
    return ClassifyResult(
        answer=found.answer,
        abstained=found.abstained,
        probabilities=tuple(ClassProbability(**one.model_dump()) for one in found.probabilities),
        samples=None,
        saliency=None if options.searched else shown,
        regions=tuple(Box(b.label, b.centre, np.array(b.axes), b.size, b.description) for b in found.regions),
        seen=None,
        probability_map=shown if options.searched else None,
        warnings=tuple(found.warnings),
        provenance=found.provenance,
    )
