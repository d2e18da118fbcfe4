"""Pictures of slice and 3D views, made off screen by MRML's own displayable managers."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
)


class OffscreenView:
    """A render window without a screen, and the displayable managers that draw the scene into it."""

    def __init__(self, factory: Any, managers: tuple[str, ...], application_logic: Any, node: Any) -> None:
        self.renderer, self.window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(400, 400)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.before_managers()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        self.group.SetRenderer(self.renderer)
        self.group.Initialize(factory, self.renderer)
        self.group.SetMRMLDisplayableNode(node)

    def before_managers(self) -> None:
        """What must be drawn below everything that the managers draw."""

    def picture(self) -> np.ndarray:
        """(height, width, 3) uint8, top row first."""
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.SetInputBufferTypeToRGB()
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        return np.ascontiguousarray(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1])

    def finalize(self) -> None:
        """Let go of the scene and of the graphics memory."""
        self.group.SetMRMLDisplayableNode(None)
        self.group.SetRenderer(None)
        self.window.Finalize()


class SlicePicture(OffscreenView):
    """A slice view. One vtkImageMapper draws the blended layers where Slicer has CTK's vtkLightBoxRendererManager."""

    def __init__(self, logic: Any, application_logic: Any) -> None:
        self.logic = logic
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        super().__init__(factory, SLICE_MANAGERS, application_logic, logic.GetSliceNode())

    def before_managers(self) -> None:
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetDisplayLocationToBackground()
        self.actor.VisibilityOff()
        self.renderer.AddViewProp(self.actor)

    def resize(self, width: int, height: int) -> None:
        """Give window and slice node another size; the slice's centre and scale stay."""
        if self.window.GetSize() != (width, height) or tuple(self.logic.GetSliceNode().GetDimensions()[:2]) != (
            width,
            height,
        ):
            self.window.SetSize(width, height)
            self.logic.ResizeSliceNode(width, height)

    def picture(self) -> np.ndarray:
        self.logic.UpdatePipeline()
        connection = self.logic.GetImageDataConnection()
        composite = self.logic.GetSliceCompositeNode()
        layers = (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetLabelVolumeID())
        shown = connection is not None and any(layers)
        self.actor.SetVisibility(bool(shown))
        if shown:
            self.actor.GetMapper().SetInputConnection(connection)
        return super().picture()


class ThreeDPicture(OffscreenView):
    """A 3D view."""

    def __init__(self, node: Any, application_logic: Any) -> None:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        super().__init__(factory, THREE_D_MANAGERS, application_logic, node)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.window.SetSize(width, height)
