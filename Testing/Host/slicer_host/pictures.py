"""Pictures of panels and views, and their comparison with committed references."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6 import QtGui, QtWidgets

REFERENCES = Path(__file__).parents[1] / "references"
FAILED = Path(__file__).parents[3] / "out" / "host-pictures"


def picture_of(widget: QtWidgets.QWidget) -> np.ndarray:
    """(height, width, 3) uint8 of the widget and all in it."""
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def save(picture: np.ndarray, path: Path) -> Path:
    """Write a PNG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, optimize=True)
    return path


def differing(picture: np.ndarray, reference: np.ndarray, tolerance: int) -> float:
    """Share of pixels of which some channel differs by more than `tolerance` (0 to 255), after a blur of 3×3.

    The blur lets lines move by a fraction of a pixel, as they do between versions of Mesa.
    """
    difference = np.abs(_blurred(picture) - _blurred(reference)).max(axis=2)
    return float((difference > tolerance).mean())


def _blurred(picture: np.ndarray) -> np.ndarray:
    padded = np.pad(picture.astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    return sum(padded[j : j + height, i : i + width] for j in range(3) for i in range(3)) / 9


def assert_like_reference(picture: np.ndarray, name: str, tolerance: int = 24, share: float = 0.01) -> None:
    """The picture is like `references/NAME.png`: at most `share` of its pixels differ by more than `tolerance`.

    On failure the picture and the difference are saved under out/host-pictures. `HOST_PICTURES=write` writes the
    reference instead: look at it before it is committed.
    """
    path = REFERENCES / f"{name}.png"
    if os.environ.get("HOST_PICTURES") == "write":
        save(picture, path)
        return
    if not path.is_file():
        save(picture, FAILED / f"{name}.png")
        raise AssertionError(
            f"{name}: no reference; look at out/host-pictures/{name}.png, then run with HOST_PICTURES=write"
        )
    reference = np.asarray(Image.open(path).convert("RGB"))
    if reference.shape != picture.shape:
        save(picture, FAILED / f"{name}.png")
        raise AssertionError(
            f"{name}: {picture.shape[1]}×{picture.shape[0]} pixels, reference {reference.shape[1]}×{reference.shape[0]}"
        )
    found = differing(picture, reference, tolerance)
    if found > share:
        save(picture, FAILED / f"{name}.png")
        save(np.abs(picture.astype(int) - reference).astype(np.uint8), FAILED / f"{name}-difference.png")
        raise AssertionError(
            f"{name}: {100 * found:.2f} % of the pixels differ by more than {tolerance}; see out/host-pictures/{name}.png"
        )
