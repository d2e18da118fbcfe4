"""`models`: list, show, add after verification, verify."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from DiffusionCore.__main__ import main


@pytest.fixture
def own(installed, tmp_path, monkeypatch) -> Path:
    """A folder for added models that tests may change; tiny-mr is in it."""
    folder = tmp_path / "own"
    shutil.copytree(installed / "tiny-mr", folder / "tiny-mr")
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(folder))
    return folder


def spoil(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")


def test_list_names_every_installed_model(installed, capsys):
    assert main(["models", "list", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in models] == ["tiny-ct", "tiny-flat", "tiny-mr"]
    assert models[0]["modality"] == "CT"
    assert models[0]["notice"] == "Research only. Not for clinical use."
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "version", "task", "modality", "MiB", "summary"]
    assert [line.split()[0] for line in lines[1:]] == ["tiny-ct", "tiny-flat", "tiny-mr"]


def test_show_gives_the_whole_card(installed, capsys):
    assert main(["models", "show", "tiny-mr"]) == 0
    card = yaml.safe_load(capsys.readouterr().out)
    assert card == yaml.safe_load((installed / "tiny-mr" / "card.yaml").read_text())
    assert main(["models", "show", "tiny-mr", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(installed / "tiny-mr")


def test_added_model_is_found_by_name(own, installed, capsys):
    assert main(["models", "add", str(installed / "tiny-ct")]) == 0
    assert sorted(path.name for path in own.iterdir()) == ["tiny-ct", "tiny-mr"]
    assert main(["models", "show", "tiny-ct"]) == 0


def test_only_card_and_weights_are_copied(own, installed, tmp_path):
    source = shutil.copytree(installed / "tiny-ct", tmp_path / "source")
    (source / "run_me.py").write_text("print('hello')")
    assert main(["models", "add", str(source)]) == 0
    assert sorted(path.name for path in (own / "tiny-ct").iterdir()) == ["card.yaml", "weights.safetensors"]


def test_a_model_that_is_not_what_its_card_says_is_not_added(own, installed, tmp_path, capsys):
    source = shutil.copytree(installed / "tiny-ct", tmp_path / "source")
    spoil(source)
    assert main(["models", "add", str(source)]) == 4
    assert "sha256" in capsys.readouterr().err
    assert not (own / "tiny-ct").exists()


def test_a_name_that_is_taken_needs_overwrite(own, installed, capsys):
    assert main(["models", "add", str(installed / "tiny-mr")]) == 5
    assert "--overwrite" in capsys.readouterr().err
    assert main(["models", "add", str(installed / "tiny-mr"), "--overwrite"]) == 0


def test_verify_names_what_is_wrong(own, installed, capsys):
    assert main(["models", "verify"]) == 0
    shutil.copytree(installed / "tiny-ct", own / "tiny-ct")
    spoil(own / "tiny-ct")
    capsys.readouterr()
    assert main(["models", "verify"]) == 4
    said = capsys.readouterr()
    assert "'tiny-ct' doesn't match its card" in said.err
    rows = [line.split()[:2] for line in said.out.splitlines()[1:]]
    assert rows == [["tiny-ct", "wrong"], ["tiny-mr", "as"]]
    assert main(["models", "verify", "tiny-mr"]) == 0


@pytest.mark.parametrize("words", [["show"], ["add"], ["list", "x"], ["show", "a", "b"], ["burn"]])
def test_wrong_words_are_usage_errors(installed, words):
    assert main(["models", *words]) == 2
