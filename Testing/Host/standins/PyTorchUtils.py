"""Stand-in of the PyTorch extension's module. `slicer_host.pip.record()` says whether torch is there; nothing is downloaded.

It is importable only while the extension is installed, which `Session.extensions` says.
"""

from __future__ import annotations

from types import ModuleType

import slicer
from packaging.requirements import Requirement
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic
from slicer_host.pip import record

if not slicer.app.extensionsManagerModel().isExtensionInstalled("PyTorch"):
    raise ModuleNotFoundError("No module named 'PyTorchUtils'", name="PyTorchUtils")


class PyTorchUtilsLogic(ScriptedLoadableModuleLogic):
    """Installs torch in the build that fits the machine."""

    @staticmethod
    def torchInstalled() -> bool:
        """Whether torch is installed. The real one imports it to see, which takes seconds."""
        return record().satisfied(Requirement("torch"))

    def installTorch(
        self,
        askConfirmation: bool = False,
        forceComputationBackend: str | None = None,
        torchVersionRequirement: str | None = None,
    ) -> ModuleType | None:
        """Install; the module, or None when the person declines."""
        question = "PyTorch will be downloaded and installed using light-the-torch."
        ask = askConfirmation and not slicer.app.testingEnabled()
        if ask and not slicer.util.confirmOkCancelDisplay(question):
            return None
        if record().install([Requirement(f"torch{torchVersionRequirement or ''}")], []):
            raise RuntimeError("light-the-torch failed")
        import torch

        return torch

    @property
    def torch(self) -> ModuleType:
        """The module, installed if need be."""
        if not self.torchInstalled():
            return self.installTorch()
        import torch

        return torch
