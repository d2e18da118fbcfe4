"""Models: what was saved is what is loaded; nothing that was tampered with is opened; names are found."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
import torch
import yaml

from DiffusionCore.errors import ModelError, OutputError
from DiffusionCore.models import add_model, best_model, find_model, list_models, load_model, read_card, verify_model
from DiffusionCore.models.install import same_numbers
from DiffusionCore.models.registry import golden_output
from DiffusionCore.models.weights_file import load_weights, save_weights, sha256


@pytest.fixture
def folder(tiny_models, tmp_path) -> Path:
    """A copy of tiny-mr to change."""
    return shutil.copytree(tiny_models / "tiny-mr", tmp_path / "tiny-mr")


def change(folder: Path, **fields: object) -> None:
    card = yaml.safe_load((folder / "card.yaml").read_text())
    (folder / "card.yaml").write_text(yaml.safe_dump({**card, **fields}))


def test_weights_come_back_in_half_precision(tmp_path):
    state = {"a": torch.tensor([1.0, 1 / 3, -65000.0]), "n": torch.tensor([7])}
    checksum = save_weights(state, tmp_path / "w")
    back = load_weights(tmp_path / "w", checksum, "some")
    assert back["a"].dtype == torch.float32
    torch.testing.assert_close(back["a"], state["a"].half().float(), rtol=0, atol=0)
    assert (tmp_path / "w").stat().st_size < 300


def test_others_may_read_weights(tmp_path):
    save_weights({"a": torch.zeros(1)}, tmp_path / "w")
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_checksum_is_compared_before_anything_is_parsed(tmp_path, monkeypatch):
    (tmp_path / "w").write_bytes(b"anything")
    monkeypatch.setattr("safetensors.torch.load_file", lambda path: pytest.fail("it was parsed"))
    with pytest.raises(ModelError, match="sha256"):
        load_weights(tmp_path / "w", "0" * 64, "some")


def test_a_loaded_model_is_in_evaluation_mode_and_frozen(folder):
    model = load_model(folder)
    assert not model.denoiser.training
    assert not any(weights.requires_grad for weights in model.denoiser.parameters())
    assert model.card.name == "tiny-mr"
    assert model.process.steps == 40


def test_saving_counts_parameters_and_leaves_the_network_as_it_was(make_model, tmp_path):
    card = read_card(make_model(tmp_path / "new") / "card.yaml")
    model = load_model(tmp_path / "new")
    assert card.network.parameters == sum(weights.numel() for weights in model.denoiser.network.parameters())
    assert card.network.macs_per_voxel == pytest.approx(model.denoiser.macs_per_voxel, abs=0.1)
    assert card.sha256 == sha256(tmp_path / "new" / "weights.safetensors")
    assert card.golden == golden_output(model.denoiser)


@pytest.mark.parametrize("when", ["save_weights", "write_card", "golden_output"])
def test_a_model_that_cannot_be_written_leaves_the_former_one(folder, make_model, monkeypatch, when):
    """As weights and card of two models would, which no checksum of the card fits."""

    def full(*args):
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(f"DiffusionCore.models.registry.{when}", full)
    with pytest.raises(OutputError, match="No space left"):
        make_model(folder, summary="Another.")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_model_replaces_the_former_one(folder, make_model):
    make_model(folder, summary="Another.")
    assert verify_model(folder).summary == "Another."
    assert {path.name for path in folder.iterdir()} == {"card.yaml", "weights.safetensors"}


def test_found_by_name_path_card_or_weights(installed):
    wanted = installed / "tiny-mr"
    for given in ("tiny-mr", wanted, wanted / "card.yaml", wanted / "weights.safetensors"):
        assert find_model(given) == wanted


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ckpt", "model.pkl", "model.bin"])
def test_pickles_are_refused_by_their_names(installed, name):
    with pytest.raises(ModelError, match="can run code"):
        find_model(name)


def test_an_unknown_name_lists_what_is_there(installed):
    with pytest.raises(ModelError, match="no model 'nobody'; installed: tiny-ct, tiny-flat, tiny-mr"):
        find_model("nobody")


def test_a_name_that_no_file_can_have_is_unknown_too(installed):
    with pytest.raises(ModelError, match="no model"):
        find_model(300 * "x")


def test_a_name_is_no_way_out_of_the_folder(installed, folder):
    with pytest.raises(ModelError):
        find_model("../nobody")


def test_the_best_model_is_one_of_the_modality_and_dimensions(installed):
    assert best_model("enhance", "MR").name == "tiny-mr"
    assert best_model("enhance", "MR", dims=2).name == "tiny-flat"
    assert best_model("enhance", "CT", dims=2).name == "tiny-ct"
    with pytest.raises(ModelError, match="can super-resolve MR scans"):
        best_model("super_resolve", "MR")


def test_a_damaged_card_hides_its_model_from_the_list(installed, tmp_path, monkeypatch):
    own = shutil.copytree(installed, tmp_path / "own")
    (own / "tiny-ct" / "card.yaml").write_text("- not a card")
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(own))
    assert [card.name for card, _ in list_models()] == ["tiny-flat", "tiny-mr"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"colour": "red"}, "colour"),
        ({"task": "cook"}, "task"),
        ({"name": "../up"}, "name"),
        ({"network": {"unet": {"channels": [4, 8], "colours": 3}}}, "no network that can be built"),
        ({"network": {"unet": {"spatial_dims": "three"}}}, "no network that can be built"),
        ({"network": {"unet": {"in_channels": 5, "channels": [4, 16]}}}, "don't fit"),
        ({"diffusion": {"process": "unheard-of"}}, "no network that can be built"),
    ],
)
def test_a_card_that_is_wrong_is_told_with_its_field(folder, fields, says):
    change(folder, **fields)
    with pytest.raises(ModelError, match=says):
        load_model(folder)


def test_the_width_of_samples_is_interpolated_over_the_noise_level(folder):
    assert read_card(folder / "card.yaml").width_at(0.05) == 1.0
    measured = [{"sigma_normalised": 0.09, "width": 1.3}, {"sigma_normalised": 0.01, "width": 1.1}]
    change(folder, sample_width=measured)
    card = read_card(folder / "card.yaml")
    assert [card.width_at(sigma) for sigma in (0.001, 0.01, 0.03, 0.09, 1.0)] == pytest.approx(
        [1.1, 1.1, 1.2, 1.3, 1.3]
    )


def test_a_folder_without_weights_or_card(folder, tmp_path):
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match="is missing"):
        load_model(folder)
    with pytest.raises(ModelError, match="is not a model"):
        load_model(tmp_path)


def test_verify_notices_another_computation(folder):
    assert verify_model(folder).name == "tiny-mr"
    card = read_card(folder / "card.yaml")
    first, *rest = card.golden.split()
    change(folder, golden=" ".join([str(float(first) + 0.1), *rest]))
    with pytest.raises(ModelError, match="no longer computes"):
        verify_model(folder)
    change(folder, golden="not numbers")
    with pytest.raises(ModelError, match="no longer computes"):
        verify_model(folder)
    change(folder, golden=card.golden, sha256="")
    with pytest.raises(ModelError, match="no checksum"):
        verify_model(folder)


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [("1 2", "1.004 2", True), ("1 2", "1.006 2", False), ("1", "1 2", False), ("nan", "nan", False), ("", "", False)],
)
def test_golden_numbers_agree_to_five_thousandths(wanted, got, same):
    assert same_numbers(wanted, got) is same


def test_a_bundled_name_cannot_be_taken(installed, tiny_models, tmp_path, monkeypatch):
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: tiny_models)
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(tmp_path / "own"))
    with pytest.raises(OutputError, match="bundled"):
        add_model(tiny_models / "tiny-mr", overwrite=True)
