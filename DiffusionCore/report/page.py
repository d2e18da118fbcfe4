"""The result's one-page HTML and its JSON."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..volume import Volume
from ..volume.atomic import atomic_file
from .figure import draw
from .words import leaves, plain, shown

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
        # A path in `content` may hold bytes that are no UTF-8; their escapes are JSON's.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    return Path(path)


def write_page(
    path: str | Path,
    title: str,
    before: Volume,
    after: Volume,
    uncertainty: Volume | None,
    content: dict[str, Any],
    warnings: tuple[str, ...] = (),
    *,
    structure: Volume | None = None,
    findings: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """One self-contained HTML page: the figure, the warnings, and `content` (nested dictionaries) as tables.

    structure  the map of `metrics.trust`, for the figure; `findings` are its sentences
    """
    picture = io.BytesIO()
    draw(before, after, uncertainty, structure).savefig(picture, format="png", dpi=100, facecolor="white")
    image = base64.b64encode(picture.getvalue()).decode("ascii")
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>",
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>",
        *(f"<p class='warn'>{html.escape(warning)}</p>" for warning in warnings),
        f"<img alt='before, after and difference in three planes' src='data:image/png;base64,{image}'>",
        *(["<h2>what speaks for and against it</h2><ul>"] if findings else []),
        *(f"<li>{html.escape(sentence)}</li>" for sentence in findings),
        *(["</ul>"] if findings else []),
        *(section(name, part) for name, part in content.items()),
        "<footer>Research only. Not for clinical use.</footer></html>",
    ]
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8", errors="backslashreplace")
    return Path(path)


def section(name: str, part: Any) -> str:
    """A heading and a table of everything below it, one row per value."""
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td><td class='n'>{html.escape(shown(value))}</td></tr>"
        for label, value in leaves(part)
    )
    return f"<h2>{html.escape(name.replace('_', ' '))}</h2><table>{rows}</table>"
