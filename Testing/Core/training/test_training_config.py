"""Configurations: typed, overridden on the command line, and refused in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from DiffusionCore.errors import UsageError
from DiffusionCore.training.classify.config import ClassifierConfig
from DiffusionCore.training.classify.run import classifier_network
from DiffusionCore.training.config import TrainingConfig
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


def test_every_key_that_the_documentation_names_is_there():
    text = (CONFIGS.parent / "docs" / "training.md").read_text(encoding="utf-8")
    sections = {
        name: {key for config in (TrainingConfig, ClassifierConfig) for key in keys_of(config, name)}
        for name in TrainingConfig.model_fields.keys() | ClassifierConfig.model_fields.keys()
    }
    named = re.findall(r"`(\w+)\.(\w+)(?:(?:=|: )[^`]*)?`((?:, `\.\w+`)*)", text.replace("`validation.csv`", ""))
    told = [
        (section, key) for section, *keys in named if section in sections for key in re.findall(r"\w+", " ".join(keys))
    ]
    assert len(told) > 40
    assert [f"{section}.{key}" for section, key in told if key not in sections[section]] == []


def keys_of(config: type[BaseModel], section: str) -> set[str]:
    """The keys of a section of a configuration, of whichever kind it can be."""
    field = config.model_fields.get(section)
    kinds = () if field is None else (field.annotation, *get_args(field.annotation))
    return {key for kind in kinds if hasattr(kind, "model_fields") for key in kind.model_fields}


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
        ("degradation.coils=[]", "degradation.coils"),
        ("degradation.coils=[0]", "degradation.coils.0"),
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
