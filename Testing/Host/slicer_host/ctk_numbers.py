"""CTK's widgets for numbers: slider with a box, ranges, boxes."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from .strict import stand_in, stored

STEPS = 1000


def _row(widget: QtWidgets.QWidget, *parts: QtWidgets.QWidget) -> None:
    layout = QtWidgets.QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)


def _passed(kind: Any, box: str, name: str) -> QtCore.Property:
    """A property that is a spin box's own, the box being the attribute `box` of the widget."""
    setter = f"set{name[0].upper()}{name[1:]}"
    return QtCore.Property(
        kind,
        lambda self: self.__dict__[box].property(name),
        lambda self, value: getattr(self.__dict__[box], setter)(value),
    )


@stand_in
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box; 0 to 99 in steps of 1 at first, as CTK's."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        slider, box = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal), QtWidgets.QDoubleSpinBox()
        slider.setRange(0, STEPS)
        box.setRange(0, 99)
        _row(self, slider, box)
        self.__dict__.update(_slider__part=slider, _box__part=box)
        box.valueChanged.connect(self.__moved)
        slider.sliderMoved.connect(self.__dragged)

    def __moved(self, value: float) -> None:
        low, high = self.property("minimum"), self.property("maximum")
        self._slider__part.setValue(round(STEPS * (value - low) / (high - low)) if high > low else 0)
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def __dragged(self, position: int) -> None:
        low, high = self.property("minimum"), self.property("maximum")
        step = self.property("singleStep") or 1
        self._box__part.setValue(low + round((high - low) * position / STEPS / step) * step)

    minimum = _passed(float, "_box__part", "minimum")
    maximum = _passed(float, "_box__part", "maximum")
    value = _passed(float, "_box__part", "value")
    singleStep = _passed(float, "_box__part", "singleStep")
    prefix = _passed(str, "_box__part", "prefix")
    suffix = _passed(str, "_box__part", "suffix")
    decimals = _passed(int, "_box__part", "decimals")
    pageStep = stored(float, 10.0)
    tickInterval = stored(float, 0.0)
    tracking = stored(bool, True)
    invertedAppearance = stored(bool, False)
    popupSlider = stored(bool, False)
    spinBoxVisible = QtCore.Property(
        bool,
        lambda self: not self._box__part.isHidden(),
        lambda self, shown: self._box__part.setVisible(shown),
    )

    def setValue(self, value: float) -> None:
        self._box__part.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self._box__part.setDecimals(decimals)

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box__part.setVisible(visible)

    def reset(self) -> None:
        self._box__part.setValue(self.property("minimum"))


@stand_in
class ctkDoubleSlider(QtWidgets.QWidget):
    """A slider over fractions."""

    valueChanged = QtCore.Signal(float)
    sliderPressed = QtCore.Signal()
    sliderReleased = QtCore.Signal()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((one for one in arguments if isinstance(one, QtWidgets.QWidget)), None))
        _row(self, QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal))

    minimum = stored(float, 0.0)
    maximum = stored(float, 99.0)
    singleStep = stored(float, 1.0)
    pageStep = stored(float, 10.0)
    tracking = stored(bool, True)
    orientation = stored(QtCore.Qt.Orientation, QtCore.Qt.Orientation.Horizontal)

    def __show(self, value: float) -> None:
        low, high = self.property("minimum"), self.property("maximum")
        slider = self.findChild(QtWidgets.QSlider)
        slider.setRange(0, STEPS)
        slider.setValue(round(STEPS * (value - low) / (high - low)) if high > low else 0)
        self.valueChanged.emit(value)

    value = stored(float, 0.0, __show)

    def setValue(self, value: float) -> None:
        self.setProperty("value", float(min(max(value, self.property("minimum")), self.property("maximum"))))


@stand_in
class ctkDoubleSpinBox(QtWidgets.QWidget):
    """A spin box over fractions."""

    valueChanged = QtCore.Signal(float)
    editingFinished = QtCore.Signal()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((one for one in arguments if isinstance(one, QtWidgets.QWidget)), None))
        box = QtWidgets.QDoubleSpinBox()
        _row(self, box)
        self.__dict__["_box__part"] = box
        box.valueChanged.connect(self.valueChanged)
        box.editingFinished.connect(self.editingFinished)

    minimum = _passed(float, "_box__part", "minimum")
    maximum = _passed(float, "_box__part", "maximum")
    value = _passed(float, "_box__part", "value")
    singleStep = _passed(float, "_box__part", "singleStep")
    prefix = _passed(str, "_box__part", "prefix")
    suffix = _passed(str, "_box__part", "suffix")
    decimals = _passed(int, "_box__part", "decimals")
    readOnly = QtCore.Property(
        bool, lambda self: self._box__part.isReadOnly(), lambda self, on: self._box__part.setReadOnly(on)
    )

    def setValue(self, value: float) -> None:
        self._box__part.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self._box__part.setDecimals(decimals)


class _Range(QtWidgets.QWidget):
    """What CTK's two range widgets share: two values between two bounds, the lower never above the upper."""

    def _init_boxes(self) -> None:
        low, high = QtWidgets.QDoubleSpinBox(), QtWidgets.QDoubleSpinBox()
        low.setRange(0, 99)
        high.setRange(0, 99)
        high.setValue(99)
        _row(self, low, high)
        self.__dict__.update(_low__part=low, _high__part=high)
        low.valueChanged.connect(self._low_changed)
        high.valueChanged.connect(self._high_changed)

    def _low_changed(self, value: float) -> None:
        if self._high__part.property("value") < value:
            self._high__part.setValue(value)
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self._high__part.property("value"))

    def _high_changed(self, value: float) -> None:
        if self._low__part.property("value") > value:
            self._low__part.setValue(value)
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self._low__part.property("value"), value)

    def _set_bounds(self, low: float, high: float) -> None:
        self._low__part.setRange(low, high)
        self._high__part.setRange(low, high)
        self.rangeChanged.emit(low, high)

    def _set_values(self, low: float, high: float) -> None:
        self._low__part.setValue(low)
        self._high__part.setValue(high)


def _bound(name: str) -> QtCore.Property:
    def setter(self: _Range, value: float) -> None:
        low, high = self._low__part.property("minimum"), self._low__part.property("maximum")
        self._set_bounds(*((value, high) if name == "minimum" else (low, value)))

    return QtCore.Property(float, lambda self: self._low__part.property(name), setter)


@stand_in
class ctkRangeWidget(_Range):
    """A slider with two handles and two boxes."""

    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    valuesChanged = QtCore.Signal(float, float)
    rangeChanged = QtCore.Signal(float, float)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._init_boxes()

    minimum, maximum = _bound("minimum"), _bound("maximum")
    minimumValue = _passed(float, "_low__part", "value")
    maximumValue = _passed(float, "_high__part", "value")
    singleStep = stored(float, 1.0)
    decimals = stored(int, 2)
    prefix = stored(str, "")
    suffix = stored(str, "")
    tracking = stored(bool, True)

    def setRange(self, low: float, high: float) -> None:
        self._set_bounds(low, high)

    def setValues(self, low: float, high: float) -> None:
        self._set_values(low, high)

    def setMinimumValue(self, value: float) -> None:
        self._low__part.setValue(value)

    def setMaximumValue(self, value: float) -> None:
        self._high__part.setValue(value)


@stand_in
class ctkDoubleRangeSlider(_Range):
    """A slider with two handles."""

    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    valuesChanged = QtCore.Signal(float, float)
    rangeChanged = QtCore.Signal(float, float)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((one for one in arguments if isinstance(one, QtWidgets.QWidget)), None))
        self._init_boxes()

    minimum, maximum = _bound("minimum"), _bound("maximum")
    minimumValue = _passed(float, "_low__part", "value")
    maximumValue = _passed(float, "_high__part", "value")
    singleStep = stored(float, 1.0)
    tracking = stored(bool, True)

    def setRange(self, low: float, high: float) -> None:
        self._set_bounds(low, high)

    def setValues(self, low: float, high: float) -> None:
        self._set_values(low, high)
