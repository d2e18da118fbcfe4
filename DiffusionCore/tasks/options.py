"""What a person may ask of a task, declared once: the command line, the worker and the panel are made from this."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import UsageError

MAX_SEED = 2**63 - 1

# Headings of the command line's help and of the panel.
INPUT, MACHINE, OUTPUT = ({"group": name} for name in ("input", "machine", "output"))

Own = TypeVar("Own", bound="Options")


class Options(BaseModel):
    """Keyword options of a task; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)

    def moved(self: Own, staged: Mapping[Path, Path]) -> Own:
        """The same with every path that `staged` knows as the one that it gives (`volume.together`)."""
        known = {name: staged[value] for name, value in self if isinstance(value, Path) and value in staged}
        return self.model_copy(update=known)


class MachineOptions(Options):
    """Where and within what limits to compute."""

    device: Annotated[str, Field(description="auto, cpu, cuda:0, mps", json_schema_extra=MACHINE)] = "auto"
    threads: Annotated[int | None, Field(ge=1, le=1024, description="processor threads", json_schema_extra=MACHINE)] = (
        None
    )
    memory: Annotated[
        str | None,
        Field(
            pattern=r"^\d+(\.\d+)?\s*[KMGT]?i?B?$",
            description="most memory to use, e.g. 6G; default: what is free",
            examples=["6G"],
            json_schema_extra=MACHINE,
        ),
    ] = None
    tile: Annotated[
        int | None,
        Field(ge=16, le=4096, description="edge of a tile in voxels", json_schema_extra=MACHINE),
    ] = None
    no_fallback: Annotated[
        bool,
        Field(description="fail rather than go on in smaller tiles or on the CPU", json_schema_extra=MACHINE),
    ] = False


class SamplingOptions(MachineOptions):
    """How a scan is sampled, and whether the card's refusal is heard: the same for every task that changes a scan.

    A preset (`inference.PRESETS`) stands for `steps`, `samples` and `texture`; each of these given too wins over it.
    """

    preset: Annotated[
        Literal["quick", "natural", "careful"],
        Field(
            description="quick: the mean, one step; natural: a sample, 8 steps; careful: the mean with its uncertainty"
        ),
    ] = "quick"
    texture: Annotated[
        float | None, Field(ge=0, le=1, description="0: the mean, faithful; 1: a sample with natural texture")
    ] = None
    steps: Annotated[int | None, Field(ge=1, le=1000, description="sampling steps")] = None
    samples: Annotated[int | None, Field(ge=1, le=64, description="samples drawn, for the uncertainty")] = None
    sampler: Annotated[
        Literal["ddim", "ddpm", "dpm++"] | None,
        Field(
            description="how a sample is drawn; default: dpm++ where the residual is diffused, ddim where the image is"
        ),
    ] = None
    eta: Annotated[float, Field(ge=0, le=1, description="randomness of DDIM; 0 none, 1 as DDPM")] = 0.0
    guidance: Annotated[float, Field(ge=0, le=20, description="classifier-free guidance, where a model has it")] = 1.0
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, description="same seed, same result")] = 0
    force: Annotated[bool, Field(description="go on where the model's card refuses the scan, or NIfTI its grid")] = (
        False
    )


class EnhanceOptions(SamplingOptions):
    """How to enhance a scan."""

    model: Annotated[str | None, Field(description="name or folder; default: the one for the modality")] = None
    modality: Annotated[Literal["CT", "MR"] | None, Field(description="if it cannot be told from the scan")] = None
    strength: Annotated[float, Field(ge=0, le=1, description="0 returns the input, 1 the full result")] = 1.0
    sigma: Annotated[
        float | None,
        Field(
            gt=0, allow_inf_nan=False, description="noise, standard deviation in the scan's units; default: measured"
        ),
    ] = None
    trust: Annotated[bool, Field(description="say in words what speaks for and against the result")] = False


class FileOptions(Options):
    """Which part of the input is meant, and what is written beside the result.

    In folder mode the names of `uncertainty`, `trust_map`, `report`, `figure` and `html` are endings:
    `--report report.json` writes `head_report.json` beside `head.nii.gz`.
    """

    series: Annotated[str | None, Field(description="DICOM series: number or UID", json_schema_extra=INPUT)] = None
    frame: Annotated[int | None, Field(ge=0, description="volume of a 4D file, from 0", json_schema_extra=INPUT)] = None
    all_frames: Annotated[bool, Field(description="every volume of a 4D file, 4D out", json_schema_extra=INPUT)] = False
    roi: Annotated[
        str | None,
        Field(
            pattern=r"^\d*:\d*,\d*:\d*,\d*:\d*$",
            description="part to enhance and write, voxels i0:i1,j0:j1,k0:k1",
            examples=["40:140,50:150,20:60"],
            json_schema_extra=INPUT,
        ),
    ] = None
    mask: Annotated[Path | None, Field(description="label map; only where it is not 0", json_schema_extra=INPUT)] = None
    reference: Annotated[
        Path | None, Field(description="the scan without noise, to compare with", json_schema_extra=INPUT)
    ] = None
    uncertainty: Annotated[Path | None, Field(description="write its map here", json_schema_extra=OUTPUT)] = None
    trust_map: Annotated[
        Path | None,
        Field(description="write here where more than noise was taken out or put in", json_schema_extra=OUTPUT),
    ] = None
    report: Annotated[
        Path | None, Field(description="write figures and provenance (.json)", json_schema_extra=OUTPUT)
    ] = None
    figure: Annotated[
        Path | None, Field(description="before, after, difference (.png .pdf .svg .gif .mp4)", json_schema_extra=OUTPUT)
    ] = None
    html: Annotated[Path | None, Field(description="write a one-page report (.html)", json_schema_extra=OUTPUT)] = None
    overwrite: Annotated[bool, Field(description="replace files that exist", json_schema_extra=OUTPUT)] = False

    @property
    def judges(self) -> bool:
        """Whether anything asked for says what speaks for and against the result: the map, and the page for a person."""
        return self.trust_map is not None or self.html is not None

    def extras(self) -> dict[str, Path]:
        """What is to be written beside the result."""
        named = {name: getattr(self, name) for name in ("uncertainty", "trust_map", "report", "figure", "html")}
        return {name: path for name, path in named.items() if path is not None}

    def for_target(self, target: Path) -> FileOptions:
        """The same in folder mode, with every name an ending of the target's."""
        from ..volume.formats import stem_of

        stem = stem_of(target)
        beside = {name: target.with_name(f"{stem}_{path.name}") for name, path in self.extras().items()}
        return self.model_copy(update=beside)


def parse_options(model: type[Options], /, **given: object) -> Options:
    """`model(**given)`, with pydantic's complaint as one sentence (`UsageError`) in the option's command-line name."""
    try:
        return model(**given)
    except ValidationError as error:
        raise UsageError(sentence(model, error)) from None


def sentence(model: type[Options], error: ValidationError) -> str:
    """The first thing wrong, e.g. '--steps must be 1 to 1000, got 0'."""
    first = error.errors()[0]
    if not first["loc"]:  # two options that do not go together
        return first["msg"].removeprefix("Value error, ")
    name = str(first["loc"][0])
    flag = "--" + name.replace("_", "-")
    if first["type"] == "missing":
        lacks = "is needed" if len(first["loc"]) == 1 else "needs more numbers"
        return f"{flag} {lacks}: {model.model_fields[name].description}"
    if first["type"] == "extra_forbidden":
        known = ", ".join("--" + field.replace("_", "-") for field in model.model_fields)
        return f"there is no option {flag}; there are {known}"
    return f"{flag} must be {wanted(model, name, first)}, got {first['input']}"


def wanted(model: type[Options], name: str, problem: dict) -> str:
    """What a field may be, in words."""
    field = model.model_fields[name]
    if problem["type"] == "string_pattern_mismatch" and field.examples:
        return f"like {field.examples[0]}"
    limits = {}
    for item in field.metadata:
        for limit in ("ge", "gt", "le", "lt"):
            if getattr(item, limit, None) is not None:
                limits[limit] = getattr(item, limit)
    if "ge" in limits and "le" in limits:
        return f"{limits['ge']} to {limits['le']}"
    if "gt" in limits:
        return f"above {limits['gt']}"
    if problem["type"] == "literal_error":
        return problem["ctx"]["expected"].replace("'", "")
    return problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
