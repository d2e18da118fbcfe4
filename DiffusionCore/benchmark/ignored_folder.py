"""The folder that a benchmark keeps what it has done in."""

from __future__ import annotations

from pathlib import Path


def ignored_folder(folder: Path) -> Path:
    """The folder, made so that git leaves it alone."""
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / ".gitignore"
    if not marker.exists():
        marker.write_text("*\n", encoding="utf-8")
    return folder
