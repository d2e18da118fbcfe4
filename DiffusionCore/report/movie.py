"""Slices scrolling by, before and after side by side, as an animated GIF or an MP4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import OutputError, UsageError
from ..volume import Volume
from ..volume.atomic import atomic_file
from .views import display_window, plane_images

MOVIES = (".gif", ".mp4")
HEIGHT = 288  # pixels of a frame, even as MP4 needs it
GAP = 8  # black pixels between before and after
# A GIF keeps noise whole, at nearly a byte for each pixel: fewer frames and greys keep it at a few megabytes.
GIF_FRAMES, GIF_GREYS = 64, 48


def check_movie(path: Path) -> None:
    """Raise `UsageError` for another ending, or an MP4 where nothing can write one."""
    if path.suffix.lower() not in MOVIES:
        raise UsageError(f"a film is one of {', '.join(MOVIES)}, got {path.name!r}")
    if path.suffix.lower() == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise UsageError("MP4 films need imageio-ffmpeg: pip install 'DiffusionCore[movies]'; or write a .gif")


def write_movie(
    path: Path,
    volumes: Sequence[Volume],
    *,
    names: Sequence[str] = (),
    plane: str = "axial",
    window: tuple[float, float] | None = None,
    frames_per_second: int = 10,
    overwrite: bool = False,
) -> Path:
    """Slices of volumes on one grid side by side, all at one window (default: the first one's display window).

    `names` are written above them. A GIF holds at most `GIF_FRAMES` slices, an MP4 all.
    Raises `UsageError` as `check_movie` does, `OutputError` if it cannot be written.
    """
    check_movie(path)
    window = window or display_window(volumes[0])
    names = names or [""] * len(volumes)
    stacks = [frames(volume, plane, window, name) for volume, name in zip(volumes, names, strict=True)]
    joined = [side_by_side(pictures) for pictures in zip(*stacks, strict=True)]
    with atomic_file(path, overwrite=overwrite) as temporary:
        if path.suffix.lower() == ".gif":
            write_gif(temporary, joined, frames_per_second)
        else:
            write_mp4(temporary, joined, frames_per_second)
    return path


def frames(volume: Volume, plane: str, window: tuple[float, float], name: str = "") -> Iterator[np.ndarray]:
    """The slices as uint8 with square pixels, `HEIGHT` high, with a name and the letters of the left and right edge."""
    from PIL import Image, ImageDraw

    left, right = ("A", "P") if plane == "sagittal" else ("R", "L")
    images, (down, across) = plane_images(volume, plane)
    for image in images:
        width = max(round(HEIGHT * image.shape[1] * across / (image.shape[0] * down) / 2) * 2, 2)
        grey = Image.fromarray(as_grey(image, window)).resize((width, HEIGHT), Image.Resampling.BILINEAR)
        ink = ImageDraw.Draw(grey)
        for place, anchor, words in (
            ((width / 2, 4), "ma", name),
            ((4, HEIGHT / 2), "lm", left),
            ((width - 4, HEIGHT / 2), "rm", right),
        ):
            ink.text(place, words, fill=255, anchor=anchor, stroke_width=2, stroke_fill=0, font_size=14)
        yield np.asarray(grey)


def as_grey(image: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Values as uint8, `window` (low, high) as 0 to 255."""
    low, high = window
    scaled = (image.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The pictures in a row with a gap in between."""
    gap = np.zeros((HEIGHT, GAP), np.uint8)
    row = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(row[:-1], axis=1)


def write_gif(path: Path, pictures: list[np.ndarray], frames_per_second: int) -> None:
    from PIL import Image

    every = -(-len(pictures) // GIF_FRAMES)
    step = 255 / (GIF_GREYS - 1)
    kept = [np.rint(np.rint(picture / step) * step).astype(np.uint8) for picture in pictures[::every]]
    first, *rest = (Image.fromarray(picture) for picture in kept)
    duration = round(1000 / frames_per_second)
    first.save(path, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0)


def write_mp4(path: Path, pictures: list[np.ndarray], frames_per_second: int) -> None:
    import imageio_ffmpeg

    height, width = pictures[0].shape
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        pix_fmt_in="gray",
        fps=frames_per_second,
        macro_block_size=2,
        output_params=["-f", "mp4"],  # the temporary's name does not say so
        ffmpeg_log_level="error",
    )
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()
    if frames_in(path) != len(pictures):  # ffmpeg's own exit is not told, as where the disk is full
        raise OutputError("the film could not be written whole; look whether the disk is full")


def frames_in(path: Path) -> int:
    """How many frames a film holds; 0 if it is none."""
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.count_frames_and_secs(str(path))[0]
    except RuntimeError:
        return 0
