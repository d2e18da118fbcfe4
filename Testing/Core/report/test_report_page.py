"""The HTML page and JSON: self-contained, escaped, and only what JSON knows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.errors import OutputError
from DiffusionCore.report import write_json, write_page
from DiffusionCore.report.words import leaves, plain, shown


def test_json_has_null_where_numbers_are_none(tmp_path):
    content = {"a": float("nan"), "b": float("inf"), "c": np.float32(0.5), "d": (np.int16(3), Path("x/y")), "é": True}
    write_json(tmp_path / "r.json", content)
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"a": None, "b": None, "c": 0.5, "d": [3, str(Path("x/y"))], "é": True}
    assert "NaN" not in text


def test_json_is_not_replaced_unasked(tmp_path):
    write_json(tmp_path / "r.json", {})
    with pytest.raises(OutputError):
        write_json(tmp_path / "r.json", {})
    write_json(tmp_path / "r.json", {"a": 1}, overwrite=True)


@pytest.fixture
def page(mr, tmp_path) -> str:
    content = {"figures": {"noise": {"before": 12.345678}}, "pairs": [1, 2], "script": "<script>alert(1)</script>"}
    after = mr.with_voxels(mr.voxels // 2)
    path = write_page(tmp_path / "p.html", "A <title>", mr, after, None, content, ("noise is <strong>",))
    return path.read_text(encoding="utf-8")


def test_page_shows_figure_warnings_and_every_value(page):
    assert "data:image/png;base64," in page
    assert "<p class='warn'>noise is &lt;strong&gt;</p>" in page
    assert "<td>noise before</td><td class='n'>12.35</td>" in page
    assert "<td class='n'>1, 2</td>" in page
    assert "Research only. Not for clinical use." in page


def test_page_escapes_what_it_is_given(page):
    assert "<script>" not in page
    assert "<title>A &lt;title&gt;</title>" in page


def test_page_fetches_nothing(page):
    assert re.findall(r"(?:src|href)=['\"](?!data:)", page) == []
    assert "http" not in page


def test_leaves_name_the_way_down():
    assert leaves({"a_b": {"c": 1, "d": {"e": 2}}, "f": 3}) == [("a b c", 1), ("a b d e", 2), ("f", 3)]
    assert leaves(5) == [("value", 5)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.123456, "0.1235"),
        (2.5e-5, "under 0.0001"),
        (-2.5e-5, "over -0.0001"),
        (0.0, "0"),
        (None, "–"),
        ([], "–"),
        ([1.0, 2], "1, 2"),
        (True, "True"),
        ("x", "x"),
        (1234567, "1234567"),
    ],
)
def test_values_as_a_person_reads_them(value, words):
    assert shown(value) == words


def test_plain_keeps_what_json_knows():
    assert plain({"a": [1, "x", None, True, 0.5]}) == {"a": [1, "x", None, True, 0.5]}


def test_what_a_terminal_would_obey_is_shown_as_escapes():
    assert shown("Kopf 日本 µ") == "Kopf 日本 µ"
    assert shown("a\x1b[31m\nb\udce9") == r"a\x1b[31m\nb\udce9"


def test_json_of_a_path_that_is_no_text_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"model": Path("caf\udce9 größe")})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "größe" in text
    assert json.loads(text) == {"model": "caf\udce9 größe"}
