"""The application's one worker, which every panel shares: it belongs to the application object and ends with it."""

from __future__ import annotations

from typing import Any

from .worker_process import WorkerProcess

PROPERTY = "DiffusionCoreWorker"  # a dynamic property: PythonQt lets nobody add attributes to the application


def application_worker(application: Any) -> WorkerProcess:
    """The worker of `slicer.app`, made when it is first asked for."""
    worker = application.property(PROPERTY)
    if worker is None:
        worker = WorkerProcess(application)
        application.setProperty(PROPERTY, worker)
        application.connect("aboutToQuit()", worker.shutdown)
    return worker
