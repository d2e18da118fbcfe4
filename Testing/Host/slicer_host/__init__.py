"""Runs scripted modules of Slicer without Slicer: real MRML (slicer-core), real Qt (PySide6), strict stand-ins for the rest.

`start()` makes the application once in a process; `Session` is what a test holds. What Slicer does not have raises
`AttributeError`, what it has and the host lacks raises `NotInHost`.
"""
