"""Classify: the structure in a mask wherever and however it lies, fields of a scan, a search, abstaining, explanation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from DiffusionCore.errors import Cancelled, DeviceError, InputError, ModelError, Refused, UsageError
from DiffusionCore.metrics.familiarity import fit_familiarity
from DiffusionCore.models import FamiliarSpec, load_classifier, read_card
from DiffusionCore.progress import Progress
from DiffusionCore.tasks.classification import run as run_module
from DiffusionCore.tasks.classification.classify import classify
from DiffusionCore.tasks.classification.files import inside_box
from DiffusionCore.tasks.classification.input import labels_in, masked_structure
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import box_slices, to_canonical_axes, to_ras

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def labelmap(tiny_classifiers):
    return load_classifier(tiny_classifiers["labelmap"])


@pytest.fixture(scope="module")
def grey(tiny_classifiers):
    return load_classifier(tiny_classifiers["volume"])


def gland(shape=(64, 64, 64), value: int = 1) -> Volume:
    """A bent plate at 1 mm, LPS, its centre of mass in voxel 32 along each axis: further back is further left."""
    k, j, i = np.indices(shape) - np.reshape([31.4, 32.4, 32.4], (3, 1, 1, 1))
    inside = (np.abs(k) < 9) & (np.abs(i - 0.6 * j) < 3 + 0.1 * k) & (np.abs(j) < 14)
    return Volume((inside * value).astype(np.uint8), LPS, "LABEL")


def test_a_mask_is_resized_as_medmnist_does(labelmap):
    mask = gland()
    assert np.allclose(np.floor(np.argwhere(mask.voxels).mean(axis=0)), 32)
    wanted = ndimage.zoom(mask.voxels.astype(float), 28 / 64, order=3) > 0.5
    assert np.array_equal(masked_structure(mask, labelmap.card, None, None).image.voxels > 0, wanted)


def test_the_official_files_come_out_voxel_by_voxel(labelmap, shared_data):
    """Where the centre of mass lies in the crop's middle voxel, as in most of the 64³ files, theirs and ours agree."""
    big = np.load(shared_data / "classify" / "adrenalmnist3d_64.npz")["val_images"]
    small = np.load(shared_data / "classify" / "adrenalmnist3d.npz")["val_images"]
    same = 0
    for n in range(30):
        if not np.array_equal(np.floor(np.argwhere(big[n]).mean(axis=0)), [32, 32, 32]):
            continue
        mask = Volume(big[n], LPS, "LABEL")
        try:
            found = masked_structure(mask, labelmap.card, None, None).image
        except Refused:
            continue  # two parts
        assert np.array_equal(found.voxels > 0, small[n] > 0)
        same += 1
    assert same >= 5


@pytest.mark.parametrize(
    "turn",
    [
        lambda v: to_canonical_axes(v),
        lambda v: Volume(v.voxels.transpose(2, 0, 1), v.ijk_to_ras[:, [1, 2, 0, 3]], "LABEL"),
        lambda v: Volume(v.voxels[:, :, ::-1], v.ijk_to_ras @ flip_i(64), "LABEL"),
        lambda v: Volume(np.pad(v.voxels, ((20, 3), (0, 9), (5, 5))), shifted(v.ijk_to_ras, (-5, 0, -20)), "LABEL"),
    ],
    ids=["canonical axes", "permuted", "flipped", "in a larger scan"],
)
def test_what_the_network_sees_does_not_depend_on_how_the_mask_is_stored(labelmap, turn):
    first = masked_structure(gland(), labelmap.card, None, None).image
    second = masked_structure(turn(gland()), labelmap.card, None, None).image
    assert np.array_equal(first.voxels, second.voxels)
    np.testing.assert_allclose(first.ijk_to_ras, second.ijk_to_ras, atol=1e-9)


def flip_i(size: int) -> np.ndarray:
    matrix = np.diag([-1.0, 1, 1, 1])
    matrix[0, 3] = size - 1
    return matrix


def shifted(matrix: np.ndarray, ijk: tuple[int, int, int]) -> np.ndarray:
    moved = matrix.copy()
    moved[:3, 3] = to_ras(matrix, ijk)
    return moved


def test_glands_of_both_sides_look_alike(labelmap):
    left = gland()
    right = Volume(left.voxels, np.diag([-1.0, 1, 1, 1]) @ left.ijk_to_ras, "LABEL")
    images = [masked_structure(mask, labelmap.card, None, None).image for mask in (left, right)]
    assert np.mean(images[0].voxels != images[1].voxels) < 0.01  # up to the millimetre that the crop begins at


def test_other_voxel_sizes_show_the_same_structure(labelmap):
    fine = gland()
    coarse = Volume(fine.voxels[:, ::2, ::2], shifted(LPS, (0, 0, 0)) @ np.diag([2.0, 2, 1, 1]), "LABEL")
    images = [masked_structure(mask, labelmap.card, None, None).image.voxels > 0 for mask in (fine, coarse)]
    overlap = 2 * np.sum(images[0] & images[1]) / (images[0].sum() + images[1].sum())
    assert overlap > 0.85


def test_specks_are_left_out_and_one_of_several_labels_is_taken(labelmap):
    specks = np.array(gland().voxels)
    specks[2, 2, 2] = 1
    wanted = masked_structure(gland(), labelmap.card, None, None).image.voxels
    mask = Volume(specks, LPS, "LABEL")
    assert np.array_equal(masked_structure(mask, labelmap.card, None, None).image.voxels, wanted)
    both = np.array(gland(value=3).voxels)
    both[0:5, 0:5, 0:5] = 7
    assert np.array_equal(masked_structure(Volume(both, LPS, "LABEL"), labelmap.card, 3, None).image.voxels, wanted)


def two_parts() -> Volume:
    voxels = np.zeros((64, 64, 64), np.uint8)
    voxels[10:20, 10:20, 10:20] = voxels[40:50, 40:50, 40:50] = 1
    return Volume(voxels, LPS, "LABEL")


def long_bar() -> Volume:
    voxels = np.zeros((10, 10, 100), np.uint8)
    voxels[4:6, 4:6, 5:95] = 1
    return Volume(voxels, LPS, "LABEL")


def several_labels() -> Volume:
    voxels = np.array(gland().voxels)
    voxels[0:9, 0:9, 0:9] = 2
    return Volume(voxels, LPS, "LABEL")


@pytest.mark.parametrize(
    ("volume", "options", "error", "says"),
    [
        (Volume(np.zeros((9, 9, 9), np.uint8), LPS, "LABEL"), {}, InputError, "same value"),
        (two_parts(), {}, Refused, "2 separate structures"),
        (long_bar(), {}, Refused, "89 mm long"),
        (several_labels(), {}, UsageError, "labels 1, 2"),
        (several_labels(), {"label": 5}, InputError, "holds no 5"),
        (Volume(np.random.default_rng(0).normal(size=(9, 9, 9)), LPS, "MR"), {}, Refused, "takes a label map"),
        (gland(), {"region": (slice(0, 4),) * 3}, InputError, "empty there"),
        (Volume(gland().voxels * 0.5, LPS, "LABEL"), {}, InputError, "whole numbers, and this one holds 0.5"),
        (
            Volume(np.where(gland().voxels, np.nan, 0), LPS, "LABEL"),
            {},
            InputError,
            "whole numbers, and this one holds nan",
        ),
        (gland(), {"steps": 21}, UsageError, "1 to 20"),
        (gland(), {"samples": 0}, UsageError, "--samples must be 1 to 1000"),
    ],
)
def test_what_cannot_be_classified_is_said(labelmap, volume, options, error, says):
    with pytest.raises(error, match=says):
        classify(volume, loaded=labelmap, **options)


def test_probabilities_with_intervals_saliency_and_regions(labelmap):
    mask = gland()
    found = classify(mask, loaded=labelmap, samples=8, seed=2)
    assert [p.name for p in found.probabilities] == ["normal", "mass"]
    assert sum(p.probability for p in found.probabilities) == pytest.approx(1)
    assert all(p.low <= p.probability <= p.high for p in found.probabilities)
    assert found.answer == max(found.probabilities, key=lambda p: p.probability).name
    assert found.samples.shape == (8, 2)
    assert found.saliency.shape == mask.shape
    np.testing.assert_allclose(found.saliency.ijk_to_ras, mask.ijk_to_ras)
    assert 0 <= found.saliency.voxels.min() <= found.saliency.voxels.max() <= 1
    assert 1 <= len(found.regions) <= 5
    assert found.provenance["model"]["name"] == "tiny-labelmap"
    assert found.provenance["sampling"] == {"samples": 8, "steps": 4, "seed": 2}


@pytest.mark.parametrize("region", [None, (slice(5, 60), slice(2, 64), slice(0, 64))])
def test_saliency_and_regions_of_a_label_map_lie_on_its_structure(labelmap, region):
    mask = gland()
    mask.voxels.setflags(write=True)
    mask.voxels[0, 0, 0] = 1  # a speck, which is left out
    found = classify(mask, loaded=labelmap, region=region)
    shown = found.saliency.voxels > 0
    assert not shown[0, 0, 0]
    assert not (shown & (mask.voxels == 0)).any()
    assert shown[32, 32, 32]
    for box in found.regions:
        assert (inside_box(mask, box) & (mask.voxels > 0)).any()


def test_the_same_seed_gives_the_same_answer_and_another_does_not(labelmap):
    once, again, other = (classify(gland(), loaded=labelmap, seed=seed).samples for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_the_input_is_not_changed(labelmap):
    mask = gland()
    before = mask.voxels.copy()
    classify(mask, loaded=labelmap)
    assert np.array_equal(mask.voxels, before)


def test_labels_are_those_of_all_planes_without_nothing():
    voxels = np.zeros((4, 3, 3), np.int16)
    voxels[1, 0, 0], voxels[3, 2] = 7, (2, 7, -1)
    assert labels_in(voxels) == [-1, 2, 7]
    assert labels_in(np.zeros((2, 2, 2), bool)) == []


def runs_out(monkeypatch, on: tuple[str, ...]) -> list[str]:
    """Let classifying run out of memory on these devices; gives what it was tried on."""
    tried = []

    def run(model, images, samples, steps, seed, device, progress):
        tried.append(device.type)
        if device.type in on:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return original(model, images, samples, steps, seed, torch.device("cpu"), progress)

    original = run_module._run
    monkeypatch.setattr(run_module, "_run", run)
    monkeypatch.setattr("DiffusionCore.inference.choose_device", torch.device)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_: self)
    return tried


def test_a_device_out_of_memory_is_given_up_for_the_cpu_and_said(labelmap, grey, mr, monkeypatch):
    tried = runs_out(monkeypatch, ("cuda",))
    said = "cuda ran out of memory; the CPU was used"
    assert said in classify(gland(), loaded=labelmap, device="cuda").warnings
    assert tried == ["cuda", "cpu"]
    assert said in classify(larger(mr, 2), loaded=grey, device="cuda").warnings
    with pytest.raises(DeviceError, match="cuda ran out of memory; try --device cpu"):
        classify(gland(), loaded=labelmap, device="cuda", no_fallback=True)


def test_a_machine_out_of_memory_is_said_in_a_sentence(labelmap, monkeypatch):
    runs_out(monkeypatch, ("cuda", "cpu"))
    for device in ("cpu", "cuda"):
        with pytest.raises(DeviceError, match="cpu ran out of memory; take fewer --samples"):
            classify(gland(), loaded=labelmap, device=device)


def test_a_place_of_a_scan_is_answered_and_shown_there(grey, mr):
    """The field is 32 mm; the saliency is nothing outside it."""
    region = (slice(10, 14), slice(11, 15), slice(12, 16))
    scan = larger(mr)
    found = classify(scan, loaded=grey, region=region)
    assert found.answer in ("other tissue", "tumour")
    middle = to_ras(scan.ijk_to_ras, [13.5, 12.5, 11.5])
    field = box_slices(scan, middle - 16, middle + 16)
    outside = np.array(found.saliency.voxels)
    outside[field] = 0
    assert outside.max() == 0
    assert found.saliency.voxels[11, 12, 13] > 0
    for box in found.regions:
        assert np.all(np.abs(np.array(box.centre) - middle) <= 16)


def larger(scan: Volume, times: int = 3) -> Volume:
    return Volume(np.tile(scan.voxels, (times, times, times)), scan.ijk_to_ras, scan.modality, dict(scan.meta))


def test_a_larger_scan_is_searched_and_the_map_is_called_unvalidated(grey, mr):
    scan = larger(mr, 2)
    found = classify(scan, loaded=grey)
    assert found.answer == ""
    assert found.probabilities == ()
    assert found.probability_map.shape == scan.shape
    assert any("unvalidated" in warning for warning in found.warnings)
    assert found.provenance["search"]["fields"] > 10


@pytest.fixture(scope="module")
def whole(grey):
    """The grey model, as one that takes whole scans."""
    spec = grey.card.classify.model_copy(update={"takes": "whole"})
    return replace(grey, card=grey.card.model_copy(update={"classify": spec}))


def test_a_model_of_whole_scans_sees_the_whole_box_from_one_side(whole, mr):
    """The network's image fills the scan's box; its first axis runs to superior, then posterior, then left."""
    found = classify(mr, loaded=whole)
    assert found.answer
    assert found.seen.shape == (16, 16, 16)
    faces = [to_ras(v.ijk_to_ras, [[-0.5] * 3, np.array(v.shape[::-1]) - 0.5]) for v in (mr, found.seen)]
    np.testing.assert_allclose(np.sort(faces[0], axis=0), np.sort(faces[1], axis=0), atol=1e-6)
    assert np.array_equal(np.sign(np.diag(found.seen.ijk_to_ras)[:3]), [-1, -1, 1])
    assert found.saliency.voxels.min() > 0
    with pytest.raises(UsageError, match="whole scan"):
        classify(mr, loaded=whole, region=(slice(0, 4),) * 3)


def test_whole_scans_are_shown_to_the_network_as_in_training(whole, mr):
    from DiffusionCore.training.classify.config import ClassifyData
    from DiffusionCore.training.classify.scans import network_view

    data = ClassifyData(target="folders", split="s.json", classes=("a", "b"), normalisation="p99.5", size=(16, 16, 16))
    assert np.array_equal(classify(mr, loaded=whole).seen.voxels, network_view(mr, data, "scan").voxels)


def test_a_model_of_whole_label_maps_sees_the_whole_box_as_in_training(labelmap):
    """Several structures anywhere in the box: what is trained on folders of label maps is not cropped to one of them."""
    from DiffusionCore.training.classify.config import ClassifyData
    from DiffusionCore.training.classify.scans import network_view

    spec = labelmap.card.classify.model_copy(update={"takes": "whole"})
    model = replace(labelmap, card=labelmap.card.model_copy(update={"classify": spec}))
    shapes = {"target": "folders", "split": "s.json", "classes": ("a", "b"), "input": "labelmap", "size": (28,) * 3}
    found = classify(two_parts(), loaded=model)
    trained_on = network_view(two_parts(), ClassifyData(**shapes), "mask").voxels > 0.5
    assert np.array_equal(found.seen.voxels, trained_on)
    assert not (found.saliency.voxels[two_parts().voxels == 0] > 0).any()
    with pytest.raises(InputError, match="none of it"):
        classify(two_parts(), loaded=model, label=3)


def test_a_whole_scan_smaller_than_a_region_is_refused(whole, mr):
    small = Volume(mr.voxels[:12, :12, :3], mr.ijk_to_ras, "MR")
    with pytest.raises(InputError, match="3×12×12 voxels are fewer than one region of 4×4×4"):
        classify(small, loaded=whole)


def test_a_model_of_label_maps_of_another_field_is_refused(labelmap):
    spec = labelmap.card.classify.model_copy(update={"spacing_mm": 1.0})
    model = replace(labelmap, card=labelmap.card.model_copy(update={"classify": spec}))
    with pytest.raises(ModelError, match="label maps of 27 mm"):
        classify(gland(), loaded=model)


def test_progress_of_drawing_goes_to_its_end(labelmap):
    told = []
    classify(gland(), loaded=labelmap, samples=3, steps=5, progress=Progress(told.append))
    drawing = [event.fraction for event in told if event.stage == "draw labels"]
    assert drawing == sorted(drawing)
    assert drawing[-1] > 0.9
    assert any(0.3 < fraction < 0.7 for fraction in drawing)


def test_a_scan_smaller_than_the_field_is_refused_in_words(grey, mr):
    small = Volume(mr.voxels[:8, :8, :8], mr.ijk_to_ras, "MR")
    with pytest.raises(InputError, match=r"field of 32×32×32 mm lies outside"):
        classify(small, loaded=grey)


def test_a_constant_scan_is_refused(grey):
    with pytest.raises(InputError, match="same value"):
        classify(Volume(np.ones((20, 20, 20)), LPS, "MR"), loaded=grey)


def test_a_label_map_is_no_scan(grey):
    with pytest.raises(Refused, match="label map"):
        classify(gland(), loaded=grey)


def test_another_modality_is_refused_unless_forced(grey, ct):
    region = (slice(10, 14), slice(11, 15), slice(12, 16))
    with pytest.raises(Refused, match="is CT, the model 'tiny-volume' is for MR; --force"):
        classify(larger(ct), loaded=grey, region=region)
    with pytest.raises(Refused, match="PET"):
        classify(replace(larger(ct), modality="OTHER", meta={"kind": "PET"}), loaded=grey, region=region, force=True)


@pytest.fixture(scope="module")
def wary(labelmap):
    """The label-map model, which has seen plates like the gland, thicker and thinner."""
    plates = []
    for n in range(60):
        k, j, i = np.indices((28, 28, 28)) - 14
        thick = 1.5 + 0.02 * n
        plates.append((np.abs(k) < 4) & (np.abs(i - 0.6 * j) < thick) & (np.abs(j) < 5 + n % 3))
    fitted = fit_familiarity(np.array(plates[:40]), np.array(plates[40:]), "labelmap")
    spec = FamiliarSpec(
        names=list(fitted.names),
        mean=fitted.mean.tolist(),
        whitening=fitted.whitening.tolist(),
        limit=fitted.limit,
        false_alarms=0.02,
    )
    card = labelmap.card.model_copy(update={"classify": labelmap.card.classify.model_copy(update={"familiar": spec})})
    return replace(labelmap, card=card)


def ball() -> Volume:
    k, j, i = np.indices((64, 64, 64)) - 32
    return Volume((k**2 + j**2 + i**2 < 24**2).astype(np.uint8), LPS, "LABEL")


def test_it_abstains_with_a_reason(wary):
    found = classify(ball(), loaded=wary)
    assert found.answer == ""
    assert found.samples is None
    assert "deviations above what was trained on" in found.abstained
    assert "2% of fitting inputs" in found.abstained
    assert found.provenance["input"]["modality"] == "LABEL"


def test_forced_it_answers_and_warns(wary):
    found = classify(ball(), loaded=wary, force=True)
    assert found.answer
    assert any("answered all the same" in warning for warning in found.warnings)


def test_cancelled_at_the_next_layer(labelmap):
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 8

    with pytest.raises(Cancelled):
        classify(gland(), loaded=labelmap, samples=100, progress=Progress(cancelled=stop))


def test_cards_say_what_a_classifier_takes(tiny_classifiers):
    assert read_card(tiny_classifiers["labelmap"] / "card.yaml").input == "labelmap"
