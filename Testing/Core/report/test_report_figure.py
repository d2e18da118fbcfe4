"""Figures: left is left and says so, before and after at one window, nothing overlaps."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from DiffusionCore.errors import OutputError, UsageError
from DiffusionCore.report.figure import check_figure, columns_of, draw, write_figure
from DiffusionCore.report.movie import GIF_FRAMES, as_grey, write_movie
from DiffusionCore.report.views import display_window, plane_images, plane_views
from DiffusionCore.volume import Volume

# Axes (i, j, k) to right, anterior, superior; to left, posterior, superior, as DICOM has them; any order, flipped.
ORIENTATIONS = {
    "RAS": np.diag([1.0, 1, 1, 1]),
    "LPS": np.diag([-1.0, -1, 1, 1]),
    "SAR": np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]),
    "PIL": np.array([[0.0, 0, -1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]),
}


def with_marks(matrix: np.ndarray) -> Volume:
    """A scan of 9³ voxels with 1 in its middle, 2, 3, 4 at the middle of the patient's right, front and top."""
    voxels = np.zeros((9, 9, 9), np.int16)
    for value, place in ((1, (0, 0, 0)), (2, (4, 0, 0)), (3, (0, 4, 0)), (4, (0, 0, 4))):
        i, j, k = np.rint(np.linalg.inv(matrix[:3, :3]) @ place).astype(int) + 4
        voxels[k, j, i] = value
    return Volume(voxels, matrix, "MR")


@pytest.mark.parametrize("matrix", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_right_is_at_the_left_and_the_letters_say_so(matrix):
    axial, coronal, sagittal = plane_views(with_marks(matrix))
    # origin="lower": row 0 is the lowest
    assert (axial.image[4, 0], axial.left, axial.right) == (2, "R", "L")
    assert (axial.image[8, 4], axial.top, axial.bottom) == (3, "A", "P")
    assert (coronal.image[4, 0], coronal.left) == (2, "R")
    assert (coronal.image[8, 4], coronal.top) == (4, "S")
    assert (sagittal.image[4, 0], sagittal.left, sagittal.right) == (3, "A", "P")
    assert (sagittal.image[8, 4], sagittal.top) == (4, "S")


@pytest.mark.parametrize("matrix", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_slices_of_films_and_pictures_lie_the_same_way(matrix):
    volume = with_marks(matrix)
    middles = {plane: list(plane_images(volume, plane)[0])[4] for plane in ("axial", "coronal", "sagittal")}
    assert (middles["axial"][4, 0], middles["axial"][0, 4]) == (2, 3)
    assert (middles["coronal"][4, 0], middles["coronal"][0, 4]) == (2, 4)
    assert (middles["sagittal"][4, 0], middles["sagittal"][0, 4]) == (3, 4)
    assert next(plane_images(volume, "axial")[0]).max() == 0  # from below
    assert list(plane_images(volume, "axial")[0])[8][4, 4] == 4


def test_pixels_have_the_scans_spacing():
    volume = Volume(np.random.default_rng(0).random((10, 20, 30)), np.diag([0.5, 1.0, 4.0, 1.0]), "MR")
    axial, coronal, sagittal = plane_views(volume)
    assert (axial.pixel, coronal.pixel, sagittal.pixel) == ((1.0, 0.5), (4.0, 0.5), (4.0, 1.0))


def test_before_and_after_are_shown_at_one_window_and_the_difference_about_zero(mr):
    after = mr.with_voxels((mr.voxels * 0.9).astype(np.int16))
    window = display_window(mr)
    before, later, change = columns_of(mr, after, None, window, "grey levels")
    assert before.limits == later.limits == window
    assert change.limits[0] == -change.limits[1]
    middle = plane_views(mr)[0].image.astype(np.float32)
    np.testing.assert_array_equal(change.views[0].image, plane_views(after)[0].image.astype(np.float32) - middle)


def test_windows_by_modality(mr, ct):
    low, high = display_window(mr)
    assert low == 0
    assert high == pytest.approx(np.percentile(mr.voxels, 99.5), rel=0.05)
    assert display_window(ct) == (-160, 240)
    lung = ct.with_voxels(np.where(ct.voxels > -500, -800, ct.voxels).astype(np.int16))
    assert display_window(lung) == (-1250, 250)


def drawn(mr: Volume, columns: int = 4, slices: int = 24, title: str = "A title"):
    part = Volume(mr.voxels[:slices], mr.ijk_to_ras, "MR")
    spread = part.with_voxels(np.abs(part.voxels * 0.01))
    return draw(part, part.with_voxels(part.voxels // 2), spread if columns == 4 else None, title=title)


@pytest.mark.parametrize(("columns", "slices"), [(4, 24), (3, 24), (3, 5), (3, 1)])
def test_nothing_overlaps_and_nothing_is_cut_off(mr, columns, slices):
    figure = drawn(mr, columns, slices)
    figure.canvas.draw()
    page = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    for a, b in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, (a, b)


def test_pixels_are_as_high_as_wide_in_millimetres(mr):
    figure = drawn(mr, columns=3)
    width, height = figure.get_size_inches()
    for axes, view in zip(figure.axes[:3], plane_views(mr), strict=True):
        place = axes.get_position()
        shown = (place.height * height) / (place.width * width)
        rows, columns = view.image.shape
        assert shown == pytest.approx(rows * view.pixel[0] / (columns * view.pixel[1]))


def test_a_thin_slab_is_shown_in_one_plane(mr):
    assert [view.name for view in plane_views(mr)] == ["axial", "coronal", "sagittal"]
    assert [view.name for view in plane_views(Volume(mr.voxels[:1], mr.ijk_to_ras, "MR"))] == ["axial"]
    assert [view.name for view in plane_views(Volume(mr.voxels[:, :, :1], mr.ijk_to_ras, "MR"))] == ["sagittal"]


def test_letters_units_and_the_notice_are_on_the_page(mr, ct):
    figure = drawn(mr)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sorted(set(words)) == ["A", "L", "P", "R", "S"]
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == [
        *("before", "after", "difference", "uncertainty")
    ]
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert labels == ["after − before (grey levels)", "standard deviation (grey levels)"]
    assert any("research only, not for clinical use" in text.get_text() for text in figure.texts)
    assert "HU" in draw(ct, ct.with_voxels(ct.voxels - np.int16(5))).texts[-1].get_text()


def test_no_change_at_all_can_be_drawn(mr):
    drawn_same = draw(mr, mr)
    assert drawn_same.axes


@pytest.mark.parametrize("ending", ["png", "pdf", "svg", "jpg"])
def test_pictures_are_written_by_their_ending(mr, tmp_path, ending):
    path = write_figure(tmp_path / f"f.{ending}", mr, mr.with_voxels(mr.voxels // 2))
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "jpg": b"\xff\xd8"}
    assert path.read_bytes().startswith(starts[ending])
    with pytest.raises(OutputError, match="--overwrite"):
        write_figure(path, mr, mr)


def test_a_gif_scrolls_before_and_after_side_by_side(mr, tmp_path):
    write_figure(tmp_path / "f.gif", mr, mr.with_voxels(mr.voxels // 4))
    film = Image.open(tmp_path / "f.gif")
    assert film.n_frames == 24
    film.seek(12)
    picture = np.asarray(film.convert("L"))
    half = picture.shape[1] // 2
    assert picture[:, : half - 8].mean() > 2 * picture[:, half + 8 :].mean()


def test_a_gif_of_a_long_scan_is_thinned_out(mr, tmp_path):
    long = Volume(np.tile(mr.voxels, (6, 1, 1)), mr.ijk_to_ras, "MR")
    write_movie(tmp_path / "f.gif", [long])
    assert Image.open(tmp_path / "f.gif").n_frames == 48 <= GIF_FRAMES


def test_an_mp4_is_written_whole(mr, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    write_figure(tmp_path / "f.mp4", mr, mr)
    assert (tmp_path / "f.mp4").read_bytes()[4:8] == b"ftyp"
    assert [path.name for path in tmp_path.iterdir()] == ["f.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
def test_an_mp4_that_really_stops_halfway_is_no_result(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    code = (
        "import resource, signal, sys, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from pathlib import Path\n"
        "from DiffusionCore.errors import OutputError\n"
        "from DiffusionCore.report.movie import write_movie\n"
        "from DiffusionCore.volume import Volume\n"
        "noise = np.random.default_rng(0).integers(0, 1000, (8, 64, 64), dtype=np.int16)\n"
        "try: write_movie(Path(sys.argv[1]), [Volume(noise, np.eye(4), 'MR')])\n"
        "except OutputError as error: print(error)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "f.mp4")]
    assert "disk is full" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert list(tmp_path.iterdir()) == []


def test_grey_is_linear_in_the_window_and_clipped():
    np.testing.assert_array_equal(as_grey(np.array([-10, 0, 50, 100, 900]), (0, 100)), [0, 0, 128, 255, 255])


def test_other_endings_and_missing_film_writers_are_told(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.pdf, \.svg, \.jpg, \.gif, \.mp4"):
        check_figure(tmp_path / "f.bmp")
    monkeypatch.setattr("DiffusionCore.report.movie.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="movies"):
        check_figure(tmp_path / "f.mp4")
    check_figure(tmp_path / "f.gif")
