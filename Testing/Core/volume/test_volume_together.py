"""Several results appear together or not at all, and what was at their places before, or came meanwhile, is safe."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.errors import OutputError
from DiffusionCore.volume import Volume, read_volume, write_volume
from DiffusionCore.volume.atomic import remove_stale
from DiffusionCore.volume.together import all_or_nothing

VOLUME = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4), "MR")


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def write_both(folder: Path, overwrite: bool = False, trouble: type[BaseException] | None = None) -> None:
    """A scan and its figure, the one after the other; `trouble` comes between them."""
    scan, figure = folder / "scan", folder / "figure"
    with all_or_nothing([scan, figure], overwrite=overwrite) as staged:
        staged[scan].write_text("new")
        if trouble is not None:
            raise trouble("no space left")
        staged[figure].write_text("new")


def test_all_appear_at_the_end(tmp_path):
    with all_or_nothing([tmp_path / "a", tmp_path / "b", tmp_path / "unused"]) as staged:
        for name in ("a", "b"):
            staged[tmp_path / name].write_text(name)
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"a": "a", "b": "b"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("trouble", [OutputError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [{}, {"scan": "old", "figure": "old"}])
def test_after_trouble_all_is_as_it_was(tmp_path, trouble, before):
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(trouble):
        write_both(tmp_path, overwrite=True, trouble=trouble)
    assert contents(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == len(before)


@pytest.mark.parametrize("taken", ["scan", "figure"])
def test_what_another_run_wrote_meanwhile_is_left_alone_and_nothing_of_ours_beside_it(tmp_path, taken):
    scan, figure = tmp_path / "scan", tmp_path / "figure"
    with pytest.raises(OutputError, match="exists already"), all_or_nothing([scan, figure]) as staged:
        staged[scan].write_text("ours")
        staged[figure].write_text("ours")
        (tmp_path / taken).write_text("theirs")
    assert contents(tmp_path) == {taken: "theirs"}


def test_all_are_replaced_where_that_is_asked_for(tmp_path):
    write_both(tmp_path)
    (tmp_path / "scan").write_text("old")
    with pytest.raises(OutputError, match="exists already"):
        write_both(tmp_path)
    assert contents(tmp_path) == {"figure": "new", "scan": "old"}
    write_both(tmp_path, overwrite=True)
    assert contents(tmp_path) == {"figure": "new", "scan": "new"}


def test_replaced_ones_are_put_back_if_the_last_cannot_be_moved(tmp_path, monkeypatch):
    """The scan, a series and a file are at their places when the disk says no to the figure."""
    names = ("scan", "series", "figure")
    (tmp_path / "series").mkdir()
    for name in ("scan", "series/1.dcm", "figure"):
        (tmp_path / name).write_text("old")
    before = contents(tmp_path)
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target == tmp_path / "figure" and path.read_text() == "new":
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    places = [tmp_path / name for name in names]
    full_disk = pytest.raises(OutputError, match="figure: no space left; nothing was written")
    with full_disk, all_or_nothing(places, overwrite=True) as staged:
        (staged[tmp_path / "series"] / "2.dcm").write_text("new")
        for name in ("scan", "figure"):
            staged[tmp_path / name].write_text("new")
    assert contents(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == set(names)


@pytest.mark.parametrize("name", ["series", "1.2.840"])
def test_series_of_any_name_that_is_a_folder_already(tmp_path, name):
    (tmp_path / name).mkdir()
    for overwrite in (False, True):
        with all_or_nothing([tmp_path / name], overwrite=overwrite) as staged:
            write_volume(VOLUME, staged[tmp_path / name])
    assert read_volume(tmp_path / name).shape == VOLUME.shape
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_series_is_not_put_over_what_came_into_its_folder_meanwhile(tmp_path):
    with pytest.raises(OutputError, match="not empty"), all_or_nothing([tmp_path / "series"]) as staged:
        write_volume(VOLUME, staged[tmp_path / "series"])
        (tmp_path / "series").mkdir()
        (tmp_path / "series" / "thesis.docx").write_text("theirs")
    assert contents(tmp_path) == {"series/thesis.docx": "theirs"}


def test_errors_name_the_place_that_was_asked_for(tmp_path):
    place = tmp_path / "a.nrrd"
    with pytest.raises(OutputError) as caught, all_or_nothing([place]) as staged:
        write_volume(VOLUME, staged[place])
        write_volume(VOLUME, staged[place])
    assert str(caught.value).startswith(f"{place}: exists already")


def test_results_in_several_folders(tmp_path):
    places = [tmp_path / name / "x" for name in ("one", "two")]
    for place in places:
        place.parent.mkdir()
    with all_or_nothing(places) as staged:
        for place in places:
            staged[place].write_text("x")
    assert contents(tmp_path) == {"one/x": "x", "two/x": "x"}


def test_a_folder_that_is_still_written_into_is_not_stale(tmp_path):
    """A 4D file may take longer than the day after which what is left by other machines is removed."""
    folder = tmp_path / ".x.another-machine.1.diffusioncore.tmp"
    folder.mkdir()
    (folder / "x").touch()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(folder, (two_days_ago, two_days_ago))
    assert remove_stale(tmp_path) == []
    os.utime(folder / "x", (two_days_ago, two_days_ago))
    assert remove_stale(tmp_path) == [folder.name]
