"""`diffusioncore train CONFIG [key=value ...]`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from ..errors import UsageError
from .arguments import Parser, add_output_arguments
from .tables import print_json


def main(argv: list[str]) -> int:
    """Train a model; ends with its folder."""
    parser = Parser(
        "train",
        "Train a model as a YAML file says; ends with a model folder, ready for: diffusioncore models add FOLDER.",
        "diffusioncore train configs/toy_digits.yaml",
        "diffusioncore train configs/denoise-mr.yaml trainer.max_steps=1000 name=trial",
        "diffusioncore train configs/denoise-mr.yaml --resume",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file; configs/ has examples")
    parser.add_argument("override", nargs="*", metavar="key=value", help="settings that replace the file's")
    parser.add_argument(
        "--resume", nargs="?", const=True, metavar="PATH", help="go on from the run's last checkpoint, or from PATH"
    )
    parser.add_argument(
        "--make-split", action="store_true", help="a classifier's: write the split file of its scans, and stop"
    )
    add_output_arguments(parser)
    given = parser.parse_intermixed_args(argv)
    if isinstance(given.resume, str) and "=" in given.resume:  # --resume key=value: without a path
        given.override.append(given.resume)
        given.resume = True
    needed = ("lightning", "monai", "tensorboard")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: pip install 'DiffusionCore[train]'")
    if given.make_split:
        return write_split(given.config, given.override, given.json)
    from ..training.run import train

    bar = sys.stdout.isatty() and sys.stderr.isatty() and not (given.quiet or given.json)
    folder = train(given.config, given.override, resume=given.resume or False, quiet=not bar)
    if given.json:
        print_json({"model": folder})
    elif not given.quiet:
        print(f"model: {folder}; add it with: diffusioncore models add {folder}", file=sys.stderr)
    return 0


def write_split(config: Path, overrides: list[str], as_json: bool) -> int:
    """Deal a classifier's scans to training, validation and test; say where."""
    from ..training.classify.config import ClassifierConfig
    from ..training.classify.run import make_split
    from ..training.config_file import load_config

    loaded = load_config(config, overrides)
    if not isinstance(loaded, ClassifierConfig):
        raise UsageError("--make-split is for classifiers: configurations that say task: classify")
    path = make_split(loaded)
    if as_json:
        print_json({"split": path})
    else:
        print(f"split: {path}", file=sys.stderr)
    return 0
