"""Tables of every benchmark's report."""

from __future__ import annotations

from DiffusionCore.benchmark.markdown_table import markdown_table


def test_a_row_a_line_and_a_bar_within_a_cell_is_no_border() -> None:
    assert markdown_table(("what", "gate"), [("bias", "|shift| ≤ 1 HU"), ("noise", "")]) == (
        "| what | gate |\n|---|---|\n| bias | \\|shift\\| ≤ 1 HU |\n| noise |  |"
    )
