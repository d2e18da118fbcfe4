"""Jobs that keep a result outside: the report as JSON, PNG and HTML, and a derived DICOM series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ..errors import UsageError
from ..progress import Progress
from ..tasks.options import Options
from ..volume.atomic import make_folder

if TYPE_CHECKING:
    from .jobs import Job
    from .session import Session


class ReportJob(Options):
    """`report`: figures and provenance that an earlier job answered, written beside pictures of before and after."""

    folder: Annotated[Path, Field(description="where to write; made if it is not there")]
    stem: Annotated[str, Field(pattern=r"^[^/\\]+$", description="name of the files without their ending")] = "report"
    title: Annotated[str, Field(description="heading of the page")] = "Enhanced scan"
    content: Annotated[dict[str, Any], Field(description="what the JSON holds")] = Field(default_factory=dict)
    overwrite: Annotated[bool, Field(description="replace files that exist")] = False


class ExportJob(Options):
    """`export_dicom`: a derived series in a new folder."""

    folder: Annotated[Path, Field(description="a folder that is not there yet, or is empty")]
    provenance: Annotated[dict[str, Any], Field(description="the result's, as its job answered it")]
    source: Annotated[Path | None, Field(description="folder of the DICOM images that the scan came from")] = None
    series: Annotated[str | None, Field(description="UID of their series, if the folder holds several")] = None
    overwrite: Annotated[bool, Field(description="replace the folder")] = False


def run_report(job: Job, _session: Session, progress: Progress) -> dict[str, Any]:
    """Write `stem`.json, .png and .html: all of them or none. Gives their names."""
    from ..report import write_figure, write_json, write_page
    from ..tasks.enhance import same_grid
    from ..volume.together import all_or_nothing

    options: ReportJob = job.options
    before = job.volumes["before"]
    beside = {role: same_grid(before, volume, role) for role, volume in job.volumes.items() if role != "before"}
    after, spread, structure = beside["after"], beside.get("uncertainty"), beside.get("structure")
    make_folder(options.folder)
    trust = options.content.get("trust")
    json, png, page = (options.folder / f"{options.stem}{ending}" for ending in (".json", ".png", ".html"))
    progress.stage("write the report")
    with all_or_nothing([json, png, page], overwrite=options.overwrite) as staged:
        write_json(staged[json], options.content)
        progress.advance(0.1)
        write_figure(staged[png], before, after, spread, structure)
        progress.advance(0.5)
        write_page(
            staged[page],
            options.title,
            before,
            after,
            spread,
            options.content,
            sentences(options.content.get("warnings")),
            structure=structure,
            findings=sentences(trust.get("words")) if isinstance(trust, dict) else (),
        )
    progress.finish()
    return {"files": [path.name for path in (json, png, page)]}


def sentences(told: Any) -> tuple[str, ...]:
    """What an answer holds of sentences for a person; none where it holds something else."""
    return tuple(map(str, told)) if isinstance(told, list) else ()


def run_export(job: Job, _session: Session, progress: Progress) -> dict[str, Any]:
    """Write the derived series; its identity is the source's where one is named."""
    from ..tasks.derivation import enhance_record
    from ..tasks.superres.provenance import superres_record
    from ..volume import check_series_place
    from ..volume.dicom_read import read_dicom_source
    from ..volume.dicom_write import write_dicom_series

    options: ExportJob = job.options
    volume = job.volumes["volume"]
    inputs = [] if options.source is None else [options.source]
    check_series_place(options.folder, overwrite=options.overwrite, inputs=inputs)
    progress.stage("write DICOM")
    source = None if options.source is None else read_dicom_source(options.source, series=options.series)
    progress.advance(0.2)
    made = options.provenance
    try:
        record = superres_record(made) if "stages" in made else enhance_record(made)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError("the provenance is not one that a job answered; give it as it came") from error
    folder = write_dicom_series(volume, options.folder, derivation=record, source=source, overwrite=options.overwrite)
    progress.finish()
    return {"files": sorted(path.name for path in folder.iterdir())}
