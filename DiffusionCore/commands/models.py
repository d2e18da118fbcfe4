"""`diffusioncore models list | show NAME | add FOLDER | verify [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import ModelError, UsageError
from .arguments import Parser, add_output_arguments
from .console import console_progress
from .tables import print_json, print_table

ACTIONS = ("list", "show", "add", "verify")


def main(argv: list[str]) -> int:
    """What is installed; a model's card; install one; check that files and answers are what the cards say."""
    parser = Parser(
        "models",
        "List the installed models, show a model's card, add a model folder, or verify checksums and outputs.",
        "diffusioncore models list",
        "diffusioncore models show denoise-mr",
        "diffusioncore models add runs/my-denoiser/model",
        "diffusioncore models verify",
    )
    parser.add_argument("action", choices=ACTIONS, metavar="/".join(ACTIONS), help="what to do")
    parser.add_argument("model", nargs="*", metavar="MODEL", help="names or folders; verify: all, if none is given")
    parser.add_argument("--overwrite", action="store_true", help="add: replace an added model of that name")
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    wanted = {"list": 0, "show": 1, "add": 1}.get(given.action, len(given.model))
    if len(given.model) != wanted:
        raise UsageError(f"models {given.action} takes {wanted} model{'s' * (wanted != 1)}, got {len(given.model)}")
    return {"list": list_all, "show": show, "add": add, "verify": verify}[given.action](given)


def list_all(given: argparse.Namespace) -> int:
    """Every installed model with a readable card."""
    from ..models import list_models

    models = [facts(card, folder) for card, folder in list_models()]
    if given.json:
        print_json(models)
    else:
        names = ("name", "version", "task", "modality", "MiB", "summary")
        print_table(names, [[model[name] for name in names] for model in models])
    return 0


def facts(card: Any, folder: Path) -> dict[str, Any]:
    """What the list says of a model."""
    from ..models.weights_file import WEIGHTS

    weights = folder / WEIGHTS
    return {
        "name": card.name,
        "version": card.version,
        "task": card.task,
        "modality": card.modality,
        "MiB": round(weights.stat().st_size / 2**20, 2) if weights.is_file() else None,
        "summary": card.summary,
        "parameters": card.network.parameters,
        "licence": card.licence,
        "notice": card.notice,
        "folder": str(folder),
    }


def show(given: argparse.Namespace) -> int:
    """The whole card."""
    import yaml

    from ..models import find_model, read_card
    from ..models.registry import CARD

    folder = find_model(given.model[0])
    content = read_card(folder / CARD).model_dump(mode="json")
    if given.json:
        print_json({**content, "folder": str(folder)})
    else:
        print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), end="")
    return 0


def add(given: argparse.Namespace) -> int:
    """Verify a model folder, then copy it among the user's models."""
    from ..models import add_model

    with console_progress(given.quiet, given.json) as progress:
        progress.stage("verify")
        folder = add_model(Path(given.model[0]), overwrite=given.overwrite)
        progress.finish()
    if given.json:
        print_json({"folder": str(folder)})
    elif not given.quiet:
        print(f"added: {folder}", file=sys.stderr)
    return 0


def verify(given: argparse.Namespace) -> int:
    """Recompute checksums and golden outputs. Raises `ModelError` if any model is not what its card says."""
    from ..models import installed_folders, verify_model

    wanted = given.model or [str(folder) for folder in installed_folders()]
    rows: list[dict[str, str]] = []
    errors: list[ModelError] = []
    with console_progress(given.quiet, given.json) as progress:
        progress.stage("verify")
        for number, model in enumerate(wanted):
            try:
                rows.append({"model": verify_model(model).name, "status": "as its card says", "problem": ""})
            except ModelError as error:
                errors.append(error)
                rows.append({"model": Path(model).name, "status": "wrong", "problem": str(error)})
            progress.advance((number + 1) / len(wanted))
        progress.finish()
    if given.json:
        print_json(rows)
    else:
        print_table(("model", "status"), [(row["model"], row["status"]) for row in rows])
    if len(errors) > 1:
        names = ", ".join(row["model"] for row in rows if row["problem"])
        raise ModelError(f"{len(errors)} of {len(wanted)} models are not what their cards say: {names}")
    if errors:
        raise errors[0]
    return 0
