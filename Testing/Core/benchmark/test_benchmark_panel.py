"""Testing/Bench/panel.py: its page is made of its figures; the measuring itself takes minutes and is tried by hand."""

import importlib.util
import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_committed_page_of_the_panel_is_what_its_figures_say():
    spec = importlib.util.spec_from_file_location("panel_bench", REPOSITORY / "Testing" / "Bench" / "panel.py")
    panel = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(panel)
    kept = REPOSITORY / "docs" / "benchmark"
    found = json.loads((kept / "panel.json").read_text(encoding="utf-8"))
    assert panel.page(found) == (kept / "panel.md").read_text(encoding="utf-8")
