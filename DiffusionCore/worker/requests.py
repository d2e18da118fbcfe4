"""What may be asked of the worker, and how a line becomes a request or a sentence that says what is wrong with it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import UsageError

Id = Annotated[str, Field(min_length=1, max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\.npy$", max_length=100)]
Row = Annotated[list[float], Field(min_length=4, max_length=4)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Told(Part):
    """What an asker may tell of a volume (see `Volume.meta`); other entries are ignored."""

    model_config = ConfigDict(extra="ignore")

    kind: str | None = None
    modality_reason: str = ""
    warnings: list[str] = Field(default_factory=list)


class VolumeFile(Part):
    """A volume in the private folder."""

    file: FileName
    matrix: Annotated[list[Row], Field(min_length=4, max_length=4)]
    modality: Literal["CT", "MR", "LABEL", "OTHER"]
    meta: Told = Told()


class Submit(Part):
    type: Literal["submit"]
    id: Id
    task: str
    options: dict[str, Any] = Field(default_factory=dict)
    volumes: dict[str, VolumeFile] = Field(default_factory=dict)


class Cancel(Part):
    type: Literal["cancel"]
    id: Id


class Describe(Part):
    type: Literal["describe"]
    id: Id
    task: str


class Forget(Part):
    type: Literal["forget"]
    id: Id
    files: list[FileName]


class Shutdown(Part):
    type: Literal["shutdown"]


Request = Submit | Cancel | Describe | Forget | Shutdown
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="type")])


class NotUnderstood(UsageError):
    """A line that is no request; `asker` is the id that could be read of it, if any."""

    def __init__(self, sentence: str, asker: str | None = None) -> None:
        super().__init__(sentence)
        self.asker = asker


def parse_request(line: bytes) -> Request:
    """The request on a line. Raises `NotUnderstood`."""
    try:
        content = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):  # bad UTF-8 and too long a number are ValueErrors as well
        raise NotUnderstood("a request must be one JSON object on a line; this line is not JSON") from None
    if not isinstance(content, dict):
        raise NotUnderstood("a request must be a JSON object with a type")
    asker = content.get("id")
    asker = asker if isinstance(asker, str) and 1 <= len(asker) <= 64 else None
    try:
        return _REQUEST.validate_python(content)
    except (ValidationError, RecursionError) as error:
        raise NotUnderstood(sentence(error), asker) from None


def sentence(error: ValidationError | RecursionError) -> str:
    """The first thing wrong with a request, without the value that was given."""
    if isinstance(error, RecursionError):
        return "the request is nested too deeply"
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"].startswith("union_tag"):
        known = ", ".join(kind.model_fields["type"].annotation.__args__[0] for kind in Request.__args__)
        return f"the type of a request must be one of {known}"
    where = ".".join(str(part) for part in first["loc"][1:])
    return f"the request's {where[:200]} is wrong: {first['msg'][:1].lower()}{first['msg'][1:]}"
