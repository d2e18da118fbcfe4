"""Configurations: typed, overridden on the command line, and refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.training.classify.config import ClassifierConfig
from DiffusionCore.training.classify.run import classifier_network
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.network import denoiser_config

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_configuration_describes_a_network_and_is_named_like_its_file(path):
    config = load_config(path)
    assert config.name == path.stem.replace("_", "-")
    if isinstance(config, ClassifierConfig):
        assert classifier_network(config).grid == config.data.size
        return
    assert denoiser_config(config).network.spatial_dims == len(config.data.patch)


def test_an_override_is_read_as_yaml_and_reaches_deep(world):
    config = load_config(
        world / "tiny.yaml",
        ["trainer.max_steps=7", "data.patch=[16, 16, 16]", "validation.every_minutes=null"],
    )
    assert config.trainer.max_steps == 7
    assert config.data.patch == (16, 16, 16)
    assert config.validation.every_minutes is None


def test_paths_in_the_file_are_relative_to_the_file_and_in_an_override_to_the_working_folder(world):
    assert load_config(world / "tiny.yaml").data.split == world / "split.json"
    assert load_config(world / "tiny.yaml", ["data.split=here.json"]).data.split == Path("here.json")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("trainer.max_step=7", "unknown key trainer.max_step"),
        ("data.target=os.system", "data.target"),
        ("degradation.target=my.module.Noise", "degradation.target"),
        ("trainer.max_steps=0", "trainer.max_steps"),
        ("degradation.sigma=[0.2, 0.1]", "0 < low <= high"),
        ("data.patch=[8]", "patch is 2 or 3"),
        ("degradation.target=none", "state 'residual' needs a degradation"),
        ("name=../up", "name"),
        ("name", "written key.sub=value"),
        ("name.sub=1", "is a value, not a section"),
        ("seed=[1", "not YAML"),
    ],
)
def test_what_is_wrong_with_an_override_is_said(world, override, sentence):
    with pytest.raises(UsageError, match=sentence.replace("[", r"\[")):
        load_config(world / "tiny.yaml", [override])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: [", "not YAML in line 1"),
        ("- a\n- b\n", "mapping of keys"),
        ("name: a\n", "data is missing"),
        ("name: !!python/object/apply:os.getcwd []\n", "not YAML"),
    ],
)
def test_a_broken_file_is_refused_and_never_runs_code(tmp_path, text, sentence):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        load_config(tmp_path / "bad.yaml")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UsageError, match="can't be read"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["network.target=torch.nn.Linear"], "no network preset"),
        (["network.options={depth: 3}"], "no such setting"),
        (["data.patch=[9, 8, 8]"], "multiples of 2"),
        (["network.target=fast-2d"], "is 2D"),
    ],
)
def test_a_network_that_can_not_be_is_refused(world, overrides, sentence):
    with pytest.raises(UsageError, match=sentence):
        denoiser_config(load_config(world / "tiny.yaml", ["network.options={channels: [4, 8]}", *overrides]))
