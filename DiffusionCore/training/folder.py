"""The run's own folder."""

from __future__ import annotations

import yaml

from ..errors import OutputError
from .classify.config import ClassifierConfig
from .config import TrainingConfig


def prepare_folder(config: TrainingConfig | ClassifierConfig) -> None:
    """Make the run's folder and write its configuration there, every key in full. Raises `OutputError` if it can't be."""
    try:
        config.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        (config.folder / "config.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{config.folder}: the run's folder can't be written ({error.strerror})") from error
