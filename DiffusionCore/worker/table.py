"""The tasks that can be asked for: a closed table, whose entries import nothing until they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..tasks.options import Options

ROOT = __package__.rpartition(".")[0]


@dataclass(frozen=True)
class Task:
    """Where a task's runner (job, session, progress) -> result and its options are, as 'module:name' below the package;
    the roles of the volumes that it needs and that it may be given."""

    runner: str
    options: str
    needs: tuple[str, ...] = ("volume",)
    takes: tuple[str, ...] = ()

    def load_options(self) -> type[Options]:
        return look_up(self.options)

    def load_runner(self) -> Callable[..., Any]:
        return look_up(self.runner)

    def is_here(self) -> bool:
        """Whether this version has the task; imports nothing but packages."""
        places = (self.runner, self.options)
        return all(find_spec(f"{ROOT}.{place.partition(':')[0]}") is not None for place in places)


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "enhance": Task("worker.jobs:run_enhance", "worker.options:EnhanceJob", takes=("reference", "mask")),
        "preview": Task("worker.jobs:run_preview", "worker.options:PreviewJob", takes=("mask",)),
        "inspect": Task("worker.jobs:run_inspect", "worker.options:EnhanceJob"),
        "estimate": Task("worker.jobs:run_estimate", "worker.options:EstimateJob"),
        "super_resolve": Task(
            "worker.jobs:run_super_resolve", "tasks.superres.options:SuperResolveOptions", takes=("reference",)
        ),
        "synthesize": Task("worker.jobs:run_synthesize", "worker.options:SynthesizeJob", needs=()),
        "classify": Task("worker.jobs:run_classify", "worker.options:ClassifyJob"),
        "report": Task(
            "worker.keep:run_report", "worker.keep:ReportJob", ("before", "after"), ("uncertainty", "structure")
        ),
        "report_classification": Task(
            "worker.keep_classification:run_report", "worker.keep_classification:ReportJob", takes=("map",)
        ),
        "export_dicom": Task("worker.keep:run_export", "worker.keep:ExportJob"),
    }
)


def look_up(place: str) -> Any:
    """What 'module:name' below the package stands for."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"{ROOT}.{module}"), name)


def find_task(name: str) -> Task:
    """The task of this name. Raises `UsageError` naming those there are."""
    if name not in TASKS or not TASKS[name].is_here():
        raise UsageError(f"there is no such task; there are {', '.join(tasks_here())}")
    return TASKS[name]


def tasks_here() -> list[str]:
    """The names of the tasks that this version has."""
    return [name for name, task in TASKS.items() if task.is_here()]
