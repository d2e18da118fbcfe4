"""What the worker answers is what the task gives; what it measured once it does not measure again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.models import load_model
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.volume import Volume


@pytest.fixture(scope="module")
def model(tiny_models):
    return load_model(tiny_models / "tiny-mr")


def test_hello_tells_what_there_is(worker):
    assert worker.hello["protocol"] == 1
    assert {"enhance", "preview", "inspect", "estimate"} <= set(worker.hello["tasks"])
    assert worker.folder.stat().st_mode & 0o777 == 0o700


def test_enhance_is_the_task_s_own_result(worker, mr, model):
    values = worker.result("enhance", mr, model="tiny-mr", strength=0.8, seed=3)
    expected = enhance(mr, loaded=model, model="tiny-mr", strength=0.8, seed=3)
    found = values["volume"]["volume"]
    np.testing.assert_array_equal(worker.array(values["volume"]), expected.volume.voxels)
    np.testing.assert_array_equal(found["matrix"], mr.ijk_to_ras)
    assert found["modality"] == "MR"
    assert found["meta"] == {"enhanced": True}
    assert values["uncertainty"] is None
    assert values["metrics"] == json.loads(json.dumps(expected.metrics).replace("NaN", "null"))
    assert values["provenance"]["input"]["sha256"] == expected.provenance["input"]["sha256"]


def test_samples_come_with_their_spread_and_progress_with_stages(worker, mr):
    values = worker.result("enhance", mr, "many", model="tiny-mr", samples=3, steps=2)
    assert worker.array(values["uncertainty"]).shape == mr.shape
    told = [message for message in worker.seen if message["type"] == "progress" and message["id"] == "many"]
    stages = list(dict.fromkeys(message["stage"] for message in told))
    assert stages == ["load program", "load model", "measure noise", "denoise", "finish", "figures", "hand over"]
    fractions = [message["fraction"] for message in told if message["stage"] == "denoise"]
    assert fractions == sorted(fractions)


def test_a_sheared_left_handed_grid_comes_back_as_it_was(worker, mr):
    matrix = np.array([[0.9, 0.1, 0.2, -3], [0, -1.1, 0.3, 4], [0.1, 0, 1.3, 5], [0, 0, 0, 1]])
    values = worker.result("enhance", Volume(mr.voxels, matrix, "MR"), model="tiny-mr")
    np.testing.assert_array_equal(values["volume"]["volume"]["matrix"], matrix)


def test_mask_reference_and_region(worker, mr):
    mask = mr.with_voxels((np.arange(mr.shape[1])[:, None] < 13) * np.ones(mr.shape, np.uint8))
    mask = Volume(mask.voxels, mr.ijk_to_ras, "LABEL")
    volumes = {"volume": worker.put(mr), "reference": worker.put(mr), "mask": worker.put(mask)}
    options = {"model": "tiny-mr", "region": [[4, 10], [0, 26], [0, 28]]}
    worker.say({"type": "submit", "id": "m", "task": "enhance", "options": options, "volumes": volumes})
    values = worker.answer("result")["values"]
    found = worker.array(values["volume"])
    assert found.shape == (6, 26, 28)
    np.testing.assert_array_equal(found[:, 13:], mr.voxels[4:10, 13:])
    assert "reference" in values["metrics"]


def test_a_preview_is_the_whole_run_s_slab_and_measures_noise_only_once(worker, mr):
    given = worker.put(mr.with_voxels(mr.voxels.astype(np.float32)))
    whole = worker.array(worker.result("enhance", given, model="tiny-mr")["volume"])
    before = len(worker.seen)
    slab = worker.array(worker.result("preview", given, model="tiny-mr", region=[[8, 12], [0, 26], [0, 28]])["volume"])
    np.testing.assert_allclose(slab, whole[8:12], rtol=1e-5, atol=1e-5 * whole.max())
    assert "measure noise" not in {message.get("stage") for message in worker.seen[before:]}


def test_inspect_tells_modality_noise_and_model(worker, mr):
    values = worker.result("inspect", {**worker.put(mr), "meta": {"modality_reason": "from DICOM"}}, model="tiny-mr")
    assert values["modality"] == "MR"
    assert values["modality_reason"] == "from DICOM"
    assert 25 < values["noise"]["sigma"] < 60
    assert values["model"] == "tiny-mr 1"
    assert values["suitable"] is True


def test_inspect_tells_why_a_scan_would_be_refused(worker, mr):
    values = worker.result("inspect", Volume(mr.voxels, mr.ijk_to_ras, "OTHER"))
    assert values["suitable"] is False
    assert values["problem_exit_code"] == 7
    assert "CT or MR" in values["problem"]


def test_estimate_takes_the_rate_that_is_known(worker, mr):
    values = worker.result("estimate", mr, model="tiny-mr", device="cpu", seconds_per_voxel=1e-6, steps=4)
    assert values["network_passes"] == 4
    assert values["seconds"] == pytest.approx(4 * 1e-6 * 24 * 26 * 28, rel=0.2)
    assert worker.result("estimate", mr, model="tiny-mr", device="cpu")["seconds_per_voxel"] == 1e-6


def test_describe_gives_what_a_panel_is_made_from(worker):
    worker.say({"type": "describe", "id": "d", "task": "preview"})
    found = worker.answer("description")
    assert found["options"]["properties"]["strength"]["maximum"] == 1
    assert found["options"]["required"] == ["region"]
    assert found["volumes"] == {"needs": ["volume"], "takes": ["mask"]}


def test_forgotten_inputs_are_gone(worker, mr):
    given = worker.put(mr)
    worker.result("inspect", given, model="tiny-mr")
    worker.say({"type": "forget", "id": "f", "files": [given["file"], "in-never.npy"]})
    assert worker.answer("forgotten")["id"] == "f"
    assert given["file"] not in worker.files()


def test_heartbeats_tell_the_memory_held(worker):
    beat = worker.answer("heartbeat")
    assert beat["job"] is None
    assert beat["memory_MiB"] is None or beat["memory_MiB"] > 10


def test_nothing_of_the_scan_is_in_the_log(worker):
    assert "".join(worker.log) == ""
