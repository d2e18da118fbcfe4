"""Options are declared once; what is wrong with one is said in its command-line name."""

from __future__ import annotations

import pytest

from DiffusionCore.commands.arguments import Parser, add_options, options_from
from DiffusionCore.errors import UsageError
from DiffusionCore.inference import PRESETS
from DiffusionCore.tasks.enhance import sampling_settings
from DiffusionCore.tasks.options import EnhanceOptions, FileOptions, parse_options
from DiffusionCore.tasks.preprocess_options import PreprocessOptions, check_together


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"steps": "0"}, "--steps must be 1 to 1000, got 0"),
        ({"steps": "few"}, "--steps must be 1 to 1000, got few"),
        ({"seed": "-1"}, "--seed must be 0 to 9223372036854775807, got -1"),
        ({"seed": str(2**63)}, "--seed must be 0 to 9223372036854775807"),
        ({"strength": "1.5"}, "--strength must be 0 to 1, got 1.5"),
        ({"strength": "nan"}, "--strength must be 0 to 1, got nan"),
        ({"sigma": "0"}, "--sigma must be above 0, got 0"),
        ({"sigma": "inf"}, "--sigma must be above 0, got inf"),
        ({"preset": "best"}, "--preset must be quick, natural or careful, got best"),
        ({"modality": "PET"}, "--modality must be CT or MR, got PET"),
        ({"memory": "lots"}, "--memory must be like 6G, got lots"),
        ({"no_such": "1"}, "there is no option --no-such"),
    ],
)
def test_what_is_wrong_is_one_sentence(given, says):
    with pytest.raises(UsageError) as caught:
        parse_options(EnhanceOptions, **given)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_every_declared_option_is_on_the_command_line_under_its_name():
    parser = Parser("x", "what", "example")
    add_options(parser, EnhanceOptions)
    add_options(parser, FileOptions)
    flags = {flag for action in parser._actions for flag in action.option_strings}
    for model in (EnhanceOptions, FileOptions):
        assert {"--" + name.replace("_", "-") for name in model.model_fields} <= flags


def test_what_is_not_given_keeps_its_default():
    parser = Parser("x", "what", "example")
    add_options(parser, EnhanceOptions)
    assert options_from(parser.parse_args([]), EnhanceOptions) == EnhanceOptions()
    given = options_from(parser.parse_args(["--steps", "4", "--no-fallback"]), EnhanceOptions)
    assert (given.steps, given.no_fallback, given.seed) == (4, True, 0)


def test_only_named_options_can_be_asked_for():
    parser = Parser("x", "what", "example")
    add_options(parser, EnhanceOptions, "steps")
    with pytest.raises(UsageError, match="--seed"):
        parser.parse_args(["--seed", "1"])


@pytest.mark.parametrize("name", ["quick", "natural", "careful"])
def test_a_preset_is_a_name_for_settings(name):
    settings = sampling_settings(EnhanceOptions(preset=name))
    wanted = PRESETS[name]
    assert (settings.steps, settings.samples, settings.texture) == (wanted.steps, wanted.samples, wanted.texture)


def test_what_is_given_wins_over_the_preset():
    settings = sampling_settings(EnhanceOptions(preset="careful", samples=3, seed=9))
    assert (settings.steps, settings.samples, settings.seed) == (PRESETS["careful"].steps, 3, 9)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"patches": "64x32x16"}, {"patches": (64, 32, 16)}),
        ({"patches": "64,64", "stride": "32"}, {"patches": (64, 64), "stride": (32,)}),
        ({"spacing": "1"}, {"spacing": (1.0,)}),
        ({"spacing": "0.5,0.5,2"}, {"spacing": (0.5, 0.5, 2.0)}),
        ({"window": "-160,240", "slices": "png"}, {"window": (-160.0, 240.0)}),
    ],
)
def test_sizes_are_read_from_words(given, read):
    options = parse_options(PreprocessOptions, **given)
    check_together(options)
    assert {name: getattr(options, name) for name in read} == read
