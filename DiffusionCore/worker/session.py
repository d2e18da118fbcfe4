"""What the worker keeps between jobs: models, the noise measured of a scan, how fast a device is."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..metrics import NoiseEstimate
from ..tasks.denoise import Prepared
from ..tasks.enhance import dimensions, prepare
from ..tasks.options import EnhanceOptions

if TYPE_CHECKING:
    from ..models import Classifier, Model
    from ..progress import Progress
    from ..volume import Volume

MODELS = 4  # a bundled one takes a few megabytes


class Session:
    """A scan is known by the name of its file, which no other voxels ever have."""

    def __init__(self) -> None:
        self._models: OrderedDict[Path, tuple[tuple[int, ...], Any]] = OrderedDict()
        self._cascade: tuple[tuple[object, ...], tuple[tuple[int, ...], ...], list[Model]] | None = None
        self._noises: dict[tuple[str, str], NoiseEstimate] = {}
        self._rates: dict[tuple[object, ...], float] = {}
        self._ready: tuple[tuple[object, ...], Prepared] | None = None

    def load(self, name_or_path: str | Path) -> Model:
        """A model that makes images, from memory if its files are as they were. Raises `ModelError`."""
        from ..models import load_model

        return self._kept(name_or_path, load_model)

    def load_classifier(self, name_or_path: str | Path) -> Classifier:
        """The same for one that classifies."""
        from ..models import load_classifier

        return self._kept(name_or_path, load_classifier)

    def load_cascade(self, name_or_path: str | Path, device: str, stages: int | None) -> list[Model]:
        """A model that makes images from noise and those that follow it, on a device; from memory if they were the last
        ones, are there still and their files are as they were. Raises `ModelError`."""
        from ..models import find_model, load_model
        from ..models.cascade import cascade_of

        key = (find_model(name_or_path).absolute(), device, stages)
        if self._cascade is not None and self._cascade[0] == key:
            _, stamps, models = self._cascade
            there = all(str(model.denoiser.signal.device) == device for model in models)  # memory may have run out
            if there and stamps == tuple(stamp(model.folder) for model in models):
                return models
        self._cascade = None
        models = cascade_of(load_model(key[0], device=device), stages)
        self._cascade = (key, tuple(stamp(model.folder) for model in models), models)
        return models

    def _kept(self, name_or_path: str | Path, load: Callable[[Path], Any]) -> Any:
        from ..models import find_model

        folder = find_model(name_or_path).absolute()
        now = stamp(folder)
        if folder in self._models and self._models[folder][0] == now:
            self._models.move_to_end(folder)
            return self._models[folder][1]
        self._models[folder] = (now, load(folder))
        self._models.move_to_end(folder)
        while len(self._models) > MODELS:
            self._models.popitem(last=False)
        return self._models[folder][1]

    def model_for(self, task: str, volume: Volume, options: EnhanceOptions) -> Model | None:
        """The model that the options name, else the best for the scan; None where the task itself has to complain."""
        from ..models import best_model

        if options.model:
            return self.load(options.model)
        with contextlib.suppress(ModelError):
            return self.load(best_model(task, options.modality or volume.modality, dims=dimensions(volume)))
        return None

    def noise_of(self, file: str, modality: str) -> NoiseEstimate | None:
        """The noise measured before of the scan in `file`, taken as of this modality."""
        return self._noises.get((file, modality))

    def keep_noise(self, file: str, modality: str, noise: NoiseEstimate) -> None:
        """Remember what was measured, not what a person gave."""
        self._noises[file, modality] = noise

    def ready(self, file: str, volume: Volume, options: EnhanceOptions, progress: Progress) -> Prepared:
        """`tasks.enhance.prepare` for the scan in `file`, from memory if it was the last one asked for.

        Raises what `prepare` raises.
        """
        modality = options.modality or volume.modality
        model = self.model_for("enhance", volume, options)
        key = (file, modality, options.sigma, options.force, options.device, id(model))
        if self._ready is not None and self._ready[0] == key:
            return self._ready[1]
        noise = self.noise_of(file, modality)
        ready = prepare(volume, options, loaded=model, noise=noise, progress=progress)
        if not options.sigma:
            self.keep_noise(file, modality, ready.noise)
        self._ready = (key, ready)
        return ready

    def rate(self, *key: object) -> float | None:
        """Seconds a voxel, measured before for this model, device and number of threads."""
        return self._rates.get(key)

    def keep_rate(self, rate: float, *key: object) -> None:
        self._rates[key] = rate

    def forget(self, files: list[str]) -> None:
        """Let go of everything that belongs to these scans, so that their files can be removed."""
        self._noises = {key: noise for key, noise in self._noises.items() if key[0] not in files}
        if self._ready is not None and self._ready[0][0] in files:
            self._ready = None


def stamp(folder: Path) -> tuple[int, ...]:
    """When each file of a model was last written."""
    return tuple(file.stat().st_mtime_ns for file in sorted(folder.iterdir()))
