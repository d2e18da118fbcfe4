"""Finding, loading, saving and verifying models: folders of `card.yaml` and `weights.safetensors`, by name or path."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, OutputError, UsageError
from ..volume.atomic import make_folder
from ..volume.formats import is_folder
from ..volume.together import all_or_nothing
from .card import Card, NetworkSpec, read_card, write_card
from .weights_file import WEIGHTS, load_weights, save_weights

if TYPE_CHECKING:
    import torch

    from ..diffusion import Process
    from ..networks import Denoiser
    from .cascade import Condition

CARD = "card.yaml"


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: its card, its network in evaluation mode, and its diffusion process."""

    card: Card
    denoiser: Denoiser
    process: Process
    folder: Path

    def sample(
        self,
        condition: Condition | None = None,
        count: int = 16,
        steps: int = 50,
        sampler: str = "ddim",
        seed: int = 0,
        **more: Any,
    ) -> torch.Tensor:
        """Images (count, 1, *S) in the model's own units, with the upscalers that follow it (`cascade.sample`).

        condition   what is asked for, e.g. {"z_fraction": 0.5}; more: what else there is in `cascade.Drawing`
        """
        from .cascade import Drawing, sample

        return sample(self, condition, count, Drawing(steps=steps, sampler=sampler, seed=seed, **more))


def bundled_folder() -> Path:
    """Where the models that come with the package are."""
    return Path(__file__).parent / "weights"


def user_folder() -> Path:
    """Where added models are: $DIFFUSIONCORE_MODELS, or `DiffusionCore/models` in the user's data folder."""
    if named := os.environ.get("DIFFUSIONCORE_MODELS"):
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".local" / "share") / "DiffusionCore" / "models"


def installed_folders() -> list[Path]:
    """The folder of every installed model, whether it is in order or not, bundled ones first, by name."""
    roots = (bundled_folder(), user_folder())
    return [card.parent for root in roots for card in sorted(root.glob(f"[!.]*/{CARD}"))]


def list_models() -> list[tuple[Card, Path]]:
    """Every installed model with a readable card, bundled ones first, by name."""
    found = []
    for folder in installed_folders():
        with contextlib.suppress(ModelError):
            found.append((read_card(folder / CARD), folder))
    return found


def is_model(folder: Path) -> bool:
    """Whether a model lies there; False too where the name is too long or may not be looked at."""
    with contextlib.suppress(OSError):
        return (folder / CARD).is_file()
    return False


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a model given by name or path. Raises `ModelError` naming the installed ones if there is none."""
    path = Path(name_or_path)
    if path.suffix in (".pt", ".pth", ".ckpt", ".pkl", ".bin"):
        raise ModelError(
            f"{path.name} is a pickle, which can run code when opened; give a folder with {CARD} and {WEIGHTS}"
        )
    if path.name == CARD or path.name == WEIGHTS:
        path = path.parent
    if is_model(path):
        return path
    if is_folder(path):
        raise ModelError(f"{path.absolute().name} is not a model: a model is a folder with {CARD} and {WEIGHTS}")
    if path.name == str(name_or_path):
        for root in (bundled_folder(), user_folder()):
            if is_model(root / path.name):
                return root / path.name
    names = ", ".join(card.name for card, _ in list_models()) or "none"
    raise ModelError(f"no model {str(name_or_path)!r}; installed: {names}")


def best_model(task: str, modality: str, dims: int = 3) -> Path:
    """The model for a task and modality: one of `dims` dimensions if there is, a bundled one before an added one.

    Raises `ModelError` if there is none.
    """
    fitting = [(card, folder) for card, folder in list_models() if (card.task, card.modality) == (task, modality)]
    fitting.sort(key=lambda found: found[0].network.unet.get("spatial_dims", 3) != dims)
    if fitting:
        return fitting[0][1]
    raise ModelError(f"no installed model can {task.replace('_', '-')} {modality} scans; name one with --model")


def load_model(name_or_path: str | Path, device: str = "cpu") -> Model:
    """Load a model by name or folder onto `device`, in float32.

    Raises `ModelError` if it is not there, its checksum is wrong, or its weights don't fit its network.
    """
    import torch

    from ..diffusion import make_process
    from ..networks import DenoiserConfig, UNetConfig, build_denoiser

    folder = find_model(name_or_path)
    card = read_card(folder / CARD)
    if card.task == "classify":
        raise ModelError(f"the model {card.name!r} classifies scans, and makes none; `classify` is its command")
    state = load_weights(folder / WEIGHTS, card.sha256, card.name)
    spec = card.network
    try:
        config = DenoiserConfig(
            network=UNetConfig(**spec.unet),
            **{
                name: getattr(spec, name) for name in NetworkSpec.model_fields if name in DenoiserConfig.__annotations__
            },
        )
        process = make_process(card.diffusion.process, card.diffusion.steps, **card.diffusion.options)
        denoiser = build_denoiser(config, process.signal, process.noise)
    except (TypeError, ValueError, RuntimeError, AttributeError, UsageError) as error:
        raise ModelError(f"the card of {card.name!r} describes no network that can be built: {error}") from None
    try:
        denoiser.network.load_state_dict(state)
    except RuntimeError:
        raise ModelError(f"the weights of {card.name!r} don't fit the network on its card") from None
    memory_format = torch.channels_last_3d if denoiser.spatial_dims == 3 else torch.channels_last
    denoiser.network.to(memory_format=memory_format)
    return Model(card, denoiser.eval().requires_grad_(False).to(device), process, folder)


def golden_output(denoiser: Denoiser) -> str:
    """A short checksum of what the network answers to a fixed input: tells whether it still computes the same.

    Rounded to 1e-3, so that another CPU's rounding doesn't show.
    """
    import torch

    size = max(2 * denoiser.downsampling, 16)
    generator = torch.Generator().manual_seed(0)
    shape = (1, 1, *[size] * denoiser.spatial_dims)
    y = torch.rand(shape, generator=generator)
    x_t = torch.randn(shape, generator=generator)
    sigma = torch.full((1, *[1] * (denoiser.spatial_dims + 1)), 0.05)
    given = y if denoiser.config.in_channels > 1 else None
    with torch.no_grad():
        answer = denoiser(x_t, torch.tensor([denoiser.num_train_timesteps // 2]), given, sigma)
    moments = [answer.mean(), answer.std(), *answer.flatten()[:: max(answer.numel() // 14, 1)]]
    return " ".join(f"{float(value):.3f}" for value in moments)


def save_model(folder: Path, card: Card, denoiser: Denoiser) -> Card:
    """Write a model folder: weights in half precision, and the card with checksum, counts and golden output filled in.

    Raises `OutputError` if the folder cannot be written.
    """
    counts = {
        "parameters": sum(p.numel() for p in denoiser.network.parameters()),
        "macs_per_voxel": round(denoiser.macs_per_voxel, 1),
    }
    with new_model(folder, overwrite=True) as new:
        checksum = save_weights(denoiser.network.state_dict(), new / WEIGHTS)
        card = card.model_copy(update={"sha256": checksum, "network": card.network.model_copy(update=counts)})
        write_card(card, new / CARD)
        # What whoever loads it will get: half precision on disk, and none of training's autocast.
        card = card.model_copy(update={"golden": golden_output(load_model(new).denoiser)})
        write_card(card, new / CARD)
    return card


@contextlib.contextmanager
def new_model(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write card and weights into, which become those of `folder` together when the block ends.

    Raises `OutputError` if `folder` cannot be written, or holds a model and `overwrite` is False; a model that was there
    is then there still.
    """
    weights, card = make_folder(folder) / WEIGHTS, folder / CARD
    with all_or_nothing([weights, card], overwrite=overwrite) as staged:
        try:
            yield staged[card].parent
        except OSError as error:
            raise OutputError(f"cannot write the model to {folder}: {error.strerror or error}") from None
