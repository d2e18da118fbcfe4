"""Apply and Cancel without a worker: every state, every way that a job can end; results that are removed whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_hand
import pytest
from slicer_host import hand


class Worker:
    """Stands where the application's worker does, and does only what the test says."""

    busy = False

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.cancelled = 0

    def submit(self, task: str, options: Any, volumes: Any, **answers: Any) -> None:
        self.asked.append((task, options, answers))

    def cancel(self) -> None:
        self.cancelled += 1

    def answer(self, name: str, *what: Any) -> None:
        self.asked[-1][2][name](*what)


@pytest.fixture
def controls(host: Any) -> Any:
    import qt

    from DiffusionCore.slicerbridge.panel import Job, JobControls

    widgets = [qt.QPushButton(), qt.QLabel(), qt.QProgressBar(), qt.QPushButton()]
    done: list[Any] = []

    def begin() -> None:
        made.run([Job(name, "enhance", {}, dict, done.append) for name in made.titles])

    made = JobControls(Worker(), *widgets, begin)
    made.titles, made.done, made.widgets = ["head"], done, widgets
    made.bar.setMaximum(1000)
    return made


def progress(stage: str, fraction: float, left: float | None = None, message: str = "") -> Any:
    from DiffusionCore.progress import ProgressEvent

    return ProgressEvent(stage, fraction, left, message)


def test_apply_turns_into_cancel_and_back(controls: Any) -> None:
    controls.allow("Choose a volume first.")
    assert (controls.button.enabled, controls.button.toolTip) == (False, "Choose a volume first.")
    controls.press()
    assert controls.worker.asked == []
    controls.allow("", "Go.")
    controls.button.click()
    assert (controls.state, controls.button.text, controls.button.toolTip) == (
        "starting",
        "Cancel",
        "Stop; nothing is changed.",
    )
    controls.worker.answer("on_progress", progress("denoise", 0.41, 3.2))
    assert controls.label.text == "running: head, denoise 41 %, about 3 s left"
    assert controls.bar.value == 410
    controls.worker.answer("on_finished", {"volume": 1})
    assert (controls.state, controls.button.text, controls.done) == ("finished", "Apply", [{"volume": 1}])


def test_a_device_out_of_memory_is_said_and_kept_in_the_log(controls: Any) -> None:
    controls.button.click()
    words = "cuda:0 ran out of memory; going on with tiles of 96×96×96"
    controls.worker.answer("on_progress", progress("", float("nan"), None, words))
    assert controls.label.text == f"running: head, {words}"
    controls.worker.answer("on_finished", {})
    assert controls.log == [words]
    assert controls.details.enabled


def test_cancel_drops_what_waits(controls: Any) -> None:
    controls.titles = ["one", "two", "three"]
    controls.button.click()
    controls.worker.answer("on_progress", progress("denoise", 0.5))
    assert controls.label.text == "running: 1 of 3: one, denoise 50 %"
    controls.button.click()
    assert (controls.state, controls.button.text, controls.button.enabled) == ("cancelling", "Cancelling", False)
    controls.worker.answer("on_cancelled")
    assert (controls.state, len(controls.worker.asked), controls.done) == ("cancelled", 1, [])


def test_one_that_fails_does_not_keep_the_others_from_being_done(controls: Any) -> None:
    controls.titles = ["one", "two"]
    controls.button.click()
    controls.worker.answer("on_failed", "the scan is empty", "details")
    controls.worker.answer("on_finished", {})
    assert controls.label.text == "failed: 1 of 2 scans failed; one: the scan is empty"
    assert controls.log == ["one: the scan is empty", "details"]


def test_what_nobody_expected_is_one_sentence_and_the_places_in_the_code(controls: Any) -> None:
    def put_away(_values: Any) -> None:
        raise KeyError("Doe, Jane")

    from DiffusionCore.slicerbridge.panel import Job

    controls.run([Job("head", "enhance", {}, dict, put_away)])
    controls.worker.answer("on_finished", {})
    assert controls.label.text == "failed: unexpected error (KeyError); Details says where"
    assert "in put_away" in controls.log[-1]
    assert "Doe" not in "".join(controls.log)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("spacing 5 mm, expects ≤ 2.5; --force to go on", "a box under Advanced lets you go on all the same"),
        ("the measured noise may be wrong: few; --sigma sets it", "may be wrong: few; Noise under Advanced sets it"),
        ("no memory; take fewer --samples, or try --device cpu", "no memory; take fewer samples, or try device cpu"),
        ("/x: exists already; give another name, or --overwrite", "/x: exists already; give another name"),
    ],
)
def test_the_panel_speaks_of_its_controls_not_of_the_command_lines_options(
    controls: Any, said: str, shown: str
) -> None:
    controls.button.click()
    controls.worker.answer("on_progress", progress("", float("nan"), None, said))
    controls.worker.answer("on_failed", said, "")
    assert controls.label.text.endswith(shown)
    assert "--" not in "".join(controls.log)


def test_any_number_of_scans_that_cannot_be_read_is_one_line(controls: Any) -> None:
    """As the frames of a long sequence under a transform."""
    from DiffusionCore.slicerbridge.panel import Job

    def unreadable() -> Any:
        raise ValueError("a transform is applied")

    controls.run([Job(f"frame {number}", "enhance", {}, unreadable, controls.done.append) for number in range(2000)])
    assert controls.worker.asked == []
    first = "; ".join(f"frame {number}: a transform is applied" for number in range(3))
    assert controls.label.text == f"failed: 2000 of 2000 scans failed; {first}; and 1997 more, see Details"
    assert len(controls.log) == 2000


def test_what_was_done_before_a_cancel_is_said(controls: Any) -> None:
    controls.titles = ["one", "two", "three"]
    controls.button.click()
    controls.worker.answer("on_finished", {"volume": 1})
    controls.button.click()
    controls.worker.answer("on_cancelled")
    assert controls.label.text == "cancelled: 1 scan was done before"


def test_what_comes_after_the_scene_was_closed_touches_nothing(controls: Any) -> None:
    controls.button.click()
    controls.drop()
    assert (controls.worker.cancelled, controls.state) == (1, "cancelled")
    controls.worker.answer("on_finished", {"volume": 1})
    assert controls.done == []


def test_another_module_s_job_is_not_disturbed(controls: Any) -> None:
    from DiffusionCore.errors import UsageError

    def busy(*_asked: Any, **_answers: Any) -> None:
        raise UsageError("a job is running")

    controls.worker.submit = busy
    controls.button.click()
    assert controls.label.text.startswith("failed: another module's job is running")


def test_what_runs_in_the_background_is_cancelled_once_as_a_second_cancel_would_meet_what_a_person_asked_for(
    host: Any,
) -> None:
    from DiffusionCore.slicerbridge.expected import SpeedMeasurement
    from DiffusionCore.slicerbridge.preview import LivePreview

    worker, order = Worker(), []
    preview = LivePreview(worker, lambda: None, order.append)
    preview.running = True
    preview.give_way(lambda: order.append("the job"))
    preview.stop()
    assert (worker.cancelled, order) == (1, ["the job"])
    speed = SpeedMeasurement(worker, lambda: None)
    speed.ask("denoise-mr", "cpu", None, {})
    speed.give_way()
    speed.give_way()
    assert worker.cancelled == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.1 s"), (0.97, "1.0 s"), (3.24, "3 s"), (9.7, "10 s"), (74.4, "74 s"), (200, "3 min"), (9000, "2.5 h")],
)
def test_times_as_a_person_says_them(host: Any, seconds: float, words: str) -> None:
    from DiffusionCore.slicerbridge.panel import seconds_in_words

    assert seconds_in_words(seconds) == words


def small_answer(head: Any) -> dict[str, Any]:
    """What the worker may have answered about a scan."""
    from DiffusionCore.slicerbridge.overlays import ijk_to_ras
    from DiffusionCore.volume import Volume

    volume = Volume(panel_hand.voxels_of(head) // 2, ijk_to_ras(head), "MR")
    return {"volume": volume, "uncertainty": volume, "metrics": {"without_reference": {"SNR before": 1.0}}}


def test_all_that_belongs_to_a_result_is_in_the_scans_study(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.results import REPORT, TABLE, UNCERTAINTY, keep_result, part

    head = panel_hand.small_head()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(head), study)
    result = keep_result("head enhanced", head, small_answer(head), {})
    parts = [result, *(part(result, role) for role in (UNCERTAINTY, TABLE, REPORT))]
    assert [panel_hand.parent_item(node) for node in parts] == [study] * 4


def test_what_is_made_of_an_image_from_noise_shows_nobody_either(host: Any) -> None:
    from DiffusionCore.slicerbridge.results import SYNTHETIC, is_synthetic, keep_result

    image = panel_hand.small_head()
    image.SetAttribute(SYNTHETIC, "1")
    assert is_synthetic(keep_result("image enhanced", image, small_answer(image), {}))


def test_a_result_is_removed_with_all_that_belongs_to_it(host: Any) -> None:
    import slicer

    from DiffusionCore.slicerbridge.plots import histogram
    from DiffusionCore.slicerbridge.results import CHART, difference_node, keep_result, remove_result, set_part

    head = panel_hand.small_head()
    values = small_answer(head)
    count = slicer.mrmlScene.GetNumberOfNodes
    for number in range(3):
        result = keep_result("head enhanced", head, values, {})
        set_part(result, CHART, histogram(head, result, "grey levels"))
        difference_node(result)
        remove_result(result)
        hand.turn()
        if number == 0:
            before = count()  # with the colours, which all results share
    assert count() == before


def test_a_histogram_of_whole_numbers_has_bins_of_whole_numbers(host: Any) -> None:
    from DiffusionCore.slicerbridge.plots import BINS, bin_edges

    edges = bin_edges(np.random.default_rng(0).integers(0, 900, 100_000).astype(np.float32), whole=True)
    assert set(np.diff(edges)) == {5.0}
    assert edges[0] % 1 == 0.5
    assert len(edges) <= BINS + 2


def test_whole_numbers_are_whole_in_any_type(host: Any) -> None:
    from DiffusionCore.slicerbridge.plots import are_whole

    assert are_whole(np.array([-1000.0, 3.0], np.float32))
    assert not are_whole(np.array([0.5, 3.0], np.float32))
