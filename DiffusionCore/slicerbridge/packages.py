"""The Python packages that Slicer does not bring: which are missing, and how they are installed after one question."""

from __future__ import annotations

import importlib
import subprocess
from importlib import metadata
from typing import Any

from ..errors import DiffusionCoreError

# Slicer brings numpy, scipy, SimpleITK, pydicom and pillow. Lower bounds only: other extensions live in the same Python.
LIGHT = ("nibabel>=5.2", "isal>=1.5", "pydantic>=2.5", "safetensors>=0.4", "PyYAML>=6", "matplotlib>=3.8")
TORCH = "torch>=2.4"
# pip must never replace what Slicer was built with, nor choose the build of torch.
NEVER = ("SimpleITK", "numpy", "scipy", "torch", "pydicom")
ASKER = "DiffusionCore"


class NotInstalled(DiffusionCoreError):
    """Packages are missing: the person declined, or they could not be installed."""


def missing_packages() -> list[str]:
    """Requirements that are not met, e.g. 'torch>=2.4'; read from what is installed, nothing is imported."""
    return [one for one in (*LIGHT, TORCH) if not satisfied(one)]


def satisfied(requirement: str) -> bool:
    """Whether a package is installed in a version that fits."""
    try:
        from slicer.packaging import pip_check
    except ImportError:  # before Slicer 5.12
        return found(requirement)
    return bool(pip_check(requirement))


def found(requirement: str) -> bool:
    """The same without Slicer's help."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def ensure_packages() -> list[str]:
    """Install what is missing, after one question that lists it; gives what was installed.

    torch comes from the PyTorch extension, which chooses the build for this computer. To be called on the main thread,
    when a person asked for something that needs the packages. Raises `NotInstalled` with what to do.
    """
    missing = missing_packages()
    if not missing:
        return []
    torch = torch_installer() if TORCH in missing else None
    import slicer

    names = "\n".join(f"• {one}" for one in missing)
    size = " PyTorch is large: some hundred megabytes, with a GPU some gigabytes." if torch is not None else ""
    question = f"{ASKER} needs these Python packages and will download them now:\n\n{names}\n\n"
    if not slicer.util.confirmOkCancelDisplay(f"{question}They are installed into Slicer only.{size}"):
        raise NotInstalled("nothing was installed; press Apply to be asked again")
    if light := [one for one in missing if one != TORCH]:
        install_light(light)
    if torch is not None:
        install_torch(torch)
    importlib.invalidate_caches()
    if left := missing_packages():
        raise NotInstalled(f"{', '.join(left)} could not be installed; restart Slicer and press Apply again")
    return missing


def install_light(requirements: list[str]) -> None:
    """Everything but torch, by pip in Slicer's Python. Raises `NotInstalled`."""
    try:
        try:
            from slicer.packaging import pip_ensure
        except ImportError:  # before Slicer 5.12
            from slicer.util import pip_install

            pip_install(requirements)
            return
        pip_ensure(requirements, skip_packages=list(NEVER), requester=ASKER, prompt_install=False)
    except subprocess.CalledProcessError as error:
        raise NotInstalled(
            f"pip could not install {', '.join(requirements)} (exit code {error.returncode}); the Python console says why, "
            "often a missing network or a proxy"
        ) from error
    except RuntimeError as error:
        raise NotInstalled(f"{', '.join(requirements)} could not be installed: {error}") from error


def torch_installer() -> Any:
    """The logic of the PyTorch extension. Raises `NotInstalled` where it is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        raise NotInstalled(
            "the extension PyTorch is missing; install it in the Extensions Manager, restart Slicer and press Apply again"
        ) from None
    return PyTorchUtils.PyTorchUtilsLogic()


def install_torch(installer: Any) -> None:
    """torch in the build that the extension chooses. Raises `NotInstalled`."""
    try:
        made = installer.installTorch(askConfirmation=False, torchVersionRequirement=TORCH.removeprefix("torch"))
    except Exception as error:  # pip, the network, a full disk: the extension lets everything through
        raise NotInstalled(
            f"PyTorch could not be installed ({type(error).__name__}); the Python console says why"
        ) from error
    if made is None:
        raise NotInstalled("PyTorch was not installed; press Apply to try again")
