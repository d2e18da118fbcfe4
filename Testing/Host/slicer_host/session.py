"""What a test holds: the application, clean, and what a person sees and does with it."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from PySide6 import QtCore, QtWidgets

from . import hand, pictures
from .dialogs import Dialogs
from .pip import Pip, record
from .start import Application
from .view_widgets import sized

PACKAGES = Path(__file__).parents[3]


class Session:
    """One test's time with the application. `errors` are exceptions that a slot, timer or observer let escape."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.app, self.scene = application.app, application.scene
        self.layout_manager, self.main_window = application.layout_manager, application.main_window
        self.dialogs = Dialogs()
        self.pip: Pip = record()
        self.errors: list[str] = []
        self._loaded: list[str] = []

    def begin(self) -> None:
        """A new scene, testing mode, nothing installed that is not there, no window moved."""
        self.dialogs.install()
        sys.excepthook = self._escaped
        self.app._set_testing(True)
        self.extensions({"PyTorch"})
        self.pip.reset()
        self.dicom_images({})
        QtCore.QSettings().clear()
        self.clear_scene()
        self.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)

    def end(self) -> None:
        """Unload what was loaded, clear the scene; AssertionError if an exception had escaped or an answer was not asked for."""
        self.main_window.moduleSelector()._forget()
        for name in reversed(self._loaded):
            self.application.module_manager._unload(name)
        self._loaded.clear()
        hand.turn()
        self.clear_scene()
        sys.excepthook = sys.__excepthook__
        self.application.restarts.clear()
        self.application.opened.clear()
        if hasattr(slicer.modules, "sampleDataSources"):
            del slicer.modules.sampleDataSources
        left, errors = self.dialogs.left(), list(self.errors)
        self.dialogs.clear()
        self.errors.clear()
        if errors:
            raise AssertionError("an exception escaped:\n" + "\n".join(errors))
        if left:
            raise AssertionError(f"{left} expected dialogs never opened")

    def _escaped(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self.errors.append("".join(traceback.format_exception(kind, error, trace)))
        logging.error("escaped: %s", error)

    @property
    def restarts(self) -> int:
        """How often the application was told to restart."""
        return len(self.application.restarts)

    def as_a_person(self) -> None:
        """Leave testing mode: dialogs open, and must be answered through `dialogs`."""
        self.app._set_testing(False)

    def extensions(self, names: set[str]) -> None:
        """These extensions are installed."""
        self.application.extensions._set_installed(names)
        sys.modules.pop("PyTorchUtils", None)

    def dicom_images(self, images: Mapping[str, Mapping[str, str]]) -> None:
        """These images are in Slicer's DICOM database: SOP instance UID -> tag ("0008,0060", or "file") -> value."""
        slicer.dicomDatabase._set(images)

    def load_module(self, name: str, path: Path | None = None) -> Any:
        """Load a scripted module of the repository, or of `path`, as the application does when it starts."""
        module = self.application.module_manager._load(path or PACKAGES / name / f"{name}.py")
        self._loaded.append(name)
        return module

    def started(self) -> None:
        """The application tells that it has started, after all modules were loaded."""
        self.app.startupCompleted.emit()
        hand.turn()

    def open_module(self, name: str) -> Any:
        """Select the module; its Python widget."""
        self.main_window.moduleSelector().selectModule(name)
        hand.turn()
        return getattr(slicer.modules, f"{name}Widget")

    def reload_module(self, name: str) -> Any:
        """Press Reload; the new Python widget."""
        slicer.util.reloadScriptedModule(name)
        hand.turn()
        return getattr(slicer.modules, f"{name}Widget")

    def clear_scene(self) -> None:
        """File → Close scene."""
        self.scene.Clear(0)
        hand.turn()

    def save_scene(self, path: Path) -> Path:
        """File → Save, as .mrb, .mrml or into a folder."""
        if not slicer.util.saveScene(str(path), {}):
            raise AssertionError(f"{path.name} was not saved")
        return path

    def load_scene(self, path: Path) -> None:
        """File → Load, in place of the present scene."""
        slicer.util.loadScene(str(path), {})
        hand.turn()

    def shown_views(self) -> list[str]:
        """Names of the slice views in the current layout."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        return [node.GetLayoutName() for node in nodes if node.IsMappedInLayout()]

    def views_picture(self, width: int = 800, height: int = 600) -> np.ndarray:
        """(height, width, 3) uint8 of the views as the layout places them."""
        viewport = self.layout_manager.viewport()
        if viewport.parentWidget() is self.main_window:
            self.main_window.takeCentralWidget()
        sized(viewport, QtCore.QSize(width, height))
        return pictures.picture_of(viewport)

    def slice_picture(self, name: str, width: int = 400, height: int = 400) -> np.ndarray:
        """(height, width, 3) uint8 of one slice view."""
        drawn = self.layout_manager.sliceWidget(name).sliceView()._drawn()
        drawn.resize(width, height)
        return drawn.picture()

    def window_picture(self, width: int = 1280, height: int = 800) -> np.ndarray:
        """(height, width, 3) uint8 of the whole window: panel and views."""
        self.main_window.setCentralWidget(self.layout_manager.viewport())
        self.main_window.resize(width, height)
        self.main_window.layout().activate()
        return pictures.picture_of(self.main_window)

    def panel_picture(self, name: str, width: int = 440) -> np.ndarray:
        """(height, width, 3) uint8 of a module's panel at its full height.

        The panel is taken out of the window meanwhile: there its width is what the window and its scroll bar leave, whose
        size depends on what was shown before.
        """
        panel: QtWidgets.QWidget = getattr(slicer.modules, name.lower()).widgetRepresentation()
        around = self.main_window.findChild(QtWidgets.QScrollArea)
        around.takeWidget()
        height = max(panel.layout().heightForWidth(width), panel.property("sizeHint").height())
        sized(panel, QtCore.QSize(width, height))
        picture = pictures.picture_of(panel)
        around.setWidget(panel)
        return picture
