"""Stand-in of Slicer's SampleData module: registering, and loading what a custom downloader makes; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer_host.facts import NotInHost

__all__ = ["SampleDataLogic", "SampleDataSource", "downloadSample"]


class SampleDataSource:
    """One sample."""

    def __init__(
        self, sampleName: str | None = None, sampleDescription: str | None = None, uris: Any = None, fileNames: Any = None,
        nodeNames: Any = None, checksums: Any = None, loadFiles: Any = None, customDownloader: Any = None,
        thumbnailFileName: str | None = None, loadFileTypes: Any = None, loadFileProperties: Any = None, loadFileType: Any = None,
    ) -> None:  # fmt: skip
        self.sampleName, self.sampleDescription = sampleName, sampleDescription
        self.uris, self.fileNames, self.nodeNames, self.checksums = uris, fileNames, nodeNames, checksums
        self.loadFiles, self.customDownloader, self.thumbnailFileName = loadFiles, customDownloader, thumbnailFileName
        self.loadFileTypes, self.loadFileProperties = loadFileTypes, loadFileProperties


class SampleDataLogic:
    """Registers samples in `slicer.modules.sampleDataSources` and loads them."""

    def __init__(self, logMessage: Any = None) -> None:
        self.logMessage = logMessage

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        """A category and the title that it is shown by."""
        _sources().setdefault(category, [])

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom", sampleName: str | None = None, uris: Any = None, fileNames: Any = None, nodeNames: Any = None,
        customDownloader: Any = None, thumbnailFileName: str | None = None, loadFileTypes: Any = None, loadFiles: Any = None,
        loadFileProperties: Any = None, checksums: Any = None, loadFileType: Any = None,
    ) -> None:  # fmt: skip
        """A sample; a second one of the same name in the category is ignored."""
        if thumbnailFileName is not None and not Path(thumbnailFileName).is_file():
            raise FileNotFoundError(thumbnailFileName)
        source = SampleDataSource(
            sampleName, sampleName, uris, fileNames, nodeNames, checksums, loadFiles, customDownloader, thumbnailFileName,
            loadFileTypes, loadFileProperties,
        )  # fmt: skip
        if not SampleDataLogic.isSampleDataSourceRegistered(category, source):
            _sources().setdefault(category, []).append(source)

    @staticmethod
    def isSampleDataSourceRegistered(category: str, sampleDataSource: SampleDataSource) -> bool:
        """Whether the category has a sample of that name."""
        return any(one.sampleName == sampleDataSource.sampleName for one in _sources().get(category, []))

    def sourceForSampleName(self, sampleName: str) -> SampleDataSource | None:
        """The sample of that name, or None."""
        return next((one for group in _sources().values() for one in group if one.sampleName == sampleName), None)

    def downloadSamples(self, sampleName: str) -> Any:
        """The nodes of the sample."""
        source = self.sourceForSampleName(sampleName)
        if source is None:
            raise NotInHost(f"no sample {sampleName!r}: the host has none of Slicer's own")
        if source.customDownloader is None:
            raise NotInHost(f"sample {sampleName!r} is to be downloaded, which the host never does")
        return source.customDownloader(source)

    def downloadSample(self, sampleName: str) -> Any:
        """The first node of the sample."""
        nodes = self.downloadSamples(sampleName)
        return nodes[0] if isinstance(nodes, (list, tuple)) else nodes


def downloadSample(sampleName: str) -> Any:
    """The first node of the sample."""
    return SampleDataLogic().downloadSample(sampleName)


def _sources() -> dict[str, list[SampleDataSource]]:
    if not hasattr(slicer.modules, "sampleDataSources"):
        slicer.modules.sampleDataSources = {}
    return slicer.modules.sampleDataSources
