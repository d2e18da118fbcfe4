"""`slicer.app`: the application object, as far as scripted modules use it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from .strict import stand_in, stored

VERSION = (5, 12, 4)


@stand_in
class qSlicerApplication(QtWidgets.QApplication):
    """One in a process. `start` makes it and gives it its parts."""

    startupCompleted = QtCore.Signal()
    mrmlSceneChanged = QtCore.Signal(object)
    renderPaused = QtCore.Signal(bool)

    def __init__(self, home: Path) -> None:
        super().__init__(["Slicer"])
        self.setApplicationName("Slicer")
        self.setOrganizationDomain("www.slicer.org")
        self.setOrganizationName("slicer.org")
        self.setApplicationVersion(".".join(map(str, VERSION)))
        self.__parts: dict[str, Any] = {}
        self.__paused = 0
        self.__testing = True
        self.setProperty("temporaryPath", str(home / "temporary"))
        self.setProperty("cachePath", str(home / "cache"))
        self.__home = home
        for folder in ("temporary", "cache", "share/ColorFiles"):
            (home / folder).mkdir(parents=True)

    def _take(self, **parts: Any) -> None:
        self.__parts.update(parts)

    def _set_testing(self, testing: bool) -> None:
        self.__testing = testing

    temporaryPath = stored(str, "")
    cachePath = stored(str, "")
    extensionsInstallPath = stored(str, "")
    slicerHome = QtCore.Property(str, lambda self: str(self._qSlicerApplication__home))
    startupWorkingPath = QtCore.Property(str, lambda self: str(Path.cwd()))
    majorVersion = QtCore.Property(int, lambda self: VERSION[0])
    minorVersion = QtCore.Property(int, lambda self: VERSION[1])
    mainApplicationName = QtCore.Property(str, lambda self: "Slicer")
    mainApplicationDisplayName = QtCore.Property(str, lambda self: "3D Slicer")
    mainApplicationMajorVersion = QtCore.Property(int, lambda self: VERSION[0])
    mainApplicationMinorVersion = QtCore.Property(int, lambda self: VERSION[1])
    mainApplicationPatchVersion = QtCore.Property(int, lambda self: VERSION[2])
    isCustomMainApplication = QtCore.Property(bool, lambda self: False)
    isInstalled = QtCore.Property(bool, lambda self: True)
    revision = QtCore.Property(str, lambda self: "0")
    os = QtCore.Property(str, lambda self: {"linux": "linux", "darwin": "macosx", "win32": "win"}[sys.platform])
    arch = QtCore.Property(str, lambda self: "amd64")
    platform = QtCore.Property(str, lambda self: f"{self.property('os')}-amd64")
    documentationBaseUrl = QtCore.Property(str, lambda self: "https://slicer.readthedocs.io/en/5.12/")
    launcherExecutableFilePath = QtCore.Property(str, lambda self: str(self._qSlicerApplication__home / "Slicer"))

    def testingEnabled(self) -> bool:
        return self.__testing

    def mrmlScene(self) -> Any:
        return self.__parts["scene"]

    def applicationLogic(self) -> Any:
        return self.__parts["application_logic"]

    def moduleLogic(self, name: str) -> Any:
        return self.applicationLogic().GetModuleLogic(name)

    def layoutManager(self) -> Any:
        return self.__parts["layout_manager"]

    def moduleManager(self) -> Any:
        return self.__parts["module_manager"]

    def coreIOManager(self) -> Any:
        return self.__parts["io_manager"]

    def ioManager(self) -> Any:
        return self.__parts["io_manager"]

    def extensionsManagerModel(self) -> Any:
        return self.__parts["extensions"]

    def settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def userSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def revisionUserSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        """The environment before the launcher changed it; the host has no launcher around itself."""
        environment = QtCore.QProcessEnvironment()
        for name, value in os.environ.items():
            environment.insert(name, value)
        return environment

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"https://slicer.readthedocs.io/en/5.12/user_guide/modules/{name.lower()}.html"

    def pauseRender(self) -> None:
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool) -> None:
        self.__paused += 1 if paused else -1
        if self.__paused in (0, 1):
            self.renderPaused.emit(bool(self.__paused))

    def restart(self) -> None:
        self.__parts["restarts"].append(True)

    def openUrl(self, url: str) -> bool:
        self.__parts["opened"].append(url)
        return True

    def openNodeModule(self, node: Any, role: str = "", context: str = "") -> None:
        self.__parts["opened"].append(node.GetID())


@stand_in
class qSlicerExtensionsManagerModel(QtCore.QObject):
    """The extensions that are installed: those that a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.__installed: set[str] = set()

    def _set_installed(self, names: set[str]) -> None:
        self.__installed = set(names)

    def isExtensionInstalled(self, name: str) -> bool:
        return name in self.__installed

    installedExtensions = QtCore.Property(
        "QStringList", lambda self: sorted(self._qSlicerExtensionsManagerModel__installed)
    )
