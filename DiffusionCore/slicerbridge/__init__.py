"""DiffusionCore inside 3D Slicer: volume nodes, the worker process, packages, layouts, overlays, and what the panels share.

The only room that imports slicer, vtk and qt. Its modules are imported one by one, where they are needed.
"""
