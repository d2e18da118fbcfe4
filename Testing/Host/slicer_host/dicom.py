"""`slicer.dicomDatabase`: the images that a test says are in it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6 import QtCore

from .strict import stand_in


@stand_in
class ctkDICOMDatabase(QtCore.QObject):
    """Values of tags by SOP instance UID; the tag "file" is the path of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.__images: dict[str, dict[str, str]] = {}

    def _set(self, images: Mapping[str, Mapping[str, str]]) -> None:
        self.__images = {uid: dict(tags) for uid, tags in images.items()}

    isOpen = QtCore.Property(bool, lambda self: True)

    def instanceValue(self, uid: str, tag: str) -> str:
        return self.__images.get(uid, {}).get(tag, "")

    def fileForInstance(self, uid: str) -> str:
        return self.__images.get(uid, {}).get("file", "")

    def fileValue(self, path: str, tag: str) -> str:
        return next((tags.get(tag, "") for tags in self.__images.values() if tags.get("file") == path), "")

    def instanceForFile(self, path: str) -> str:
        return next((uid for uid, tags in self.__images.items() if tags.get("file") == path), "")
