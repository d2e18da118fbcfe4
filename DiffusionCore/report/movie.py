"""Before and after scrolling side by side, as an animated GIF or an MP4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..volume import Volume
from ..volume.atomic import atomic_file
from ..volume.geometry import to_canonical_axes
from .views import display_window

HEIGHT = 320  # pixels of a frame


def write_movie(
    path: Path, before: Volume, after: Volume, *, frames_per_second: int = 10, overwrite: bool = False
) -> Path:
    """Axial slices from below upwards, before at the left, at one window. Raises `UsageError` without imageio."""
    try:
        import imageio.v3 as imageio
    except ImportError:
        raise UsageError("films need imageio: pip install 'DiffusionCore[movies]'") from None
    window = display_window(before)
    pair = [to_canonical_axes(volume) for volume in (before, after)]
    frames = [np.concatenate([frame(volume, k, window) for volume in pair], axis=1) for k in range(pair[0].shape[0])]
    with atomic_file(path, overwrite=overwrite) as temporary:
        if path.suffix.lower() == ".gif":
            content = imageio.imwrite("<bytes>", frames, extension=".gif", duration=1000 / frames_per_second, loop=0)
            temporary.write_bytes(content)
        else:
            even = [np.ascontiguousarray(f[: f.shape[0] // 2 * 2, : f.shape[1] // 2 * 2]) for f in frames]
            content = imageio.imwrite(
                "<bytes>",
                [np.repeat(f[..., None], 3, axis=2) for f in even],
                extension=".mp4",
                plugin="FFMPEG",
                fps=frames_per_second,
                macro_block_size=2,
            )
            temporary.write_bytes(content)
    return path


def frame(volume: Volume, k: int, window: tuple[float, float]) -> np.ndarray:
    """Slice k as uint8 (rows from anterior down, the patient's right at the left), square pixels, `HEIGHT` high."""
    from skimage.transform import resize

    low, high = window
    image = np.clip((volume.voxels[k, ::-1, ::-1].astype(np.float32) - low) / (high - low), 0, 1)
    _, dj, di = volume.spacing
    width = max(round(HEIGHT * image.shape[1] * di / (image.shape[0] * dj)), 2)
    return np.round(255 * resize(image, (HEIGHT, width), order=1)).astype(np.uint8)
