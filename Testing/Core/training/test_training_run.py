"""Whole runs: they end with a model, go on exactly where they were killed, and refuse what cannot be."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from DiffusionCore.errors import Cancelled, InputError, ModelError, OutputError, UsageError
from DiffusionCore.models import load_model, read_card, verify_model
from DiffusionCore.training.lightning_module import DenoiserTraining
from DiffusionCore.training.run import train

RUN = "import sys; from DiffusionCore.training.run import train; train(sys.argv[1], sys.argv[2:], quiet=True)"


def checkpoint(folder: Path) -> dict:
    return torch.load(folder / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def finished(world) -> Path:
    """The folder of an uninterrupted run of 12 steps."""
    return train(world / "tiny.yaml", quiet=True).parent


def test_a_run_ends_with_a_model_that_loads_and_verifies(finished):
    card = verify_model(finished / "model")
    assert card.name == "tiny"
    assert card.normalisation == "p99.5"
    assert card.recipe["steps"] in (6, 12)
    assert card.recipe["subjects"]["val"] == ["s4", "s5"]
    assert card.figures["validation"]["val_psnr"] > 0
    model = load_model(finished / "model")
    y, sigma = torch.rand(1, 1, 8, 8, 8), torch.full((1, 1, 1, 1, 1), 0.05)
    assert model.denoiser(torch.zeros_like(y), torch.tensor([50]), y, sigma).shape == y.shape


def test_figures_on_the_card_have_intervals(world):
    settings = ["name=sure", "trainer.max_steps=2", "validation.size=[16, 24, 24]"]
    figures = read_card(train(world / "tiny.yaml", settings, quiet=True) / "card.yaml").figures
    assert figures["intervals"]["what"].startswith("95%, block bootstrap within the validation crops")
    for name, value in figures["validation"].items():
        low, high = figures["intervals"][name]
        assert low < value < high


def test_figures_are_logged(finished):
    with next((finished / "csv").glob("*/metrics.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert sum(bool(row["train_loss"]) for row in rows) == 12
    assert [row["step"] for row in rows if row["val_psnr"]] == ["5", "11"]
    assert {"learning_rate", "examples_per_second", "val_psnr/0.1"} <= rows[0].keys()


def test_a_run_killed_and_resumed_ends_with_the_same_weights_bit_for_bit(world):
    settings = ["trainer.max_steps=60", "validation.every_steps=30"]
    train(world / "tiny.yaml", ["name=whole", *settings], quiet=True)
    killed = world / "runs" / "killed"
    command = [sys.executable, "-c", RUN, str(world / "tiny.yaml"), "name=killed", *settings]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not (killed / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 4 <= checkpoint(killed)["global_step"] < 60
    train(world / "tiny.yaml", ["name=killed", *settings], resume=True, quiet=True)
    resumed, whole = checkpoint(killed), checkpoint(world / "runs" / "whole")
    assert resumed["global_step"] == whole["global_step"] == 60
    for part in ("state_dict", "average"):
        for name, tensor in whole[part].items():
            assert torch.equal(resumed[part][name], tensor), name


def test_the_best_checkpoint_holds_the_raw_weights_beside_the_averaged_ones(finished):
    best = torch.load(finished / "best.ckpt", weights_only=True)
    name = next(iter(best["average"]))
    assert not torch.equal(best["average"][name], best["state_dict"][f"denoiser.{name}"])


def test_a_run_is_not_overwritten_unasked(world, finished):
    with pytest.raises(UsageError, match="holds a run already; go on with --resume"):
        train(world / "tiny.yaml", quiet=True)


def test_resuming_a_run_that_has_not_begun_begins_it(world):
    folder = train(world / "tiny.yaml", ["name=fresh", "trainer.max_steps=4"], resume=True, quiet=True).parent
    assert checkpoint(folder)["global_step"] == 4


@pytest.mark.parametrize(("content", "sentence"), [(None, "no such checkpoint"), (b"junk", "not a checkpoint")])
def test_a_bad_checkpoint_is_refused(world, tmp_path, content, sentence):
    path = tmp_path / "some.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        train(world / "tiny.yaml", ["name=bad"], resume=path, quiet=True)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_checkpoint_from_a_stranger_runs_nothing(world, tmp_path):
    torch.save({"global_step": 3, "state_dict": Touch(tmp_path / "was here")}, tmp_path / "hostile.ckpt")
    with pytest.raises(InputError, match="not a checkpoint"):
        train(world / "tiny.yaml", ["name=bad"], resume=tmp_path / "hostile.ckpt", quiet=True)
    assert not (tmp_path / "was here").exists()


def test_a_checkpoint_of_another_programme_is_refused(world, tmp_path):
    torch.save({"global_step": 3, "state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="not a checkpoint of one of these"):
        train(world / "tiny.yaml", ["name=bad"], resume=tmp_path / "other.ckpt", quiet=True)


def test_a_checkpoint_of_another_network_is_refused(world, finished):
    other = ["network.options={channels: [4, 6], embedding: 8}"]
    with pytest.raises(InputError, match=r"a checkpoint of another network, in which .* is .* and here it is"):
        train(world / "tiny.yaml", other, resume=True, quiet=True)


def test_a_run_can_start_from_a_models_weights_alone(world, finished):
    overrides = ["name=continued", f"init={finished / 'model'}", "optimiser.learning_rate=1e-12", "trainer.max_steps=4"]
    folder = train(world / "tiny.yaml", overrides, quiet=True).parent
    before, after = (load_model(path / "model").denoiser.network.state_dict() for path in (finished, folder))
    for name in before:
        assert torch.allclose(before[name], after[name], atol=1e-4), name


def test_the_card_tells_of_the_training_before(world, finished):
    overrides = [f"init={finished / 'model'}", "trainer.max_steps=1"]
    second = train(world / "tiny.yaml", ["name=second", *overrides], quiet=True)
    third = train(world / "tiny.yaml", ["name=third", f"init={second}", "trainer.max_steps=2"], quiet=True)
    first, last = (read_card(folder / "card.yaml").recipe for folder in (finished / "model", third))
    assert [stage["steps"] for stage in last["before"]] == [first["steps"], 1]
    assert last["before"][0] == first
    assert last["hours"] >= sum(stage["hours"] for stage in last["before"])


def test_a_model_of_another_shape_is_no_start(world, finished):
    overrides = ["name=other", f"init={finished / 'model'}", "network.options={channels: [4, 6], embedding: 8}"]
    with pytest.raises(ModelError, match="don't fit this network"):
        train(world / "tiny.yaml", overrides, quiet=True)


def test_a_model_that_takes_the_same_weights_for_something_else_is_no_start(world, finished):
    overrides = ["name=other", f"init={finished / 'model'}", "network.shrink=false"]
    with pytest.raises(ModelError, match="was trained with shrink True, here it is False"):
        train(world / "tiny.yaml", overrides, quiet=True)


def test_a_run_ends_early_when_the_figure_stops_rising(world):
    overrides = ["name=stopped", "optimiser.learning_rate=1e-12", "validation.every_steps=2", "validation.patience=2"]
    folder = train(world / "tiny.yaml", [*overrides, "checkpoint.every_steps=1", "optimiser.ema=0"], quiet=True).parent
    assert checkpoint(folder)["global_step"] < 12


@pytest.mark.parametrize("clock", ["wall", "processor"])
def test_a_run_ends_with_its_minutes_and_the_rate_with_it(world, clock):
    overrides = [
        f"name=timed-{clock}",
        f"trainer.clock={clock}",
        "trainer.threads=1",  # threads that wait for each other take processor time too
        "trainer.max_steps=100000",
        "trainer.max_minutes=0.05",
    ]
    more = ["checkpoint.every_steps=1", "validation.every_steps=1000"]
    folder = train(world / "tiny.yaml", [*overrides, *more], quiet=True).parent
    kept = checkpoint(folder)
    assert kept["seconds_trained"] == pytest.approx(3, abs=1)  # the last checkpoint is from before the last step's end
    assert kept["optimizer_states"][0]["param_groups"][0]["lr"] < 0.5 * 1.5e-3


def test_a_loss_that_is_no_number_ends_the_run_with_what_to_do(world):
    overrides = ["name=diverged", "optimiser.learning_rate=1e38", "trainer.max_steps=50"]
    with pytest.raises(UsageError, match=r"no longer a number at step .*lower optimiser.learning_rate"):
        train(world / "tiny.yaml", overrides, quiet=True)


def test_a_gradient_that_is_no_number_is_left_out_and_counted(world, monkeypatch):
    leave_out = DenoiserTraining.on_before_optimizer_step

    def broken_once(module: DenoiserTraining, optimizer: torch.optim.Optimizer) -> None:
        if module.global_step == 2:
            next(module.denoiser.parameters()).grad[:] = float("nan")
        leave_out(module, optimizer)

    monkeypatch.setattr(DenoiserTraining, "on_before_optimizer_step", broken_once)
    folder = train(world / "tiny.yaml", ["name=one-bad-gradient", "trainer.max_steps=4"], quiet=True).parent
    assert all(weights.isfinite().all() for weights in load_model(folder / "model").denoiser.parameters())
    with next((folder / "csv").glob("*/metrics.csv")).open() as file:
        assert [row["gradients_left_out"] for row in csv.DictReader(file) if row["train_loss"]] == [
            "0.0",
            "0.0",
            "1.0",
            "0.0",
        ]


def test_without_validation_scans_a_run_ends_with_its_last_weights(world):
    import json

    split = json.loads((world / "split.json").read_text())
    (world / "all.json").write_text(json.dumps({"train": split["train"]}))
    folder = train(
        world / "tiny.yaml", ["name=blind", f"data.split={world / 'all.json'}", "trainer.max_steps=4"], quiet=True
    )
    assert load_model(folder).card.recipe["steps"] == 4


IMAGE = ["diffusion.state=image", "diffusion.share_at_T=0", "data.patch=[16, 16]", "validation.size=null"]
SMALL = "network.options={channels: [8, 8], embedding: 8, attention_levels: []}"


def test_the_reference_family_trains_too(world):
    own = ["data.target=slices", "diffusion.schedule=linear", "diffusion.prediction=epsilon", "diffusion.drop=0.1"]
    settings = ["name=image", "trainer.max_steps=6", "network.target=s3", SMALL, "validation.steps=2", *IMAGE, *own]
    assert verify_model(train(world / "tiny.yaml", settings, quiet=True)).network.state == "image"


def test_an_unconditional_model_trains_on_digits_and_is_validated_by_its_loss(world):
    own = ["data.target=digits", "degradation.target=none", "data.normalisation=none", "card.task=synthesize"]
    settings = ["name=digits", "trainer.max_steps=6", "network.target=toy", SMALL, *IMAGE, *own]
    card = verify_model(train(world / "tiny.yaml", settings, quiet=True))
    assert card.input == "none"
    assert card.figures["validation"].keys() == {"val_loss"}


def test_validation_by_the_clock_shows_images_and_scalars_in_tensorboard(world):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = ["name=clock", "trainer.max_steps=8", "validation.every_steps=null", "validation.every_minutes=1e-5"]
    folder = train(world / "tiny.yaml", [*settings, "logging.tensorboard=true"], quiet=True).parent
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert events.Tags()["images"] == ["validation/0", "validation/1"]
    assert len(events.Scalars("val_psnr")) == 8
    assert {"train_loss", "learning_rate", "examples_per_second"} <= set(events.Tags()["scalars"])


def test_a_finished_run_resumed_is_left_as_it_is(world, finished):
    before = load_model(finished / "model").card.sha256
    train(world / "tiny.yaml", resume=True, quiet=True)
    assert load_model(finished / "model").card.sha256 == before


def test_ctrl_c_says_how_to_go_on_and_can_be_pressed_again(world, monkeypatch):
    def interrupted(self, batch, batch_idx):
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr("DiffusionCore.training.lightning_module.DenoiserTraining.training_step", interrupted)
        with pytest.raises(Cancelled, match="stopped at step 0; go on from the last checkpoint with --resume"):
            train(world / "tiny.yaml", ["name=interrupted"], quiet=True)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.skipif(find_spec("wandb") is not None, reason="Weights & Biases is installed")
def test_a_logger_that_is_not_installed_is_said(world):
    with pytest.raises(UsageError, match=r"install DiffusionCore\[wandb\]"):
        train(world / "tiny.yaml", ["name=wandb", "logging.wandb=true"], quiet=True)


@pytest.mark.skipif(find_spec("wandb") is None, reason="Weights & Biases is not installed; it is the extra 'wandb'")
def test_weights_and_biases_log_offline_and_keep_nothing_of_what_is_printed(world, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    settings = ["name=offline", "logging.wandb=true", "trainer.max_steps=6"]
    kept = train(world / "tiny.yaml", settings, quiet=True).parent / "wandb"
    (run,) = kept.glob("offline-run-*")
    assert list(run.glob("run-*.wandb"))
    assert not list(kept.rglob("output.log")) and not list(kept.rglob("*.py"))


def test_missing_data_is_said_before_anything_is_written(world, tmp_path):
    with pytest.raises(InputError, match="no such folder of scans"):
        train(world / "tiny.yaml", ["name=nowhere", f"data.root={tmp_path / 'none'}"], quiet=True)
    assert not (world / "runs" / "nowhere").exists()


def test_a_folder_that_can_not_be_written_is_said(world, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        train(world / "tiny.yaml", [f"runs={tmp_path / 'file'}"], quiet=True)


def test_the_bar_shows_the_validation_psnr_and_quiet_shows_nothing(world, capfd):
    overrides = ["trainer.max_steps=2", "validation.every_steps=1"]
    train(world / "tiny.yaml", ["name=loud", *overrides])
    assert "val_psnr" in "".join(capfd.readouterr())
    train(world / "tiny.yaml", ["name=quiet", *overrides], quiet=True)
    assert "".join(capfd.readouterr()) == ""
