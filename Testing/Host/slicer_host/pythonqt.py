"""Gives PySide6's classes the manners of PythonQt, in place, so that objects which Qt hands out obey too.

Properties are attributes (`button.text`, and calling it fails); a typing error in an attribute raises; a signal is joined by
its text (`button.connect("clicked(bool)", f)`) and one that does not exist raises (PythonQt prints a line and goes on; the
host wants to know).
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtSvg, QtUiTools, QtWidgets

MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtSvg, QtUiTools)
SIGNATURE = re.compile(r"^(\w+)\((.*)\)$")
# Slicer 5.12 is built with Qt 5.15, PySide6 is Qt 6: what is new in Qt 6 and near to what a panel does.
QT6_ONLY = {
    "QCheckBox": ("checkStateChanged",),
    "QComboBox": ("setLabelDrawingMode", "labelDrawingMode"),
    "QMouseEvent": ("position", "scenePosition", "globalPosition"),
    "QProcess": ("startCommand", "setUnixProcessParameters", "unixProcessParameters", "setChildProcessModifier"),
    "QTimer": ("chronoInterval",),
}
HIDDEN_PROPERTIES = {("QTimer", "singleShot")}  # PythonQtClassInfo leaves it out for the static method's sake


class PropertyLikePythonQt(property):
    """A Qt property as an attribute; on the class itself the static method of that name, if Qt has one (`QTimer.singleShot`)."""

    def __init__(self, getter: Any, setter: Any, native: Any) -> None:
        super().__init__(getter, setter)
        self.native = native

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None and self.native is not None:
            return self.native.__get__(None, owner)
        return super().__get__(instance, owner)


def normalised(signature: str) -> str:
    """The signature as Qt writes it: without spaces, const and references."""
    return QtCore.QMetaObject.normalizedSignature(signature).data().decode()


def _property(cls: type, described: QtCore.QMetaProperty, native: Any) -> PropertyLikePythonQt:
    name, kind = described.name(), described.metaType().name()
    kind = kind.decode() if isinstance(kind, bytes) else kind

    def getter(self: Any) -> Any:
        if type(native).__name__ == "method_descriptor":
            try:
                return native(self)  # typed (an enumeration, a QSize), not a variant
            except TypeError:
                pass  # QSpinBox.suffix and the like: same name, other arguments
        return self.property(name)

    def setter(self: Any, value: Any) -> None:
        if (cls.__name__, name) in HIDDEN_PROPERTIES:
            raise AttributeError(f"{cls.__name__}.{name} is hidden by PythonQt; call set{name[0].upper()}{name[1:]}()")
        if not described.isWritable():
            raise AttributeError(f"{type(self).__name__}.{name} is read-only")
        check_type(f"{type(self).__name__}.{name}", kind, value)
        if not self.setProperty(name, value):
            raise TypeError(f"{type(self).__name__}.{name} cannot be {value!r}")

    return PropertyLikePythonQt(getter, setter, native)


def check_type(where: str, kind: str, value: Any) -> None:
    """Raise TypeError if PythonQt would not convert `value` to the C++ type `kind`."""
    expected = {
        "bool": (bool, int),
        "int": (int,),
        "double": (int, float),
        "float": (int, float),
        "QString": (str,),
        "QStringList": (list, tuple),
    }
    if kind not in expected or isinstance(value, expected[kind]):
        return
    if kind in ("bool", "int", "double", "float") and hasattr(value, "__index__"):
        return
    if kind in ("double", "float") and hasattr(value, "__float__"):
        return
    raise TypeError(f"{where} is {kind}, got {value!r}")


def _dress_properties(cls: type) -> None:
    described = cls.staticMetaObject
    for index in range(described.propertyOffset(), described.propertyCount()):
        one = described.property(index)
        setattr(cls, one.name(), _property(cls, one, cls.__dict__.get(one.name())))


def find_signal(sender: Any, signature: str) -> Any:
    """The bound signal of a stand-in, or None for one that Qt itself knows; ValueError if there is no such signal."""
    match = SIGNATURE.match(signature.strip())
    if not match:
        raise ValueError(f"{signature!r} is not a signal's signature; write e.g. 'clicked(bool)'")
    known = getattr(type(sender), "slicer_signals_", {}).get(match.group(1))
    if known is not None:
        wanted = normalised(signature)[len(match.group(1)) :]
        if wanted not in known:
            raise ValueError(f"{type(sender).__name__} has {match.group(1)}{' or '.join(known)}, not {signature}")
        overloads = getattr(type(sender), "slicer_overloads_", {})
        return getattr(sender, overloads.get(normalised(signature), match.group(1)))
    if sender.metaObject().indexOfSignal(normalised(signature)) < 0:
        raise ValueError(f"{type(sender).__name__} has no signal {signature}")
    return None


_native_connect, _native_disconnect = QtCore.QObject.connect, QtCore.QObject.disconnect


def connect(self: Any, signal: Any, receiver: Any = None, slot: Any = None, *more: Any) -> Any:
    """`connect("signal(args)", callable)` or `connect("signal(args)", object, "slot(args)")`."""
    if isinstance(signal, QtCore.QObject):  # PySide6's own C++ comes this way: QTimer.singleShot
        return _native_connect(signal, receiver, slot, *more)
    if isinstance(receiver, QtCore.QObject) and isinstance(slot, str):
        receiver = getattr(receiver, slot.split("(")[0])
    if not callable(receiver):
        raise ValueError(f"{signal} is joined to {receiver!r}, which cannot be called")
    found = find_signal(self, signal)
    if found is not None:
        found.connect(receiver)
    else:
        _native_connect(self, "2" + normalised(signal), receiver)
    return True


def disconnect(self: Any, signal: Any = None, receiver: Any = None, slot: Any = None) -> Any:
    """The reverse of `connect`; without arguments everything that is joined to this object. False if it was not joined."""
    if signal is None:
        return _native_disconnect(self)
    if isinstance(receiver, QtCore.QObject) and isinstance(slot, str):
        receiver = getattr(receiver, slot.split("(")[0])
    found = find_signal(self, signal)
    try:
        if found is not None:
            return found.disconnect(receiver) if receiver is not None else found.disconnect()
        return _native_disconnect(self, "2" + normalised(signal), receiver)
    except (RuntimeError, TypeError):
        return False


def set_attribute(self: Any, name: str, value: Any) -> None:
    """PythonQt's rule: a property is written, no method or signal is replaced, a plain C++ object takes no new attribute."""
    cls = type(self)
    described = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    if isinstance(described, QtCore.Property):
        known = getattr(cls, "slicer_properties_", {}).get(name)
        if known is not None:
            if not known["writable"]:
                raise AttributeError(f"{cls.__name__}.{name} is read-only")
            check_type(f"{cls.__name__}.{name}", known["type"], value)
        described.fset(self, value)
        return
    if hasattr(type(described), "__set__"):
        type(described).__set__(described, self, value)
        return
    if name in {bytes(one.data()).decode() for one in self.dynamicPropertyNames()}:
        self.setProperty(name, value)
        return
    if isinstance(value, QtCore.SignalInstance):  # PySide6 keeps a signal so when it is first asked for
        self.__dict__[name] = value
        return
    if _is_pyside_s_own(name, value):
        return
    if is_cpp_class(cls) and not re.match(r"_\w+__", name):  # mangled names are a stand-in's own
        why = "a method or signal cannot be replaced" if described is not None else "no such property"
        raise AttributeError(f"{cls.__name__}.{name}: {why}, and a C++ object takes no new attribute")
    self.__dict__[name] = value


def _is_pyside_s_own(name: str, value: Any) -> bool:
    """Whether PySide6 itself sets this: its loader every named child on the root of a .ui file, which PythonQt lacks."""
    return isinstance(value, QtCore.QObject) and value.property("objectName") == name


def is_cpp_class(cls: type) -> bool:
    """Whether the class is Qt's own or stands for a C++ class of Slicer or CTK, rather than a Python subclass of one."""
    return cls.__module__.startswith("PySide6") or "is_stand_in_" in cls.__dict__


def qobject_classes() -> Iterator[type]:
    """Every class of Qt under QObject that is shown."""
    for module in MODULES:
        for name in dir(module):
            found = getattr(module, name)
            if isinstance(found, type) and issubclass(found, QtCore.QObject):
                yield found


def _is_new_in_qt6(cls: type, name: str) -> bool:
    return any(name in QT6_ONLY.get(base.__name__, ()) for base in cls.__mro__)


@cache
def dress() -> None:
    """Patch PySide6, once in a process."""
    base = QtCore.QObject
    classes = sorted(set(qobject_classes()), key=lambda cls: len(cls.__mro__))
    for cls in classes:
        _dress_properties(cls)
    native_getattribute = base.__getattribute__
    own = {"connect": connect, "disconnect": disconnect}
    qt6_names = {name for names in QT6_ONLY.values() for name in names}

    def getattribute(self: Any, name: str) -> Any:
        # PySide6 finds its C++ `connect` on instances whatever the class's dictionary says.
        if name in own:
            return types.MethodType(own[name], self)
        if name in qt6_names and _is_new_in_qt6(type(self), name):
            raise AttributeError(f"{type(self).__name__}.{name} is new in Qt 6; Slicer 5.12 has Qt 5.15")
        return native_getattribute(self, name)

    base.connect, base.disconnect, base.__getattribute__ = connect, disconnect, getattribute
    for cls in classes:
        cls.__setattr__ = set_attribute
    base.name = property(lambda self: self.property("objectName"), lambda self, value: self.setObjectName(value))
    base.className = lambda self: self.metaObject().className()
    base.delete = lambda self: shiboken6.delete(self)
