"""The result's one-page HTML and its JSON."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

from ..volume import Volume
from ..volume.atomic import atomic_file
from .figure import draw

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; color: #222 }
table { border-collapse: collapse; margin: .6em 0 1.6em }
td, th { padding: .25em .9em; border-bottom: 1px solid #ccc; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.warn { background: #fff3d6; padding: .6em 1em; border-left: 4px solid #b36b00 }
img { max-width: 100% } h1 { font-size: 1.5em } h2 { font-size: 1.15em }
footer { color: #555; margin-top: 2em }
"""


def write_json(path: str | Path, content: Any, *, overwrite: bool = False) -> Path:
    """Write `content` as indented JSON; numbers that JSON has no word for become null."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def plain(value: Any) -> Any:
    """The same content in what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def write_page(
    path: str | Path,
    title: str,
    before: Volume,
    after: Volume,
    uncertainty: Volume | None,
    content: dict[str, Any],
    warnings: tuple[str, ...] = (),
    *,
    overwrite: bool = False,
) -> Path:
    """One self-contained HTML page: the figure, the warnings, and `content` (nested dictionaries) as tables."""
    picture = io.BytesIO()
    draw(before, after, uncertainty).savefig(picture, format="png", dpi=100, facecolor="white")
    image = base64.b64encode(picture.getvalue()).decode("ascii")
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>",
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>",
        *(f"<p class='warn'>{html.escape(warning)}</p>" for warning in warnings),
        f"<img alt='before, after and difference in three planes' src='data:image/png;base64,{image}'>",
        *(section(name, part) for name, part in content.items()),
        "<footer>Research only. Not for clinical use.</footer></html>",
    ]
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")
    return Path(path)


def section(name: str, part: Any) -> str:
    """A heading and a table of everything below it, one row per value."""
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td><td class='n'>{html.escape(shown(value))}</td></tr>"
        for label, value in leaves(part)
    )
    return f"<h2>{html.escape(name.replace('_', ' '))}</h2><table>{rows}</table>"


def leaves(part: Any, path: str = "") -> list[tuple[str, Any]]:
    """(label, value) of every value below `part`."""
    if isinstance(part, dict):
        return [leaf for key, item in part.items() for leaf in leaves(item, f"{path} {key}".strip().replace("_", " "))]
    return [(path or "value", part)]


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value) or "–"
    return "–" if value is None else str(value)
