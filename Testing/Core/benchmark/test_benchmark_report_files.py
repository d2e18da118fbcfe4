"""The files of a benchmark's report."""

from __future__ import annotations

from pathlib import Path

import pytest

from DiffusionCore.benchmark.report_files import write_csv, write_figure, write_text


class Unfinished:
    """A figure whose drawing stops half-way."""

    def savefig(self, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise MemoryError


def test_a_file_of_an_earlier_run_is_replaced_and_a_failed_one_leaves_it(tmp_path: Path) -> None:
    plot = write_text(tmp_path / "plot.png", "the first run's")
    with pytest.raises(MemoryError):
        write_figure(plot, Unfinished())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]
    assert plot.read_text() == "the first run's"
    assert write_text(plot, "second").read_text() == "second"


def test_rows_of_a_csv_end_as_in_the_repository(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ("what", "value"), [("a, b", 1.5), ("±", "")])
    assert path.read_bytes() == 'what,value\n"a, b",1.5\n±,\n'.encode()
