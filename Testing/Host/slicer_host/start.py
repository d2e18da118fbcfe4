"""Makes the application: environment, scene, MRML's logics, and the names that `slicer` has inside Slicer."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import sys
import tempfile
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Colors first: without it no volume gets a colour node (the slice pipeline then fails). Sequences before any sequence node.
LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Models": "vtkSlicerModelsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}


@dataclass(frozen=True)
class Application:
    """What `start` made."""

    app: Any
    scene: Any
    application_logic: Any
    layout_manager: Any
    module_manager: Any
    main_window: Any
    extensions: Any
    kept: tuple[Any, ...]
    restarts: list[bool]
    opened: list[str]


def environment(home: Path) -> None:
    """Settings that libraries read when they are loaded: no screen, software rendering, nobody's own configuration."""
    os.environ.update(
        QT_QPA_PLATFORM="offscreen",
        VTK_DEFAULT_OPENGL_WINDOW="vtkEGLRenderWindow",
        LIBGL_ALWAYS_SOFTWARE="1",
        MPLBACKEND="Agg",
        XDG_CONFIG_HOME=str(home / "config"),
        XDG_RUNTIME_DIR=str(home),
    )


def clean_slicer() -> None:
    """Leave in `slicer` what is there inside Slicer: the wheel spills every name of slicer.util into it."""
    import slicer

    for name in list(vars(slicer)):
        spilled = name in vars(slicer.util) or name in ("me", "info", "item_name", "module", "slicer_core")
        if spilled and not name.startswith(("__", "vtk")):
            delattr(slicer, name)
    if hasattr(slicer.util, "LazyImport"):  # in Slicer's main, not yet in 5.12
        del slicer.util.LazyImport
    sources = os.environ.get(
        "SLICER_PYTHON"
    )  # a checkout's Base/Python/slicer, to try modules on Slicer's own code by hand
    slicer.__path__.insert(0, sources or str(HERE.parent / "standins" / "of_slicer"))
    for name in ("modules", "moduleNames"):
        setattr(slicer, name, types.ModuleType(f"slicer.{name}"))
        sys.modules[f"slicer.{name}"] = getattr(slicer, name)


def keep_none() -> None:
    """PySide6 6.12 gives away a reference to None that it does not own with each `processEvents` and `sendPostedEvents`.

    Before Python 3.12, in which None is immortal, its count runs out after some minutes and the process dies: here it gets
    more than any run can use up.
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


@cache
def start() -> Application:
    """The application; the same one ever after."""
    keep_none()
    home = Path(tempfile.mkdtemp(prefix="slicer-host-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    environment(home)
    import slicer
    import vtk

    clean_slicer()
    from . import pythonqt

    pythonqt.dress()
    from .application import qSlicerApplication, qSlicerExtensionsManagerModel
    from .dicom import ctkDICOMDatabase
    from .io_manager import qSlicerIOManager

    app = qSlicerApplication(home)
    scene = slicer.vtkMRMLScene()
    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetTemporaryPath(app.temporaryPath)
    application_logic.SetHomeDirectory(str(home))
    application_logic.SetShareDirectory("share")
    application_logic.SetMRMLScene(scene)
    application_logic.GetColorLogic().SetMRMLScene(scene)
    application_logic.GetColorLogic().AddDefaultColorNodes()
    application_logic.SetSliceLogics(vtk.vtkCollection())
    application_logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    slicer.app, slicer.mrmlScene, slicer.dicomDatabase = app, scene, ctkDICOMDatabase()
    logics = {name: _logic(getattr(slicer, cls), scene, application_logic, name) for name, cls in LOGICS.items()}
    link = slicer.vtkMRMLSliceLinkLogic()
    link.SetMRMLScene(scene)
    remote = _remote_io(scene, application_logic, home)
    hierarchy = _subject_hierarchy(scene)
    io_manager, extensions, restarts, opened = qSlicerIOManager(), qSlicerExtensionsManagerModel(), [], []
    app._take(
        scene=scene,
        application_logic=application_logic,
        io_manager=io_manager,
        extensions=extensions,
        restarts=restarts,
        opened=opened,
    )
    from .layout_manager import qSlicerLayoutManager
    from .main_window import qSlicerMainWindow
    from .modules import qSlicerModuleManager

    layout_manager = qSlicerLayoutManager(scene, application_logic)
    app._take(layout_manager=layout_manager)
    module_manager = qSlicerModuleManager(logics)
    app._take(module_manager=module_manager)
    main_window = qSlicerMainWindow()
    _show_classes()
    return Application(
        app=app,
        scene=scene,
        application_logic=application_logic,
        layout_manager=layout_manager,
        module_manager=module_manager,
        main_window=main_window,
        extensions=extensions,
        kept=(logics, link, remote, hierarchy, io_manager),
        restarts=restarts,
        opened=opened,
    )


def _logic(cls: type, scene: Any, application_logic: Any, name: str) -> Any:
    logic = cls()
    logic.SetMRMLApplicationLogic(application_logic)
    logic.SetMRMLScene(scene)
    application_logic.SetModuleLogic(name, logic)
    return logic


def _remote_io(scene: Any, application_logic: Any, home: Path) -> tuple[Any, Any]:
    """Reading a .mrb needs it."""
    import slicer

    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(scene)
    remote.SetMRMLApplicationLogic(application_logic)
    remote.GetCacheManager().SetRemoteCacheDirectory(str(home / "cache"))
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLScene(scene)
    manager.SetMRMLApplicationLogic(application_logic)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    return remote, manager


def _subject_hierarchy(scene: Any) -> Any:
    """Nodes get their item by a plugin in Slicer, and lose it when they go; here by these observers, for the same classes."""
    import slicer
    import vtk

    owned = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode",
             "vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode")  # fmt: skip

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(caller: Any, event: str, node: Any) -> None:
        if caller.IsImporting() or node.GetHideFromEditors() or not any(node.IsA(kind) for kind in owned):
            return
        if node.IsA("vtkMRMLSliceLogic") or node.IsA("vtkMRMLCameraNode"):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(caller)
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def goes(caller: Any, event: str, node: Any) -> None:
        if caller.IsClosing():
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(caller)
        if item := hierarchy.GetItemByDataNode(node):
            hierarchy.RemoveItem(item, False, False)

    return scene.AddObserver(scene.NodeAddedEvent, added), scene.AddObserver(scene.NodeAboutToBeRemovedEvent, goes)


def _show_classes() -> None:
    """Slicer's widgets as attributes of `slicer`; one that the host lacks raises `NotInHost` when it is asked for."""
    import slicer

    from . import application, layout_manager, main_window, modules, mrml_widgets, strict, view_widgets

    for source in (application, layout_manager, main_window, modules, mrml_widgets, view_widgets):
        for name, value in vars(source).items():
            if name.startswith(("qMRML", "qSlicer")):
                setattr(slicer, name, value)

    def missing(name: str) -> Any:
        if name.startswith(("qMRML", "qSlicer")):
            strict.widget_class(name)
        raise AttributeError(f"module 'slicer' has no attribute {name!r}")

    slicer.__getattr__ = missing
