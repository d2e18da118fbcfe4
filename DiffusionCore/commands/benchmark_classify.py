"""`diffusioncore benchmark classify OUT`: its options, and what the comparison is given of our own training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..progress import Progress
from .tables import Table

if TYPE_CHECKING:
    import torch

    from ..benchmark.classify.arms import Toolbox
    from ..benchmark.classify.cnn_rivals import Augment
    from ..benchmark.classify.datasets import Dataset, Source

DATASETS = ("adrenal", "adrenal-64", "mr-sarcoma")
NEEDED = ("lightning", "monai", "sklearn")
# A look at whether everything runs has no time for the epochs of a configuration.
QUICK = ("guidance.epochs=1", "labels.epochs=1")


def add_classify_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `benchmark classify`."""
    group = parser.add_argument_group("classify")
    group.add_argument("--dataset", choices=DATASETS, default=DATASETS[0], metavar="/".join(DATASETS), help="the cases")
    group.add_argument(
        "--minutes", type=float, default=12.0, help="processor time to train each arm with each seed (default 12)"
    )
    group.add_argument("--seeds", type=int, default=3, help="how often everything is trained (default 3)")
    group.add_argument("--arms", metavar="NAME,...", help="only these beside ours and its guidance; default: all")
    group.add_argument("--plan", action="store_true", help="only list the parts and the hours that they take")
    group.add_argument(
        "--config", type=Path, metavar="YAML", help="of our training; default: the data set's in configs/"
    )


def classify_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """Every arm on the data set's test cases; what is shown are the verdicts on the gates, or, while parts are missing, the
    parts."""
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise UsageError(f"benchmark classify needs {missing[0]}: pip install 'DiffusionCore[train]'")
    from ..benchmark.classify.arms import chosen_arms
    from ..benchmark.classify.plan import HEAD as PARTS
    from ..benchmark.classify.results import HEAD as GATES
    from ..benchmark.classify.run import run_classify_benchmark

    if not given.minutes > 0 or given.seeds < 1:
        raise UsageError("--minutes must be above 0 and --seeds 1 or more")
    found = run_classify_benchmark(
        given.output,
        given.dataset,
        toolbox(root, given.config, given.quick),
        minutes=given.minutes,
        seeds=1 if given.quick else given.seeds,
        arms=chosen_arms(names(given.arms)),
        only=() if given.plan else names(given.parts),
        quick=given.quick,
        progress=progress,
    )
    if not found.results:
        return PARTS, [part.row for part in found.parts], []
    return GATES, [tuple(vars(gate).values()) for gate in found.gates], list(found.files)


def names(given: str | None) -> list[str] | None:
    """What a list with commas names; None if there is none."""
    return [name.strip() for name in given.split(",")] if given else None


def toolbox(root: Path, config: Path | None, quick: bool) -> Toolbox:
    """Our own training, its cases, its augmentation and its rule for thresholds."""
    import numpy as np

    from ..benchmark.classify.arms import Toolbox
    from ..benchmark.classify.datasets import SPLITS, Cases, Dataset
    from ..training.classify.augmentation import augmented
    from ..training.classify.cases import check_cases, read_cases
    from ..training.classify.fitting import take_over
    from ..training.classify.threshold import balanced_threshold
    from ..training.config_file import load_config
    from ..training.run import train

    def settings(source: Source) -> Path:
        path = config or Path(source.config)
        if not path.is_file():
            raise UsageError(f"{path} is not here; start from the repository, or name a configuration with --config")
        return path

    def read(source: Source) -> Dataset:
        data = load_config(settings(source), [f"data.root={root}"]).data
        found = {split: read_cases(data, split) for split in SPLITS}
        check_cases(found, data.classes)
        return Dataset(
            source,
            **{
                split: Cases(cases.images.astype(np.float32), cases.labels, np.array(cases.subjects))
                for split, cases in found.items()
            },
        )

    def trained(
        source: Source, overrides: Sequence[str], seed: int, minutes: float, folder: Path, first: Path | None
    ) -> Path:
        model = folder / "model"
        if not (model / "card.yaml").is_file():
            if first is not None:
                take_over("guidance", first, folder)
            own = (
                f"name={folder.name}",
                f"runs={folder.parent}",
                f"seed={seed}",
                f"data.root={root}",
                f"trainer.max_minutes={minutes}",
                "trainer.clock=processor",
                "tensorboard=false",
            )
            train(settings(source), [*own, *overrides, *(QUICK if quick else ())], resume=True, quiet=True)
        return model

    def recipe(source: Source) -> str:
        # without what has no part in what is learnt: hours of training should not be lost to a word on the card
        told = {"card", "name", "runs", "seed", "tensorboard"}
        return load_config(settings(source)).model_dump_json(exclude=told, exclude_defaults=True)

    def augment(source: Source) -> Augment:
        wanted = load_config(settings(source)).augmentation

        def change(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            return augmented(x, wanted, source.kind == "labelmap", generator)

        return change

    return Toolbox(read=read, train=trained, recipe=recipe, augment=augment, threshold=balanced_threshold)
