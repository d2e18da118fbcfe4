"""Command-line arguments made from the options' declarations, so that each option is written down once."""

from __future__ import annotations

import argparse
import re
from typing import Any, Literal, NoReturn, get_args, get_origin

from ..errors import UsageError
from ..tasks.options import Options, parse_options


class Parser(argparse.ArgumentParser):
    """argparse, with our errors and examples at the end of the help."""

    def __init__(self, command: str, what: str, *examples: str) -> None:
        super().__init__(
            prog=f"diffusioncore {command}",
            description=what,
            epilog="\n  ".join((f"example{'s' * (len(examples) > 1)}:", *examples)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        # "-160,240" is a value, as "-160" is one to argparse itself: no option here begins with a digit.
        self._negative_number_matcher = re.compile(r"^-[\d.][\d.,eEx+-]*$")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help says more")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """How much to say, which every command takes."""
    group = parser.add_argument_group("talking")
    group.add_argument(
        "--json", action="store_true", help="results as JSON on stdout, progress as JSON lines on stderr"
    )
    group.add_argument("--quiet", action="store_true", help="say nothing but results and errors")
    group.add_argument("--verbose", action="store_true", help="say more; a traceback with an error")


def add_options(parser: argparse.ArgumentParser, model: type[Options], *only: str) -> None:
    """One argument for each field of `model`, or for those named: a flag for a bool, choices for a Literal, a value."""
    groups: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if only and name not in only:
            continue
        title = (field.json_schema_extra or {}).get("group", "what to do")
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        flag = "--" + name.replace("_", "-")
        kind = plain_type(field.annotation)
        text = (field.description or "").replace("%", "%%")
        if kind is bool:
            group.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
            continue
        if field.default is not None and not field.is_required():
            text += f" (default {field.default})"
        choices = get_args(kind) if get_origin(kind) is Literal else None
        metavar = "/".join(map(str, choices)) if choices else getattr(kind, "__name__", "value").upper()
        group.add_argument(flag, default=argparse.SUPPRESS, metavar=metavar, help=text)


def plain_type(annotation: Any) -> Any:
    """The type behind `X | None`."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is Literal or not kinds or len(kinds) == len(get_args(annotation)):
        return annotation
    return kinds[0]


def options_from(namespace: argparse.Namespace, model: type[Options]) -> Any:
    """The options that were given on the command line, checked. Raises `UsageError`."""
    given = {name: getattr(namespace, name) for name in model.model_fields if hasattr(namespace, name)}
    return parse_options(model, **given)
