"""Whole trainings of a classifier: both phases as S4 has them, a model that loads, and runs that go on where they stopped."""

from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from DiffusionCore.classification import LabelDiffusion, preset
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.metrics.classifier import Predictions
from DiffusionCore.models import verify_model
from DiffusionCore.models.classifiers import load_classifier
from DiffusionCore.training.classify.cases import read_cases
from DiffusionCore.training.classify.config import ClassifierConfig
from DiffusionCore.training.classify.fitting import fit_phase, take_over
from DiffusionCore.training.classify.guidance_phase import GuidanceTraining
from DiffusionCore.training.classify.label_phase import LabelTraining
from DiffusionCore.training.classify.loader import EpochOrder, class_weights
from DiffusionCore.training.classify.phase import running_mean
from DiffusionCore.training.classify.rates import cosine_with_warmup
from DiffusionCore.training.classify.run import classifier_network
from DiffusionCore.training.classify.threshold import balanced_threshold
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.run import train

SMALL = {
    "encoder": [4, 8],
    "features": 8,
    "region": [4, 4, 4],
    "region_step": [4, 4, 4],
    "regions": 2,
    "local": [4, 8],
    "local_features": 8,
    "attention": 4,
    "prior_hidden": 8,
    "label_grid": 2,
    "unet": [8, 16],
    "embedding": 8,
    "dropout": 0.0,
}


def balls(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, 12, 12, 12) uint8 and labels: small balls and large ones, a third of them large."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(12.0)] * 3, indexing="ij"))
    labels = (np.arange(count) % 3 == 0).astype(np.uint8)
    centres = rng.uniform(4.5, 6.5, (count, 3, 1, 1, 1))
    radii = np.where(labels == 1, 4.2, 2.2)
    images = [((grid - c) ** 2).sum(0) < r**2 for c, r in zip(centres, radii, strict=True)]
    return np.array(images, np.uint8) * 255, labels[:, None]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with `balls.npz` and `balls.yaml`."""
    root = tmp_path_factory.mktemp("balls")
    arrays = {}
    for split, count, seed in (("train", 48, 0), ("val", 24, 1)):
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = balls(count, seed)
    np.savez(root / "balls.npz", **arrays)
    content = {
        "task": "classify",
        "name": "balls",
        "seed": 2,
        "runs": str(root / "runs"),
        "data": {
            "target": "medmnist",
            "root": str(root),
            "file": "balls.npz",
            "classes": ["small", "large"],
            "input": "labelmap",
            "normalisation": "unit",
            "size": [12, 12, 12],
            "spacing_mm": 2.0,
        },
        "augmentation": {"shift": 1.0},
        "network": {"preset": "small", "options": SMALL},
        "guidance": {"epochs": 6, "schedule": "cosine", "learning_rate": 1e-2, "ema": 0.8},
        "labels": {
            **{"epochs": 6, "schedule": "cosine", "ema": 0.8, "steps": 4, "samples": 4},
            **dict.fromkeys(("prior_rate", "denoiser_rate", "head_rate"), 3e-3),
        },
        "trainer": {"batch_size": 8, "threads": 1, "precision": "fp32", "accelerator": "cpu"},
        "tensorboard": False,
        "card": {"modality": "CT"},
    }
    (root / "balls.yaml").write_text(yaml.safe_dump(content))
    return root


@pytest.fixture(scope="module")
def finished(place) -> Path:
    return train(place / "balls.yaml", quiet=True).parent


def test_a_run_ends_with_a_model_that_loads_verifies_and_tells_the_classes(finished):
    card = verify_model(finished / "model")
    assert (card.task, card.input, card.classify.classes) == ("classify", "labelmap", ["small", "large"])
    assert card.classify.size == (12, 12, 12) and card.classify.spacing_mm == 2.0
    assert card.classify.familiar is not None
    assert card.recipe["cases"]["train"] == {"small": 32, "large": 16}
    assert 0 <= card.recipe["guidance_hours"] <= card.recipe["hours"]
    assert card.figures["intervals"]["what"].startswith("95%, bootstrap over 24 subjects")
    for name, value in card.figures["validation"].items():
        low, high = card.figures["intervals"][name]
        assert low <= value <= high
    network = load_classifier(finished / "model").network
    images, labels = balls(30, 9)
    x = torch.from_numpy((images > 0).astype(np.float32))[:, None]
    drawn = network.sample(network.encode(x), samples=4, steps=4).mean(dim=0)
    assert ((drawn[:, 1] > card.classify.threshold).numpy() == labels[:, 0]).mean() > 0.9


def test_results_are_left_to_read(finished):
    with (finished / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert float(rows[0]["p(small)"]) + float(rows[0]["p(large)"]) == pytest.approx(1, abs=1e-3)
    with (finished / "confusion.csv").open() as file:
        counts = [row[1:] for row in list(csv.reader(file))[1:]]
    assert np.array(counts, int).sum(axis=1).tolist() == [16, 8]
    assert (finished / "confusion.png").stat().st_size > 2000 and (finished / "curves.png").stat().st_size > 2000
    assert yaml.safe_load((finished / "config.yaml").read_text())["guidance"]["label_smoothing"] == 0.1


def test_a_run_stopped_in_either_phase_and_resumed_ends_with_the_same_weights(place, finished, monkeypatch):
    class Stop(Exception):
        pass

    for phase, name in ((GuidanceTraining, "first"), (LabelTraining, "second")):
        original = phase.training_loss

        def stops(self, batch, original=original):
            if self.current_epoch == 3:
                raise Stop
            return original(self, batch)

        with monkeypatch.context() as patch:
            patch.setattr(phase, "training_loss", stops)
            with pytest.raises(Stop):
                train(place / "balls.yaml", [f"name={name}"], quiet=True)
        resumed = train(place / "balls.yaml", [f"name={name}"], resume=True, quiet=True)
        whole, again = (load_classifier(model).network.state_dict() for model in (finished / "model", resumed))
        assert all(torch.equal(whole[key], again[key]) for key in whole)


@pytest.mark.parametrize("kept", ["guidance.last.ckpt", "labels.last.ckpt"])
def test_a_damaged_checkpoint_is_refused_in_a_sentence(place, finished, kept):
    folder = shutil.copytree(finished, place / "runs" / "damaged", dirs_exist_ok=True)
    if kept == "guidance.last.ckpt":
        (folder / "guidance.done").unlink()
    (folder / kept).write_bytes(b"junk")
    with pytest.raises(InputError, match=f"{kept}: not a checkpoint"):
        train(place / "balls.yaml", ["name=damaged"], resume=True, quiet=True)
    shutil.rmtree(folder)


def test_a_phase_that_is_over_is_loaded_with_the_time_it_took(place, finished, monkeypatch):
    """Or the minutes of phase 1 would be given to phase 2 once more."""
    said = load_config(place / "balls.yaml")
    module = GuidanceTraining(said, LabelDiffusion(classifier_network(said)).guide, torch.ones(2))
    train_cases, val_cases = (read_cases(said.data, split) for split in ("train", "val"))
    monkeypatch.setattr(GuidanceTraining, "training_loss", None)
    how = {"seconds": 0.0, "resume": True, "quiet": True}
    fit_phase(said, said.guidance, "guidance", module, train_cases, val_cases, **how)
    kept = torch.load(finished / "guidance.last.ckpt", weights_only=True)
    assert module.seconds_trained == kept["seconds_trained"] > 0


def test_a_phase_is_taken_over_from_another_run(place, finished, monkeypatch):
    monkeypatch.setattr(GuidanceTraining, "training_loss", None)
    folder = place / "runs" / "flat"
    take_over("guidance", finished, folder)
    model = train(place / "balls.yaml", ["name=flat", "network.options.dense_map=false"], resume=True, quiet=True)
    theirs, own = (load_classifier(where).network for where in (finished / "model", model))
    assert all(torch.equal(a, b) for a, b in zip(theirs.guide.parameters(), own.guide.parameters(), strict=True))
    assert not own.config.dense_map


def test_three_classes_are_trained_and_watched_by_their_auc(place):
    arrays = dict(np.load(place / "balls.npz"))
    for split in ("train", "val"):
        arrays[f"{split}_labels"] = np.arange(len(arrays[f"{split}_labels"]))[:, None] % 3
    np.savez(place / "three.npz", **arrays)
    watched = [f"{phase}.{setting}" for phase in ("guidance", "labels") for setting in ("epochs=1", "monitor=val_auc")]
    given = ["name=three", "data.file=three.npz", "data.classes=[small, middle, large]", *watched]
    card = verify_model(train(place / "balls.yaml", given, quiet=True))
    assert len(card.classify.classes) == 3
    assert 0 <= card.figures["validation"]["AUC"] <= 1


def test_a_run_is_not_overwritten_unasked(place, finished):
    with pytest.raises(UsageError, match="holds a run already"):
        train(place / "balls.yaml", quiet=True)


def test_the_grid_and_the_classes_follow_from_the_data(place):
    with pytest.raises(UsageError, match=r"data\.size"):
        train(place / "balls.yaml", ["name=other", "network.options.grid=[8, 8, 8]"], quiet=True)


def config(**changes: object) -> ClassifierConfig:
    data = {"target": "medmnist", "file": "x.npz", "classes": ["a", "b"], "size": [12, 12, 12]}
    return ClassifierConfig.model_validate({"task": "classify", "name": "x", "data": data, **changes})


def small() -> LabelDiffusion:
    return LabelDiffusion(preset("small", **{**SMALL, "norm": "batch", "grid": (12, 12, 12)}))


def test_phase_1_is_s4_s():
    said = config()
    described = GuidanceTraining(said, small().guide, None).configure_optimizers()
    group = described["optimizer"].param_groups[0]
    assert isinstance(described["optimizer"], torch.optim.AdamW)
    assert (group["lr"], group["weight_decay"]) == (1e-3, 0.01)
    assert isinstance(described["lr_scheduler"]["scheduler"], torch.optim.lr_scheduler.ReduceLROnPlateau)
    assert (said.guidance.epochs, said.guidance.label_smoothing, said.guidance.patience) == (15, 0.1, 7)


def test_phase_2_is_s4_s():
    said, network = config(), small()
    module = LabelTraining(said, network)
    described = module.configure_optimizers()
    assert [group["lr"] for group in described["optimizer"].param_groups] == [5e-5, 5e-5, 1e-4]
    assert isinstance(described["lr_scheduler"], torch.optim.lr_scheduler.CosineAnnealingWarmRestarts)
    assert (said.labels.epochs, said.labels.head_weight, said.labels.clip, said.labels.patience) == (30, 0.5, 1.0, 10)
    trained = {id(p) for group in described["optimizer"].param_groups for p in group["params"]}
    assert not any(id(p) in trained or p.requires_grad for p in network.guide.parameters())
    assert all(id(p) in trained for part in ("prior", "denoiser", "head") for p in getattr(network, part).parameters())


def test_the_guidance_is_frozen_with_its_statistics(finished):
    best = torch.load(finished / "guidance.best.ckpt", weights_only=True)["state_dict"]
    last = torch.load(finished / "labels.last.ckpt", weights_only=True)["state_dict"]
    names = [key.removeprefix("average.module.") for key in best if key.startswith("average.module.")]
    assert any("running_var" in name for name in names)
    assert all(torch.equal(best[f"average.module.{name}"], last[f"network.guide.{name}"]) for name in names)


def test_phase_2_s_loss_is_the_diffusions_plus_half_the_heads():
    """With a denoiser that answers 0 and a head that is undecided: mean of v² over [0, 1] of cosine time, and ln 2 / 2."""
    network = small()
    torch.nn.init.zeros_(network.head[-1].weight)
    torch.nn.init.zeros_(network.head[-1].bias)
    module = LabelTraining(config(trainer={"precision": "fp32"}), network)
    network.guide.eval()
    batch = {"x": torch.rand(64, 1, 12, 12, 12), "y": torch.arange(64) % 2, "seed": torch.tensor(0)}
    # v = a epsilon - s x0 has mean square a² + s² = 1 for x0 of ±1
    assert module.training_loss(batch).item() == pytest.approx(1 + 0.5 * np.log(2), abs=0.1)


def test_gradients_that_are_not_finite_are_left_out_and_counted(monkeypatch):
    module, logged = GuidanceTraining(config(), small().guide, None), {}
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value}))
    first, second = list(module.network.parameters())[:2]
    first.grad, second.grad = torch.full_like(first, float("nan")), torch.ones_like(second)
    module.on_before_optimizer_step(None)
    assert first.grad is None and second.grad is not None
    assert logged == {"gradients_left_out": 1}


def test_every_epoch_has_an_order_of_its_own_and_the_same_again():
    order = EpochOrder(np.arange(10) % 2, 4, seed=1, balanced=False)
    first = list(order)
    order.set_epoch(1)
    assert list(order) != first
    order.set_epoch(0)
    assert list(order) == first
    assert len({n for batch, _ in first for n in batch}) == 8


def test_balanced_sampling_draws_classes_equally_often():
    labels = np.array([0] * 90 + [1] * 10)
    drawn = [n for batch, _ in EpochOrder(labels, 10, seed=0, balanced=True) for n in batch]
    assert np.bincount(labels[drawn]).tolist() == [50, 50]
    assert len({n for n in drawn if labels[n] == 1}) == 10


def test_weights_make_the_classes_count_the_same():
    weights = class_weights(np.array([0, 0, 0, 1]), 2)
    assert weights.tolist() == pytest.approx([4 / 6, 2.0])


def test_the_running_mean_starts_by_following_and_copies_whole_numbers():
    mean, count = torch.zeros(1), torch.tensor(0)
    update = running_mean(0.99)
    update([mean], [torch.ones(1)], 1)
    assert mean.item() == pytest.approx(1 - 2 / 11)
    update([mean], [torch.ones(1)], 10_000)
    assert mean.item() == pytest.approx(1 - 2 / 11 * 0.99)
    update([count], [torch.tensor(7)], 3)
    assert count == 7


def test_the_threshold_lies_half_way_between_two_normal_classes():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [900, 100])
    logit = rng.normal(np.where(labels == 1, 0.0, -2.0), 1.0)
    p = 1 / (1 + np.exp(-logit))
    found = balanced_threshold(Predictions(np.stack([1 - p, p], axis=1), labels))
    assert np.log(found / (1 - found)) == pytest.approx(-1.0, abs=0.2)


def test_a_threshold_of_no_information_is_still_one():
    labels = np.array([0, 1, 0, 1])
    assert balanced_threshold(Predictions(np.full((4, 2), 0.5), labels)) == 0.5


def test_a_cosine_follows_the_steps_or_the_time_whichever_is_further():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    spent = {"share": 0.0}
    rate = cosine_with_warmup(optimiser, 100, lambda: spent["share"])["scheduler"].lr_lambdas[0]
    assert rate(55) == pytest.approx(0.5)
    assert rate(100) == pytest.approx(0)
    spent["share"] = 0.55
    assert rate(3) == pytest.approx(0.5)
    spent["share"] = 2.0
    assert rate(3) == pytest.approx(0)


def test_minutes_of_the_processor_do_not_pass_while_it_waits():
    def share(clock: str) -> float:
        module = GuidanceTraining(config(trainer={"clock": clock}), small().guide, None)
        module.limit = 0.2
        assert module.share_of_time() == 0
        module.on_train_epoch_start()
        time.sleep(0.1)
        module.on_train_epoch_end()
        return module.share_of_time()

    assert share("wall") >= 0.5
    assert share("processor") < 0.25


def test_a_phase_ends_with_its_time(place):
    """Half of 0.02 minutes for phase 1: 0.6 s, where a thousand epochs would take minutes."""
    train(
        place / "balls.yaml",
        ["name=timed", "guidance.epochs=1000", "labels.epochs=1", "trainer.max_minutes=0.02"],
        quiet=True,
    )
    with next((place / "runs" / "timed").glob("csv/guidance-*/metrics.csv")).open() as file:
        epochs = {int(row["epoch"]) for row in csv.DictReader(file)}
    assert 1 <= len(epochs) < 200
