"""What a long job tells its caller: stages and their seconds, the time left, a cancel that is heard, lines for programs."""

from __future__ import annotations

import io
import json
import math
import time

import pytest

import DiffusionCore
from DiffusionCore.errors import Cancelled, UsageError
from DiffusionCore.progress import Progress, ProgressEvent, json_lines, silent, takes_progress


def test_each_stage_is_told_from_its_beginning_and_timed():
    told: list[ProgressEvent] = []
    progress = Progress(told.append)
    progress.stage("read")
    time.sleep(0.02)
    progress.stage("write")
    progress.advance(0.5)
    progress.finish()
    assert [(event.stage, event.fraction) for event in told] == [("read", 0), ("write", 0), ("write", 0.5)]
    assert progress.seconds.keys() == {"read", "write"}
    assert progress.seconds["read"] >= 0.02


def test_a_stage_that_comes_again_adds_its_seconds():
    progress = silent()
    for _ in range(2):
        progress.stage("denoise")
        time.sleep(0.01)
    progress.finish()
    assert progress.seconds["denoise"] >= 0.02


def test_half_done_leaves_as_long_as_was_spent_and_nothing_done_leaves_it_unknown():
    told: list[ProgressEvent] = []
    progress = Progress(told.append)
    progress.stage("denoise")
    time.sleep(0.02)
    progress.advance(0.5)
    assert told[0].seconds_left is None
    assert 0.02 <= told[1].seconds_left < 2


def test_a_cancel_is_heard_at_the_next_report():
    asked = []
    progress = Progress(cancelled=lambda: bool(asked))
    progress.stage("denoise")
    progress.advance(0.1)
    asked.append(True)
    with pytest.raises(Cancelled, match="nothing was written"):
        progress.advance(0.2)


def test_lines_are_ascii_json_and_a_message_has_no_fraction():
    stream = io.StringIO()
    tell = json_lines(stream)
    tell(ProgressEvent("denoise", 0.25, 3.14159))
    tell(ProgressEvent("denoise", math.nan, None, "größer"))
    first, second = stream.getvalue().splitlines()
    assert json.loads(first) == {"stage": "denoise", "fraction": 0.25, "seconds_left": 3.14, "message": ""}
    assert json.loads(second) == {"stage": "denoise", "fraction": None, "seconds_left": None, "message": "größer"}
    assert second.isascii()


def test_work_goes_on_where_nobody_reads_on():
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    json_lines(Closed())(ProgressEvent("denoise", 0.5, 1.0))


def test_a_task_is_given_a_progress_whatever_was_said(capsys):
    @takes_progress
    def task(words: str, *, progress: Progress, **options: int) -> tuple[str, Progress, dict[str, int]]:
        progress.stage("work")
        progress.say(words)
        return words, progress, options

    own = Progress()
    assert task("a", progress=own, steps=1) == ("a", own, {"steps": 1})
    assert [isinstance(made, Progress) for made in (task("quiet")[1], task("quiet", progress=None)[1])] == [True, True]
    assert capsys.readouterr().err == ""
    assert isinstance(task("in sight", progress="bar")[1], Progress)
    assert "in sight" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["enhance", "super_resolve", "synthesize", "classify"])
def test_public_tasks_say_what_progress_may_be(name):
    with pytest.raises(UsageError, match='progress must be "bar"'):
        getattr(DiffusionCore, name)(None, progress="drum")
