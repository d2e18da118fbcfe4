"""What the panel repeats of the core, because Slicer cannot import it, is the same as in the core."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import pytest

from DiffusionCore.inference import PRESETS
from DiffusionCore.tasks.options import EnhanceOptions, parse_options
from DiffusionCore.tasks.superres.options import SuperResolveOptions
from DiffusionCore.worker.options import SynthesizeJob

MODULE = Path(__file__).resolve().parents[3] / "DiffusionEnhance"
UI = ElementTree.parse(MODULE / "Resources" / "UI" / "DiffusionEnhance.ui")
DEFAULTS = {
    "preset": "quick",
    "texture": 0.0,
    "strength": 1.0,
    "model": "",
    "modality": "",
    "ownSigma": False,
    "sigma": 10.0,
    "steps": 0,
    "samples": 0,
    "threads": 0,
    "tile": 0,
    "seed": 0,
    "device": "auto",
    "force": False,
    "trust": False,
    "axes": "all",
    "finer": "",
    "factor": 2.0,
    "spacing": 1.0,
    "count": 4,
    "condition": "",
}


@pytest.fixture(scope="module")
def choices():
    spec = importlib.util.spec_from_file_location("choices", MODULE / "DiffusionEnhanceLib" / "choices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_presets_are_the_core_s(choices):
    assert {name: (preset.steps, preset.samples) for name, preset in PRESETS.items()} == choices.PRESETS


@pytest.mark.parametrize(("preset", "passes"), [("quick", 1), ("natural", 8), ("careful", 8 * 4)])
def test_samples_of_one_mirror_image_share_their_first_step(choices, preset, passes):
    assert choices.network_passes(preset) == passes
    assert choices.network_passes("careful", steps=3, samples=20) == 20 * 3 - 12


def test_quick_takes_no_steps_and_only_careful_several_samples(choices):
    chosen = {**DEFAULTS, "steps": 3, "samples": 2}
    made = {
        preset: parse_options(
            EnhanceOptions, **choices.enhance_options(SimpleNamespace(**{**chosen, "preset": preset, "texture": 1.0}))
        )
        for preset in choices.PRESETS
    }
    assert {preset: (options.steps, options.samples) for preset, options in made.items()} == {
        "quick": (None, None),
        "natural": (3, None),
        "careful": (3, 2),
    }
    assert [choices.network_passes(preset, 3, 2) for preset in choices.PRESETS] == [1, 3, 6]
    assert choices.why_no_sample("careful", 1) and not choices.why_no_sample("quick", 1)


def test_what_is_chosen_by_default_is_the_task_s_default(choices):
    options = choices.enhance_options(SimpleNamespace(**DEFAULTS))
    assert parse_options(EnhanceOptions, **options) == EnhanceOptions()


def test_everything_that_can_be_chosen_is_an_option(choices):
    chosen = {**DEFAULTS, "preset": "careful", "texture": 0.0, "strength": 0.5, "model": "denoise-mr", "modality": "MR"}
    chosen |= {"ownSigma": True, "sigma": 3.0, "steps": 4, "samples": 2, "threads": 1, "tile": 64, "seed": 9}
    chosen |= {"device": "cpu", "force": True, "trust": True}
    options = parse_options(EnhanceOptions, **choices.enhance_options(SimpleNamespace(**chosen)))
    assert (options.sigma, options.steps, options.samples, options.seed, options.trust) == (3.0, 4, 2, 9, True)
    options = parse_options(
        EnhanceOptions, **choices.enhance_options(SimpleNamespace(**{**DEFAULTS, "preset": "natural", "texture": 0.5}))
    )
    assert (options.preset, options.texture) == ("natural", 0.5)


def test_super_resolution_is_asked_in_its_own_words(choices):
    options = choices.superres_options(SimpleNamespace(**DEFAULTS))
    assert parse_options(SuperResolveOptions, **options) == SuperResolveOptions()
    chosen = {**DEFAULTS, "ownSigma": True, "trust": True, "axes": "slice", "finer": "spacing", "spacing": 0.7}
    options = parse_options(SuperResolveOptions, **choices.superres_options(SimpleNamespace(**chosen)))
    assert (options.axes, options.factor, options.spacing) == ("slice", None, "0.7")
    chosen = {**DEFAULTS, "finer": "factor", "factor": 2.5, "preset": "careful", "samples": 4}
    options = parse_options(SuperResolveOptions, **choices.superres_options(SimpleNamespace(**chosen)))
    assert (options.axes, options.factor, options.spacing, options.samples) == ("all", 2.5, None, 4)


def test_synthesis_is_told_its_model(choices):
    options = choices.synthesis_options(SimpleNamespace(**DEFAULTS), "heads")
    assert parse_options(SynthesizeJob, **options) == SynthesizeJob(model="heads", count=4)
    chosen = {**DEFAULTS, "condition": "z_fraction = 0.2:0.8", "seed": 3, "steps": 9, "device": "cpu"}
    options = parse_options(SynthesizeJob, **choices.synthesis_options(SimpleNamespace(**chosen), "heads"))
    assert (options.condition, options.seed, options.steps) == ("z_fraction=0.2:0.8", 3, 9)


@pytest.mark.parametrize("name", ["steps", "samples", "threads", "tile"])
def test_no_spin_box_goes_beyond_what_the_task_takes(name):
    box = UI.find(f".//widget[@name='{name}SpinBox']")
    highest = int(box.find("property[@name='maximum']/number").text)
    limit = next(item.le for item in EnhanceOptions.model_fields[name].metadata if hasattr(item, "le"))
    assert highest == limit


def test_every_file_of_the_module_is_listed_for_its_installation():
    listed = (MODULE / "CMakeLists.txt").read_text()
    for path in [*MODULE.rglob("*.py"), *MODULE.rglob("*.ui"), *MODULE.rglob("*.nrrd"), *MODULE.rglob("*.png")]:
        name = path.relative_to(MODULE).as_posix().replace("DiffusionEnhance.", "${MODULE_NAME}.")
        name = name.replace("DiffusionEnhanceLib/", "${MODULE_NAME}Lib/")
        if path.name != "make_resources.py":
            assert f"  {name}\n" in listed, name
