"""What a person may ask of `synthesize`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..options import MACHINE, MAX_SEED, OUTPUT, Options

ASKED = r"^[a-z][a-z0-9_]*=[^=,]+(,[a-z][a-z0-9_]*=[^=,]+)*$"


def as_text(given: Any) -> Any:
    """A mapping, as a program gives it, in the words of the command line."""
    return ",".join(f"{name}={value}" for name, value in given.items()) if isinstance(given, Mapping) else given


class SynthesizeOptions(Options):
    """How to make images."""

    count: Annotated[int, Field(ge=1, le=10_000, description="images to make")] = 16
    condition: Annotated[
        str | None,
        Field(
            pattern=ASKED,
            description="what is asked for, name=value or name=low:high (evenly over the images), several with commas",
        ),
        BeforeValidator(as_text),
    ] = None
    steps: Annotated[int | None, Field(ge=1, le=1000, description="sampling steps; default: the card's")] = None
    upscaler_steps: Annotated[
        int | None, Field(ge=1, le=1000, description="of each later stage of a cascade; default: the card's")
    ] = None
    stages: Annotated[int | None, Field(ge=1, le=10, description="of a cascade; default: all")] = None
    sampler: Annotated[Literal["ddim", "ddpm", "dpm++"], Field(description="how an image is drawn")] = "ddim"
    eta: Annotated[float, Field(ge=0, le=1, description="randomness of DDIM; 0 none, 1 as DDPM")] = 0.0
    guidance: Annotated[
        float | None, Field(ge=0, le=20, description="how strictly to what is asked for; 0: not at all")
    ] = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, description="same seed, same images")] = 0
    device: Annotated[str, Field(description="auto, cpu, cuda:0, mps", json_schema_extra=MACHINE)] = "auto"
    threads: Annotated[int | None, Field(ge=1, le=1024, description="processor threads", json_schema_extra=MACHINE)] = (
        None
    )
    batch: Annotated[int, Field(ge=1, le=256, description="images computed at once", json_schema_extra=MACHINE)] = 4
    no_fallback: Annotated[
        bool, Field(description="fail rather than go on in smaller batches or on the CPU", json_schema_extra=MACHINE)
    ] = False

    def asked_for(self) -> dict[str, Any] | None:
        """`condition` by name: a number, a word, or one number for each image."""
        if self.condition is None:
            return None
        return {
            name: spread(value, self.count) for name, value in (part.split("=") for part in self.condition.split(","))
        }


class SynthesizeFileOptions(Options):
    """What is written."""

    sheet: Annotated[
        Path | None, Field(description="write all images side by side (.png)", json_schema_extra=OUTPUT)
    ] = None
    report: Annotated[Path | None, Field(description="write how they were made (.json)", json_schema_extra=OUTPUT)] = (
        None
    )
    overwrite: Annotated[bool, Field(description="replace files that exist", json_schema_extra=OUTPUT)] = False


def spread(value: str, count: int) -> float | str | list[float]:
    """ "0.5" -> 0.5; "0.4:0.8" -> evenly from 0.4 to 0.8; any other word as it is."""
    try:
        ends = [float(part) for part in value.split(":")]
    except ValueError:
        return value
    if len(ends) == 1:
        return ends[0]
    if len(ends) != 2:
        return value
    low, high = ends
    return [low + (high - low) * n / max(count - 1, 1) for n in range(count)]
