"""What is installed: the packages that are missing, the models' cards, the models that were added."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any


def installed_models() -> tuple[tuple[Any, Path], ...]:
    """Card and folder of every installed model; empty while the packages that read them are not installed."""
    try:
        from ..models.registry import list_models
    except ImportError:
        return ()
    return tuple(list_models())


def installed_cards() -> tuple[Any, ...]:
    """The cards of the installed models; empty while the packages that read them are not installed."""
    return tuple(card for card, _folder in installed_models())


def added_models() -> list[Path]:
    """The folders of the models that were added beside the bundled ones; they can be added again."""
    try:
        from ..models.registry import user_folder
    except ImportError:
        return []
    return sorted(card.parent for card in user_folder().glob("*/card.yaml"))


def size_of(folders: list[Path]) -> int:
    """Bytes on disk."""
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


def clear_added_models() -> int:
    """Remove the models that were added; gives how many. The bundled ones stay."""
    folders = added_models()
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)
