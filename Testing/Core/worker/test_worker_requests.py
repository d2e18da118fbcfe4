"""A request that is not understood is answered, changes nothing, and never ends the worker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.worker.requests import NotUnderstood, parse_request

GRID = np.eye(4).tolist()


def submit(**changes: object) -> dict:
    volume = {"file": "in-none.npy", "matrix": GRID, "modality": "MR"}
    return {"type": "submit", "id": "x", "task": "enhance", "options": {}, "volumes": {"volume": volume}, **changes}


@pytest.mark.parametrize(
    "line",
    [
        b"enhance, please",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"[" * 100_000,
        b"[]",
        b"7" * 5000,
        b"null",
        b'"submit"',
        b"{}",
        b'{"type": 1}',
        b'{"type": "dance"}',
        b'{"type": "cancel"}',
        b'{"type": "cancel", "id": 7}',
        b'{"type": "shutdown", "now": true}',
        b'{"type": "cancel", "id": "' + b"x" * 65 + b'"}',
    ],
)
def test_what_is_no_request_is_answered_by_a_sentence(worker, line):
    worker.say(line)
    found = worker.answer("error")
    assert found["class"] == "UsageError"
    assert found["exit_code"] == 2
    assert found["id"] is None or found["id"] == "x"
    assert len(found["message"]) < 300


def test_a_line_that_is_too_long_is_dropped_and_the_next_is_read(worker):
    worker.say(b'{"type": "cancel", "id": "' + b"x" * 3_000_000 + b'"}')
    assert "1048576 bytes" in worker.answer("error")["message"]
    worker.say({"type": "forget", "id": "after", "files": []})
    assert worker.answer("forgotten")["id"] == "after"


def test_empty_lines_are_nothing(worker):
    worker.say(b"\n\r\n  ")
    worker.say({"type": "forget", "id": "e", "files": []})
    assert worker.answer("error", "forgotten")["type"] == "forgotten"


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"task": "paint"}, 2, "there is no such task"),
        ({"task": "../enhance"}, 2, "there is no such task"),
        ({"options": {"strength": 2}}, 2, "--strength must be 0 to 1, got 2"),
        ({"options": {"colour": 1}}, 2, "there is no option --colour"),
        ({"options": {"region": [[0, 4]]}}, 2, "--region"),
        ({"options": []}, 2, "options is wrong"),
        ({"volumes": {}}, 2, "enhance needs a volume as 'volume'"),
        ({"volumes": []}, 2, "volumes is wrong"),
        ({}, 3, "in-none.npy cannot be read"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_its_reason(worker, changes, code, says):
    worker.say(submit(**changes))
    found = worker.answer("error", "result")
    assert (found["id"], found["exit_code"]) == ("x", code)
    assert says in found["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "/etc/passwd"},
        {"file": "../secret.npy"},
        {"file": "a/b.npy"},
        {"file": "a\\b.npy"},
        {"file": ".hidden.npy"},
        {"file": "in-9.nrrd"},
        {"file": "in-9.npy\n"},
        {"matrix": [[1, 0, 0, 0]]},
        {"matrix": "identity"},
        {"modality": "PET"},
        {"meta": {"warnings": 5}},
        {"meta": {"kind": ["PET"]}},
        {"patient": "Doe"},
    ],
)
def test_a_volume_is_a_name_in_the_folder_a_matrix_and_a_modality(changes):
    volume = {"file": "in-none.npy", "matrix": GRID, "modality": "MR", **changes}
    with pytest.raises(NotUnderstood) as caught:
        parse_request(json.dumps(submit(volumes={"volume": volume})).encode())
    assert caught.value.asker == "x"
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3)), np.zeros((0, 2, 2)), np.array(["a"]), np.array([{}]), np.zeros((2, 2, 2), complex)]
)
def test_files_that_hold_no_volume_are_refused(worker, array):
    np.save(worker.folder / "odd.npy", array, allow_pickle=True)
    worker.submit("inspect", {"file": "odd.npy", "matrix": GRID, "modality": "MR"})
    assert worker.answer("error")["exit_code"] == 3
    (worker.folder / "odd.npy").unlink()


def test_a_singular_or_infinite_grid_is_refused(worker, mr):
    for matrix in (np.zeros((4, 4)).tolist(), [[float("nan")] * 4] * 4):
        worker.submit("inspect", {**worker.put(mr), "matrix": matrix})
        assert worker.answer("error")["exit_code"] == 3


def test_whatever_lies_under_a_name_is_forgotten_and_the_worker_works_on(worker, mr):
    (worker.folder / "folder.npy").mkdir()
    worker.say({"type": "forget", "id": "f", "files": ["folder.npy", "never-there.npy"]})
    assert worker.answer("forgotten", "error")["type"] == "forgotten"
    assert worker.result("inspect", mr, model="tiny-mr")["modality"] == "MR"


def test_the_contract_names_every_request_task_and_its_version():
    from DiffusionCore.worker.loop import PROTOCOL
    from DiffusionCore.worker.requests import Request
    from DiffusionCore.worker.table import TASKS

    contract = (Path(__file__).resolve().parents[3] / "docs" / "worker-protocol.md").read_text(encoding="utf-8")
    assert contract.startswith(f"# The worker's protocol, version {PROTOCOL}\n")
    types = [kind.model_fields["type"].annotation.__args__[0] for kind in Request.__args__]
    assert all(f"| `{name}` |" in contract for name in (*types, *TASKS))


def test_roles_that_a_task_does_not_take_are_refused(worker, mr):
    given = worker.put(mr)
    worker.say(submit(task="inspect", volumes={"volume": given, "reference": given}))
    assert "not as 'reference'" in worker.answer("error")["message"]


def test_only_what_runs_can_be_cancelled(worker):
    worker.say({"type": "cancel", "id": "never"})
    found = worker.answer("error")
    assert (found["id"], found["exit_code"]) == ("never", 2)


def test_a_model_that_is_not_there_and_a_mask_that_is_empty(worker, mr):
    worker.submit("enhance", mr, model="no-such-model")
    assert worker.answer("error")["class"] == "ModelError"
    empty = {**worker.put(mr.with_voxels(np.zeros(mr.shape, np.uint8))), "modality": "LABEL"}
    worker.say(submit(options={"model": "tiny-mr"}, volumes={"volume": worker.put(mr), "mask": empty}))
    assert "mask is empty" in worker.answer("error")["message"]
