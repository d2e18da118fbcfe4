"""`train` and `benchmark` hand over to their rooms; what is missing is said in words."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from DiffusionCore.__main__ import main


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """`training.run.train` replaced by one that keeps what it was called with."""
    calls: list[tuple] = []

    def train(config, overrides, resume, quiet):
        calls.append((config, list(overrides), resume, quiet))
        return Path("runs/x/model")

    monkeypatch.setattr("DiffusionCore.training.run.train", train)
    return calls


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["c.yaml"], ([], False)),
        (["c.yaml", "a.b=1", "c=2"], (["a.b=1", "c=2"], False)),
        (["c.yaml", "--resume"], ([], True)),
        (["c.yaml", "--resume", "last.ckpt", "a=1"], (["a=1"], "last.ckpt")),
        (["c.yaml", "--resume", "a=1"], (["a=1"], True)),
        (["--resume", "last.ckpt", "c.yaml"], ([], "last.ckpt")),
    ],
)
def test_train_passes_overrides_and_resume(trained, words, called):
    assert main(["train", *words]) == 0
    assert trained == [(Path("c.yaml"), *called, True)]


@pytest.mark.parametrize(
    ("terminal", "words", "quiet"), [(True, [], False), (True, ["--quiet"], True), (False, [], True)]
)
def test_training_has_a_progress_bar_on_a_terminal_only(trained, monkeypatch, terminal, words, quiet):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: terminal)
    main(["train", "c.yaml", *words])
    assert [call[-1] for call in trained] == [quiet]


def test_train_ends_with_the_model_folder(trained, capsys):
    main(["train", "c.yaml", "--json"])
    assert json.loads(capsys.readouterr().out) == {"model": "runs/x/model"}


def test_train_without_its_packages_names_the_extra(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "DiffusionCore.commands.train.find_spec", lambda name: None if name == "lightning" else find(name)
    )
    assert main(["train", "c.yaml"]) == 2
    assert capsys.readouterr().err == ("diffusioncore: training needs lightning: pip install 'DiffusionCore[train]'\n")


def test_train_with_a_missing_configuration_is_a_usage_error(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none.yaml")]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_benchmark_denoise_compares_the_installed_models_at_several_steps(installed, tmp_path, monkeypatch, capsys):
    seen: list = []

    def run(out, data, methods, *, quick, parts, **_):
        seen.append((out, data, methods, quick, parts))
        verdict = SimpleNamespace(table="MR", level="5 %", gate="≥ NLM", measured="+3 dB", holds=True)
        return SimpleNamespace(gates=(verdict,), files=(out / "denoise.md",))

    monkeypatch.setattr("DiffusionCore.benchmark.denoise.run.run_denoise_benchmark", run)
    out = tmp_path / "out"
    where = ["benchmark", "denoise", str(out), "--data", str(tmp_path)]
    assert main([*where, "--quick", "--json", "--parts", "mr,real"]) == 0
    (call,) = seen
    assert call[:2] == (out, tmp_path)
    assert call[3:] == (True, ("mr", "real"))
    names = [method.name for method in call[2]]
    assert names[:4] == ["tiny-mr-1", "tiny-mr-2", "tiny-mr-4", "tiny-mr-8"]
    assert names[4:] == ["tiny-mr-careful", *(f"tiny-ct-{how}" for how in (1, 2, 4, 8, "careful"))]
    assert json.loads(capsys.readouterr().out)["rows"][0]["gate"] == "≥ NLM"


def test_a_part_that_denoise_does_not_have_is_refused_with_those_it_has(installed, tmp_path, capsys):
    assert main(["benchmark", "denoise", str(tmp_path), "--data", str(tmp_path), "--parts", "mr,pet"]) == 2
    assert "mr-average" in capsys.readouterr().err


def test_a_further_model_of_ours_is_there_in_one_step_with_its_hours(installed, make_model, tmp_path):
    from DiffusionCore.commands.benchmark_denoise import our_methods

    hour = make_model(tmp_path / "tiny-mr-1h")
    methods = our_methods(["tiny-mr", str(hour)])
    assert [method.steps for method in methods] == [1, 2, 4, 8, None, 1]


def test_a_learned_rival_is_one_method(installed, make_model, tmp_path):
    from DiffusionCore.commands.benchmark_denoise import learned_methods

    folder = make_model(tmp_path / "regression-unet-mr")
    (method,) = learned_methods(folder)
    assert (method.name, method.kind, method.steps) == ("regression-unet", "learned", 1)


def test_benchmark_without_data_says_what_to_give(installed, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DIFFUSIONCORE_DATA", raising=False)
    assert main(["benchmark", "denoise", str(tmp_path)]) == 3
    assert "--data" in capsys.readouterr().err


def test_benchmark_s_folder_is_no_file_and_is_not_made_for_nothing(installed, tmp_path, capsys):
    (tmp_path / "taken").touch()
    assert main(["benchmark", "denoise", str(tmp_path / "taken"), "--data", str(tmp_path)]) == 5
    assert "is a file" in capsys.readouterr().err
    assert main(["benchmark", "denoise", str(tmp_path / "out"), "--data", str(tmp_path), "--parts", "mr"]) == 3
    assert "is not in the data folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_benchmark_names_are_a_closed_list(tmp_path, capsys):
    assert main(["benchmark", "everything", str(tmp_path)]) == 2
    assert "denoise" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["speed", "--study", "s0"], ["denoise", "--study", "s0"], ["denoise", "--study", "x", "--model", "m"]]
)
def test_a_study_goes_with_denoise_and_one_model(tmp_path, words):
    assert main(["benchmark", words[0], str(tmp_path), "--data", str(tmp_path), *words[1:]]) == 2
