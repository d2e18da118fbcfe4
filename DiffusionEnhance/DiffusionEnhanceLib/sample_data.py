"""Sample data that comes with the extension: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CATEGORY = "DiffusionEnhance"
SAMPLES = ("MRHeadNoisy", "MRHeadReference")  # a head with noise, and the same without


def resources() -> Path:
    """The module's folder of resources."""
    return Path(__file__).resolve().parents[1] / "Resources"


def load_sample(source: Any) -> list[Any]:
    """Load the sample that SampleData asks for, by its name; gives the volume nodes."""
    from slicer import util

    file = resources() / "SampleData" / f"{source.sampleName}.nrrd"
    return [util.loadVolume(str(file), {"name": source.sampleName})]


def register_sample_data() -> None:
    """Show the samples in the Sample Data module, in a category of their own."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataCategory(CATEGORY, "Diffusion enhancement")
    for name in SAMPLES:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            uris=(resources() / "SampleData" / f"{name}.nrrd").as_uri(),
            fileNames=f"{name}.nrrd",
            nodeNames=name,
            thumbnailFileName=str(resources() / "Icons" / f"{name}.png"),
            customDownloader=load_sample,
        )
