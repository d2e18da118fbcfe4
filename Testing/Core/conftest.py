"""What the tests of models, tasks, report and commands share: untrained models and small scans."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from DiffusionCore.volume import Volume, write_volume

PLACE = np.array([[-1.0, 0, 0, 14], [0, 1.2, 0, -17], [0, 0, 1.5, 5], [0, 0, 0, 1]])


def untrained(folder: Path, modality: str = "MR", dims: int = 3, **card: object) -> Path:
    """A model folder with a network of channels (4, 8) and random weights, which loads and runs in milliseconds."""
    import torch

    from DiffusionCore.diffusion import make_process
    from DiffusionCore.models import Card, DiffusionSpec, NetworkSpec, Range, ValidRanges, save_model
    from DiffusionCore.networks import DenoiserConfig, UNetConfig, build_denoiser

    unet = UNetConfig(spatial_dims=dims, in_channels=5, channels=(4, 8))
    process = make_process("cosine_zero_snr", 40)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        denoiser = build_denoiser(DenoiserConfig(network=unet), process.signal, process.noise)
    wide = Range(low=1e-4, high=10.0)
    facts = {
        "name": folder.name,
        "task": "enhance",
        "modality": modality,
        "summary": "Untrained, for tests.",
        "network": NetworkSpec(unet=dataclasses.asdict(unet)),
        "diffusion": DiffusionSpec(process="cosine_zero_snr", steps=40),
        "normalisation": "hu" if modality == "CT" else "p99.5",
        "valid": ValidRanges(sigma_normalised=wide, spacing_mm=wide, slice_spacing_mm=wide),
    }
    save_model(folder, Card(**{**facts, **card}), denoiser)
    return folder


def untrained_classifier(folder: Path, kind: str = "volume", **card: object) -> Path:
    """The folder of a classifier with random weights: of label maps at 28³, or of MR at 16³ voxels of 2 mm."""
    import torch

    from DiffusionCore.classification import LabelDiffusion, preset
    from DiffusionCore.models import Card, ClassifySpec, DiffusionSpec, NetworkSpec, Range, ValidRanges, save_classifier

    labelmap = kind == "labelmap"
    edge = 28 if labelmap else 16
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = {"grid": (edge,) * 3, "region": (4, 4, 4), "features": 16, "steps": 20}
        widths = {"encoder": (8, 8), "local": (8, 8), "unet": (8, 16)}
        network = LabelDiffusion(preset("small", **sizes, **widths)).eval()
    wide = Range(low=0.1, high=10.0)
    facts = {
        "name": folder.name,
        "task": "classify",
        "modality": "CT" if labelmap else "MR",
        "input": kind,
        "summary": "Untrained, for tests.",
        "network": NetworkSpec(unet={}),
        "diffusion": DiffusionSpec(),
        "normalisation": "unit" if labelmap else "p99.5",
        "valid": ValidRanges(sigma_normalised=wide, spacing_mm=wide, slice_spacing_mm=wide),
        "classify": ClassifySpec(
            classes=["normal", "mass"] if labelmap else ["other tissue", "tumour"],
            size=(edge,) * 3,
            spacing_mm=63 / 27 if labelmap else 2.0,
            steps=4,
            samples=4,
        ),
    }
    save_classifier(folder, Card(**{**facts, **card}), network)
    return folder


@pytest.fixture(scope="session")
def make_classifier() -> Callable[..., Path]:
    """untrained_classifier(folder, kind, **fields of the card) -> the folder of a new classifier."""
    return untrained_classifier


@pytest.fixture(scope="session")
def tiny_classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of classifiers by what they take: "labelmap", "volume"."""
    root = tmp_path_factory.mktemp("classifiers")
    return {kind: untrained_classifier(root / f"tiny-{kind}", kind) for kind in ("labelmap", "volume")}


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """untrained(folder, modality, dims, **fields of the card) -> the folder of a new model."""
    return untrained


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed models: tiny-mr, tiny-ct, and tiny-flat for slices."""
    root = tmp_path_factory.mktemp("models")
    untrained(root / "tiny-mr", "MR")
    untrained(root / "tiny-ct", "CT")
    untrained(root / "tiny-flat", "MR", dims=2)
    return root


@pytest.fixture
def installed(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny models are all that is installed."""
    empty = tmp_path_factory.mktemp("bundled")
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: empty)
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tiny_models))
    return tiny_models


def untrained_synthesis(folder: Path, upscale: int = 1, size: tuple[int, ...] = (8, 8), **synthesis: object) -> Path:
    """A synthesis model with random weights: of z_fraction from noise, or an upscaler."""
    import torch

    from DiffusionCore.diffusion import make_process
    from DiffusionCore.models import Card, DiffusionSpec, NetworkSpec, Range, SynthesisSpec, ValidRanges, save_model
    from DiffusionCore.networks import DenoiserConfig, UNetConfig, build_denoiser

    scalars = 2  # the timestep, and a label or the noise of what is enlarged
    unet = UNetConfig(
        spatial_dims=len(size), in_channels=min(upscale, 2), channels=(4, 8), embedding=8, scalars=scalars, swin=True
    )
    state = "image" if upscale == 1 else "upscale"
    process = make_process("cosine_zero_snr", 40)
    with torch.random.fork_rng():
        torch.manual_seed(upscale)
        denoiser = build_denoiser(DenoiserConfig(network=unet, state=state), process.signal, process.noise)
        torch.nn.init.normal_(denoiser.network.tail.weight, std=0.2)
        torch.nn.init.normal_(denoiser.network.middle.blocks[0].film.weight, std=0.2)
        torch.nn.init.normal_(denoiser.network.middle.blocks[0].conv2.weight, std=0.2)
    facts = {"size": size, "spacing_mm": (2.0, 1.5, 1.0), "steps": 4, "upscale": upscale, "augmentation": 0.05}
    if upscale == 1:
        facts["labels"] = [{"name": "z_fraction", "low": 0.2, "high": 0.8}]
    wide = Range(low=1e-4, high=10.0)
    card = Card(
        name=folder.name,
        task="synthesize",
        modality="MR",
        input="none" if upscale == 1 else "volume",
        summary="Untrained, for tests.",
        network=NetworkSpec(unet=dataclasses.asdict(unet), state=state),
        diffusion=DiffusionSpec(process="cosine_zero_snr", steps=40),
        normalisation="p99.5",
        valid=ValidRanges(sigma_normalised=wide, spacing_mm=wide, slice_spacing_mm=wide),
        synthesis=SynthesisSpec(**{**facts, **synthesis}),
    )
    save_model(folder, card, denoiser)
    return folder


@pytest.fixture(scope="session")
def make_synthesis() -> Callable[..., Path]:
    """untrained_synthesis(folder, upscale, size, **what its card's `synthesis` says) -> the folder of a new model."""
    return untrained_synthesis


@pytest.fixture(scope="session")
def tiny_cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model of a cascade 8 × 8 to 16 × 16 to 32 × 32, its upscalers beside it."""
    root = tmp_path_factory.mktemp("cascade")
    untrained_synthesis(root / "twice", 2, (16, 16))
    untrained_synthesis(root / "fourfold", 2, (32, 32))
    return untrained_synthesis(root / "base", then=["twice", "fourfold"])


@pytest.fixture(scope="session")
def mr() -> Volume:
    """A noisy MR phantom (24, 26, 28): two tissues, dark background, Rician noise of sigma 40."""
    rng = np.random.default_rng(0)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 26, 28)), indexing="ij")
    clean = 600.0 * (k**2 + j**2 + i**2 < 0.8) + 400.0 * (k**2 + j**2 + i**2 < 0.2)
    noisy = np.hypot(clean + rng.normal(0, 40, clean.shape), rng.normal(0, 40, clean.shape))
    return Volume(np.rint(noisy).astype(np.int16), PLACE, "MR", {"modality_reason": "made as MR"})


@pytest.fixture(scope="session")
def ct() -> Volume:
    """A noisy CT phantom (24, 26, 28) in HU: a body in air, noise of sigma 20."""
    rng = np.random.default_rng(1)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 26, 28)), indexing="ij")
    clean = np.where(j**2 + i**2 < 0.7, 40.0, -1000.0) + 150.0 * (k**2 + j**2 + i**2 < 0.1)
    noisy = np.maximum(clean + rng.normal(0, 20, clean.shape), -1024)
    return Volume(np.rint(noisy).astype(np.int16), PLACE, "CT", {"modality_reason": "made as CT"})


@pytest.fixture
def mr_file(mr: Volume, tmp_path: Path) -> Path:
    """The MR phantom as a file."""
    return write_volume(mr, tmp_path / "head.nii.gz")


@pytest.fixture
def ct_file(ct: Volume, tmp_path: Path) -> Path:
    """The CT phantom as a file."""
    return write_volume(ct, tmp_path / "body.nii.gz")


@pytest.fixture(scope="session")
def dicom() -> ModuleType:
    """The builder of small DICOM series that the tests of volumes use."""
    path = Path(__file__).with_name("volume") / "dicom_builder.py"
    spec = importlib.util.spec_from_file_location("dicom_builder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
