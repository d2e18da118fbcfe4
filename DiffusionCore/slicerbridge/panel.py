"""Apply that turns into Cancel, the line that says how far a job is, and its details: what every panel has.

States, always one of: not installed, ready, starting, running, cancelling, finished, cancelled, failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DiffusionCoreError, UsageError, code_places
from ..volume import Volume
from .words import in_panel_words

BUSY = ("starting", "running", "cancelling")
SAID = 3  # failures in the line; all are in the log
FORESEEABLE = 0.05  # of a stage; what is left after less than that is a guess


@dataclass(frozen=True, eq=False)
class Job:
    """One task on one scan.

    title     what a person calls the scan, for the line that says how far it is
    task      as the worker knows it
    options   the task's, as JSON can hold them
    volumes   gives the volumes when the job's turn comes, not before: one scan is in memory at a time. It may raise a
              `DiffusionCoreError`, a ValueError or a RuntimeError, with a sentence
    finished  is given the answer's values; it may raise in the same way where the answer has nowhere to go
    """

    title: str
    task: str
    options: Mapping[str, Any]
    volumes: Callable[[], Mapping[str, Volume]]
    finished: Callable[[Mapping[str, Any]], None]


@dataclass(eq=False)
class JobControls:
    """Runs jobs one after the other on a worker and shows a person where they are.

    worker       a `WorkerProcess`
    button       Apply, which is Cancel while jobs run
    label, bar   the state in words, and the share that is done
    details      opens the log
    begin        is called when Apply is pressed; it ends in `run`, or does nothing
    changed      is called after each change of state
    """

    worker: Any
    button: Any
    label: Any
    bar: Any
    details: Any
    begin: Callable[[], None]
    changed: Callable[[], None] = lambda: None
    text: str = "Apply"
    state: str = "ready"
    sentence: str = ""
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._jobs: list[Job] = []
        self._at = 0
        self._failures: list[str] = []
        self._why_not = ""
        self._tip = ""
        self._run = 0
        self.button.connect("clicked()", self.press)
        self.details.connect("clicked()", self.show_details)
        self._show()

    @property
    def busy(self) -> bool:
        """Whether a job is starting, running or being cancelled."""
        return self.state in BUSY

    @property
    def why_not_now(self) -> str:
        """Why nothing else can be run at this moment; "" if it can."""
        return "Not while a scan is worked on." if self.busy else ""

    def allow(self, why_not: str = "", tip: str = "") -> None:
        """Enable Apply, or disable it with the reason as its tool tip. Cancel is never disabled by this."""
        self._why_not, self._tip = why_not, tip
        self._show()

    def press(self) -> None:
        """What a click on the button does: apply, or cancel."""
        if self.busy:
            self.cancel()
        elif not self._why_not:
            self.begin()

    def run(self, jobs: Sequence[Job]) -> None:
        """Run jobs in their order; one that fails does not keep the others from running."""
        if self.busy or not jobs:
            return
        self._jobs, self._at, self._failures = list(jobs), 0, []
        self._run += 1
        self.log.clear()
        self._set("starting", "")
        self._next()

    def cancel(self) -> None:
        """Cancel the job that runs and drop those that wait."""
        if self.state not in ("starting", "running"):
            return
        self._jobs = self._jobs[: self._at + 1]
        self._set("cancelling", "")
        self.worker.cancel()

    def drop(self) -> None:
        """Cancel, and let nothing that still comes touch the scene: it is closing, or the panel goes."""
        was_busy = self.busy
        self._run += 1
        self._jobs = []
        if was_busy:
            self.worker.cancel()
            self._set("cancelled", "the scene was closed")

    def not_installed(self, sentence: str) -> None:
        """Say that packages are missing; Apply offers to install them."""
        self._set("not installed", sentence)

    def ready(self, sentence: str = "") -> None:
        """Say that a job can be run, unless one does."""
        if not self.busy:
            self._set("ready", sentence)

    def fail(self, sentence: str) -> None:
        """Say why nothing was run."""
        self._set("failed", sentence)

    def _next(self) -> None:
        """Begin the job whose turn it is; where that fails, the one after it."""
        while problem := self._begun(self._jobs[self._at]):
            self._note(self._jobs[self._at], *problem)
            if not self._step():
                self._end("failed")
                return

    def _begun(self, job: Job) -> tuple[str, ...]:
        """Give a job to the worker; why that cannot be, with details, () if it can."""
        run = self._run

        def mine(action: Callable[..., None]) -> Callable[..., None]:
            """The action, unless these jobs were dropped."""
            return lambda *answer: action(job, *answer) if run == self._run else None

        try:
            volumes = job.volumes()
        except Exception as error:  # a scan that cannot be read is this job's failure, not the panel's
            return in_words(error)
        try:
            self.worker.submit(
                job.task,
                dict(job.options),
                dict(volumes),
                on_progress=mine(self._progress),
                on_finished=mine(self._finished),
                on_failed=mine(self._failed),
                on_cancelled=mine(self._cancelled),
            )
        except UsageError:  # another module's
            return ("another module's job is running; press Apply again when it is done",)
        return ()

    def _progress(self, job: Job, event: Any) -> None:
        message = in_panel_words(event.message)
        if message:
            self.log.append(message)
        if self.state == "cancelling":
            return
        words = [job.title] if len(self._jobs) == 1 else [f"{self._at + 1} of {len(self._jobs)}: {job.title}"]
        known = event.fraction == event.fraction
        words.append(f"{event.stage} {round(100 * event.fraction)} %" if known else message)
        if event.seconds_left is not None and event.fraction >= FORESEEABLE:
            words.append(f"about {seconds_in_words(event.seconds_left)} left")
        if known:
            self.bar.setValue(round(1000 * (self._at + event.fraction) / len(self._jobs)))
        self._set("running", ", ".join(word for word in words if word))

    def _finished(self, job: Job, values: Mapping[str, Any]) -> None:
        try:
            job.finished(values)
        except Exception as error:  # its node is gone, say; what it belongs to must not stop the rest
            self._failed(job, *in_words(error))
            return
        self._go_on("finished")

    def _failed(self, job: Job, sentence: str, details: str = "") -> None:
        self._note(job, sentence, details)
        self._go_on("failed")

    def _cancelled(self, _job: Job | None = None) -> None:
        done = self._at - len(self._failures)
        self._jobs = []
        before = f"{done} {'scan was' if done == 1 else 'scans were'} done before"
        self._set("cancelled", before if done else "nothing was changed")

    def _note(self, job: Job, sentence: str, details: str = "") -> None:
        sentence = in_panel_words(sentence)
        said = sentence if len(self._jobs) == 1 else f"{job.title}: {sentence}"
        self._failures.append(said)
        self.log += [said, details] if details else [said]

    def _step(self) -> bool:
        """Turn to the next job; gives whether there is one to be run."""
        self._at += 1
        return self._at < len(self._jobs) and self.state != "cancelling"

    def _go_on(self, state: str) -> None:
        if self._step():
            self._next()
        else:
            self._end(state)

    def _end(self, state: str) -> None:
        """Say how the jobs ended; `state` is that of the last one."""
        count, failed = len(self._jobs), len(self._failures)
        if self.state == "cancelling" and state == "failed":
            self._cancelled()
        elif failed:
            some = "" if count == 1 else f"{failed} of {count} scans failed; "
            more = f"; and {failed - SAID} more, see Details" if failed > SAID else ""
            self._set("failed", some + "; ".join(self._failures[:SAID]) + more)
        else:
            self._set("finished", "" if count == 1 else f"{count} scans")

    def _set(self, state: str, sentence: str) -> None:
        before = self.state
        self.state, self.sentence = state, sentence
        self._show()
        if state != before:
            self.changed()

    def _show(self) -> None:
        if self.busy:
            self.button.setText("Cancel" if self.state != "cancelling" else "Cancelling")
            self.button.setEnabled(self.state != "cancelling")
            tip = "Stop; nothing is changed." if self.state != "cancelling" else "It stops within a second."
        else:
            self.button.setText(self.text)
            self.button.setEnabled(not self._why_not)
            tip = self._why_not or self._tip
        self.button.setToolTip(tip)
        self.label.setText(f"{self.state}: {self.sentence}" if self.sentence else self.state)
        self.bar.setVisible(self.busy)
        if not self.busy:
            self.bar.setValue(0)
        self.details.setEnabled(bool(self.log))
        self.details.setToolTip("What the run said." if self.log else "There is no log yet.")

    def show_details(self) -> None:
        """Open the log."""
        from slicer import util

        util.infoDisplay(self.sentence or self.state, detailedText="\n".join(self.log))


def in_words(error: Exception) -> tuple[str, str]:
    """(one sentence on what went wrong, details for the log). Of what nobody expected only the places in the code are told:
    its own words may hold what is in a scan."""
    if isinstance(error, (DiffusionCoreError, ValueError, RuntimeError)) and str(error):
        return str(error), ""
    return f"unexpected error ({type(error).__name__}); Details says where", "\n".join(code_places(error))


def seconds_in_words(seconds: float) -> str:
    """A time that is only about right, as a person says it."""
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = seconds / 60
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"
