"""Reading a configuration: safe YAML, `key.sub=value` overrides, and errors as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import UsageError
from .classify.config import ClassifierConfig
from .config import TrainingConfig


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainingConfig | ClassifierConfig:
    """The typed configuration in the YAML file at `path`, after `overrides` such as "trainer.max_steps=100": a
    classifier's where it says `task: classify`.

    An override's value is read as YAML ("[1, 2]", "true", "null"). `data.split` and `init` are taken relative to the
    file; given as an override, relative to the working folder. Raises `UsageError` for a missing or broken file, an
    unknown key or a value out of range.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the configuration can't be read ({_reason(error)})") from error
    content = _yaml(text, str(path))
    if not isinstance(content, dict):
        raise UsageError(f"{path}: a configuration is a YAML mapping of keys to values")
    for section, key in (("data", "split"), (None, "init")):
        holder = content if section is None else content.get(section)
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            holder[key] = str(path.parent / holder[key])
    for override in overrides:
        _override(content, override)
    try:
        if content.get("task") == "classify":
            return ClassifierConfig.model_validate(content)
        return TrainingConfig.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}") from error


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{where}: not YAML{line}: {getattr(error, 'problem', None) or 'unreadable'}") from error


def _override(content: dict[str, Any], override: str) -> None:
    """Set one `key.sub=value` in `content`; sections that are not there yet are made."""
    name, equals, value = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise UsageError(f"an override is written key.sub=value, got {override!r}")
    holder = content
    for key in keys[:-1]:
        holder = holder.setdefault(key, {})
        if not isinstance(holder, dict):
            raise UsageError(f"{override!r}: {key!r} is a value, not a section")
    holder[keys[-1]] = _yaml(value, override)


def _first(error: ValidationError) -> str:
    """The first of pydantic's complaints as a sentence, with the count of the rest."""
    problems = error.errors(include_url=False)
    problem = problems[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the configuration"
    if problem["type"] == "extra_forbidden":
        said = f"unknown key {place}"
    elif problem["type"] == "missing":
        said = f"{place} is missing"
    else:
        said = f"{place}: {problem['msg'].removeprefix('Value error, ')}"
    return said if len(problems) == 1 else f"{said} (and {len(problems) - 1} more)"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
