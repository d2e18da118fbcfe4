"""Synthesis: whole images on their canvas, their labels, what an upscaler sees, MRNet's layout, and whole runs."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from DiffusionCore import load_model
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.networks import NO_LABEL, enlarged, halved
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.examples import make_source
from DiffusionCore.training.labels import normalised_label, read_table
from DiffusionCore.training.readers import read_scans
from DiffusionCore.training.run import run as run_config
from DiffusionCore.training.whole_images import ImageSource, warped

# the world's heads are 20 slices of 28 × 26
BASE = {
    "data": {"target": "slices", "patch": [16, 16]},
    "degradation": {"target": "none"},
    "network": {"target": "synth-base", "options": {"channels": [8, 8], "attention_levels": [1], "embedding": 8}},
    "diffusion": {"state": "image", "drop": 0.25},
    "synthesis": {
        "canvas": [32, 32],
        "size": [16, 16],
        "labels": [{"name": "z_fraction", "low": 0.0, "high": 1.0}],
        "steps": 2,
        "sheet": 4,
    },
    "card": {"task": "synthesize", "modality": "MR"},
}
UPSCALER = {
    **BASE,
    "data": {"target": "slices", "patch": [16, 16]},
    "network": {"target": "synth-upscale", "options": {"channels": [8, 8], "embedding": 8}, "detail": 0.1},
    "diffusion": {"state": "upscale"},
    "synthesis": {
        "canvas": [32, 32],
        "size": [32, 32],
        "upscale": 2,
        "augmentation": [0.0, 0.1],
        "steps": 2,
        "sheet": 4,
    },
}


@pytest.fixture
def configured(world):
    """configured(sections, *overrides) -> a configuration in the world of synthetic heads."""

    def make(sections: dict, *overrides: str):
        content = yaml.safe_load((world / "tiny.yaml").read_text())
        for section, values in sections.items():
            content[section] = {**content.get(section, {}), **values}
        content["network"], content["diffusion"] = sections["network"], {**sections["diffusion"], "steps": 50}
        content["validation"] = {"every_minutes": None, "every_steps": 6}
        path = world / "synthesis.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_config(path, overrides)

    return make


def source(config, split: str = "train"):
    return make_source(config, read_scans(config.data, split))


def test_every_slice_is_an_image_in_the_middle_of_the_canvas(configured):
    made = source(configured(BASE))
    assert len(made.images) == 4 * 20
    scan, k = made.images[10]
    canvas = made.on_canvas(10)
    assert canvas.shape == (1, 1, 32, 32)
    assert np.allclose(canvas[0, 0, 2:30, 3:29], scan.normalised((k, slice(None), slice(None))))
    assert canvas.sum() == pytest.approx(float(canvas[..., 2:30, 3:29].sum()))


def test_an_image_larger_than_the_canvas_is_cropped_about_its_middle(configured):
    made = source(configured(BASE, "synthesis.canvas=[16, 16]", "synthesis.size=[16, 16]"))
    scan, k = made.images[10]
    assert np.allclose(made.on_canvas(10)[0, 0], scan.normalised((k, slice(6, 22), slice(5, 21))))


def test_the_background_is_the_modalitys_own(configured):
    made = source(configured(BASE, "data.normalisation=hu"))
    assert made.on_canvas(0)[0, 0, 0, 0] == -1


def test_an_example_is_a_function_of_seed_step_and_index(configured):
    made = source(configured(BASE, "synthesis.warp=0.5", "synthesis.mirror=0.5"))
    one, whole = made.batch(3, [1]), made.batch(3, [0, 1])
    for name in ("x", "t", "epsilon", "label"):
        assert torch.equal(one[name][0], whole[name][1]), name
    assert whole["x"].shape == (2, 1, 16, 16) and whole["label"].shape == (2, 1)


def test_without_augmentation_a_voxel_is_the_mean_of_the_canvas(configured):
    made = source(configured(BASE))
    images = torch.cat([halved(made.on_canvas(n)) for n in range(len(made.images))])
    for x in made.batch(0, range(8))["x"]:
        assert (images - x).abs().amax(dim=(1, 2, 3)).min() == 0


def test_slices_know_their_height_and_some_examples_forget_it(configured):
    made = source(configured(BASE))
    assert made.label(0) == pytest.approx([0.5 / 20]) and made.label(19) == pytest.approx([19.5 / 20])
    labels = made.batch(0, range(200))["label"]
    assert float((labels == NO_LABEL).float().mean()) == pytest.approx(0.25, abs=0.1)


def test_labels_come_from_a_table(configured, world):
    with (world / "data" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("stack", "index", "z_fraction", "age"))
        writer.writerows((f"head{n}.nii.gz", k, k / 100, 40 + n) for n in range(3) for k in range(20))
    labels = "synthesis.labels=[{name: age, low: 30, high: 50}, {name: z_fraction, low: 0, high: 0.2}]"
    made = source(configured(BASE, labels, "synthesis.label_file=labels.csv"))
    assert made.label(20 + 4) == pytest.approx([0.55, 0.2])
    assert made.label(60) == pytest.approx([NO_LABEL, NO_LABEL])  # the fourth head is not in the table


def test_a_table_of_other_files_is_refused(configured, world):
    (world / "data" / "other.csv").write_text("file,z_fraction\nnobody.nii.gz,0.5\n")
    with pytest.raises(InputError, match="must name the scans' files"):
        source(configured(BASE, "synthesis.label_file=other.csv"))


@pytest.mark.parametrize(
    ("text", "sentence"), [("name,age\nx,1\n", "a column 'stack' or 'file'"), ("file,age\nx,old\n", "line 2 holds")]
)
def test_a_broken_table_is_said(tmp_path, text, sentence):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_table(path, ["age"])


def test_an_unknown_value_is_no_label():
    from DiffusionCore.models import LabelSpec

    specs = [LabelSpec(name="a", low=10, high=20), LabelSpec(name="b")]
    assert normalised_label([15, float("nan")], specs).tolist() == [0.5, NO_LABEL]


def test_an_upscaler_sees_the_same_crop_from_half_the_size(configured):
    made = source(configured(UPSCALER, "synthesis.augmentation=[0, 0]"))
    batch = made.batch(0, range(2))
    assert batch["y"].shape == batch["x"].shape == (2, 1, 16, 16)
    assert batch["sigma"].shape == (2, 1, 1, 1) and "label" not in batch
    wholes = [made.image(n) for n in range(len(made.images))]
    for x, y in zip(batch["x"], batch["y"], strict=True):
        found = [
            (whole, j, i)
            for whole in wholes
            for j in range(17)
            for i in range(17)
            if torch.equal(whole[0, :, j : j + 16, i : i + 16], x)
        ]
        assert any(
            torch.allclose(enlarged(halved(whole), (32, 32))[0, :, j : j + 16, i : i + 16], y) for whole, j, i in found
        )


def test_an_upscalers_input_is_spoilt_by_the_noise_it_is_told(configured):
    config = configured(UPSCALER, "synthesis.augmentation=[0.1, 0.1]")
    made = source(config)
    rng = np.random.default_rng(0)
    flat = torch.full((1, 1, 32, 32), 0.5)
    small = torch.stack([halved(made.from_smaller(flat, 0.1, rng)[None] - 0.5) for _ in range(50)])
    assert float(made.batch(0, [0])["sigma"][0]) == pytest.approx(0.1)
    assert 0.04 < float(small.std()) < 0.1  # enlarging smooths it


def test_a_quarter_turn_keeps_a_rectangle_in_its_proportions():
    canvas = torch.zeros(1, 1, 32, 16)
    canvas[..., 12:20, 6:10] = 1
    ratio = 32 / 16
    turn = torch.tensor([[[0.0, -ratio, 0.0], [1 / ratio, 0.0, 0.0]]])
    turned = warped(canvas, turn, 1)[0, 0]
    expected = torch.zeros(32, 16)
    expected[14:18, 4:12] = 1
    assert torch.allclose(turned, expected, atol=1e-3)


def test_mirrors_are_along_the_chosen_axis_alone(configured):
    made = source(configured(BASE, "synthesis.mirror=1"))
    canvas = made.on_canvas(10)
    assert torch.equal(made.augmented(canvas, np.random.default_rng(0)), halved(canvas).flip(-1))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("synthesis.size=[12, 16]", "the canvas divided by one whole number"),
        ("data.patch=[8, 8]", "learnt whole"),
        ("diffusion.state=upscale", "synthesis has degradation.target none, and state image"),
        ("degradation.target=rician", "synthesis has degradation.target none"),
        ("synthesis.labels=[{name: z, low: 1, high: 0}]", "needs a range"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(configured, override, sentence):
    with pytest.raises(UsageError, match=sentence):
        configured(BASE, override)


def mrnet(root: Path) -> Path:
    """Four exams to train and two to validate, in MRNet's layout: half of the first findings true."""
    for part, count in (("train", 4), ("valid", 2)):
        (root / part / "sagittal").mkdir(parents=True)
        for n in range(count):
            number = n + (0 if part == "train" else 1130)
            stack = np.zeros((6 + n, 32, 32), np.uint8)
            stack[:, 8:24, 8 : 16 + 2 * n] = 200
            np.save(root / part / "sagittal" / f"{number:04d}.npy", stack)
        for finding in ("abnormal", "acl", "meniscus"):
            numbers = [n + (0 if part == "train" else 1130) for n in range(count)]
            text = "".join(f"{n:04d},{int(n % 2 == 0)}\n" for n in numbers)
            (root / f"{part}-{finding}.csv").write_text(text)
    return root


def test_exams_of_mrnets_layout_are_read_with_their_findings(configured, tmp_path):
    labels = (
        "synthesis.labels=[{name: acl, low: 0, high: 1, classes: [whole, torn]}, {name: z_fraction, low: 0, high: 1}]"
    )
    config = configured(BASE, "data.target=mrnet", f"data.root={mrnet(tmp_path)}", "data.split=null", labels)
    made = source(config)
    assert len(made.scans) == 4 and len(made.images) == 6 + 7 + 8 + 9
    assert made.label(0) == pytest.approx([1, 0.5 / 6])
    assert made.label(6) == pytest.approx([0, 0.5 / 7])
    assert made.on_canvas(0).max() == 1
    assert len(source(config, "val").images) == 6 + 7


def test_an_exam_that_is_a_pickle_is_refused(configured, tmp_path):
    root = mrnet(tmp_path)
    with (root / "train" / "sagittal" / "0000.npy").open("wb") as file:
        pickle.dump({"a": 1}, file)
    config = configured(BASE, "data.target=mrnet", f"data.root={root}", "data.split=null")
    with pytest.raises(InputError, match=r"not a \.npy file of numbers"):
        read_scans(config.data, "train")


def test_another_layout_is_said(configured, tmp_path):
    config = configured(BASE, "data.target=mrnet", f"data.root={tmp_path}", "data.split=null")
    with pytest.raises(InputError, match="the folder that holds train/ and valid/"):
        read_scans(config.data, "train")


def run(configured, sections: dict, *overrides: str) -> Path:
    return run_config(configured(sections, "trainer.max_steps=6", *overrides), quiet=True)


def test_a_cascade_is_trained_stage_by_stage_and_makes_images(configured, world):
    base = run(configured, BASE, "name=base", "synthesis.then=[twice]")
    run(configured, UPSCALER, "name=twice")
    model = load_model(base)
    assert model.card.input == "none" and model.card.synthesis.labels[0].name == "z_fraction"
    images = model.sample({"z_fraction": 0.5}, count=2, steps=2)  # its upscaler is found in the run beside it
    assert images.shape == (2, 1, 32, 32) and images.isfinite().all()
    for name, rows in (("base", 2), ("twice", 3)):
        (sheet,) = (world / "runs" / name / "samples").glob("*.png")
        from PIL import Image

        size = 16 if name == "base" else 32
        assert Image.open(sheet).size[1] == rows * (size + 2) - 2


def test_volumes_are_learnt_whole_in_3d(configured):
    sections = {
        **BASE,
        "data": {"target": "volumes", "patch": [8, 16, 16]},
        "network": {
            "target": "synth-base",
            "options": {"spatial_dims": 3, "channels": [8, 8], "attention_levels": [1], "embedding": 8},
        },
        "diffusion": {"state": "image"},
        "synthesis": {"canvas": [16, 32, 32], "size": [8, 16, 16], "warp": 1.0, "steps": 2, "sheet": 2},
    }
    model = load_model(run(configured, sections, "name=solid"))
    assert model.sample(count=1, steps=2).shape == (1, 1, 8, 16, 16)


def test_the_bundled_configurations_hold(shared_data, monkeypatch):
    monkeypatch.setenv("DIFFUSIONCORE_DATA", str(shared_data))
    configs = Path(__file__).parents[3] / "configs"
    for name in ("base", "sr1", "sr2", "single"):
        config = load_config(configs / f"synth-mr-{name}.yaml")
        from DiffusionCore.training.network import make_denoiser

        made = source(config, "val")
        assert len(made.images) == 200
        denoiser, _ = make_denoiser(config)
        assert denoiser.labels == len(config.synthesis.labels)
        assert tuple(made.batch(0, [0])["x"].shape[2:]) == config.data.patch
        assert any("swin" in key for key in denoiser.network.state_dict())


@pytest.mark.parametrize("name", ["base", "sr1", "sr2", "single"])
def test_the_configurations_for_mrnet_hold(name, tmp_path):
    from DiffusionCore.training.network import make_denoiser

    root = mrnet(tmp_path)
    config = load_config(
        Path(__file__).parents[3] / "configs" / f"synth-knee-{name}.yaml", [f"data.root={root}", "trainer.batch_size=2"]
    )
    batch = source(config).batch(0, range(2))
    assert tuple(batch["x"].shape[2:]) == config.data.patch
    assert ("label" in batch) == (config.synthesis.upscale == 1) == (make_denoiser(config)[0].labels == 4)


def test_a_broken_off_synthesis_run_ends_as_one_that_was_not(configured, world, monkeypatch):
    config = configured(BASE, "name=unbroken", "trainer.max_steps=12")
    run_config(config, quiet=True)
    batch = ImageSource.batch

    def broken(images, step, indices):
        if step == 9:  # validation asks for earlier ones alone
            raise OSError("the disk is gone")
        return batch(images, step, indices)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="the disk is gone"):
        patch.setattr(ImageSource, "batch", broken)
        run_config(config.model_copy(update={"name": "broken"}), quiet=True)
    begun = torch.load(world / "runs" / "broken" / "last.ckpt", weights_only=True)
    assert begun["global_step"] == 8
    run_config(config.model_copy(update={"name": "broken"}), resume=True, quiet=True)
    ends = [torch.load(world / "runs" / name / "last.ckpt", weights_only=True) for name in ("broken", "unbroken")]
    for part in ("state_dict", "average"):
        for name, tensor in ends[1][part].items():
            assert torch.equal(ends[0][part][name], tensor), name
