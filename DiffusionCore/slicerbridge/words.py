"""The core's sentences as a panel says them: what the command line calls an option is a control there, or is left out."""

from __future__ import annotations

import re

PHRASES = (
    ("; --force to go on", "; a box under Advanced lets you go on all the same"),
    (", or --overwrite", ""),
    (" or give more with --memory", ""),
)
CONTROLS = {
    "sigma": "Noise under Advanced",
    "modality": "Modality under Advanced",
    "model": "Model",
    "label": "Structure",
    "roi": "Only within",
    "axes": "Finer",
    "mask": "a mask",
}
OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def in_panel_words(sentence: str) -> str:
    """A sentence in which options, `--name`, are called what they are called in a panel; of those that have the same name
    there only the dashes go."""
    for said, instead in PHRASES:
        sentence = sentence.replace(said, instead)
    return OPTION.sub(lambda found: CONTROLS.get(found[1], found[1].replace("-", " ")), sentence)
