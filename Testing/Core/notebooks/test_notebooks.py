"""The three notebooks run from top to bottom, for anyone: no Jupyter, no scans, no bundled model, small numbers."""

from __future__ import annotations

import ast
import json
import re
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
NAMES = ("1_data_exploration", "2_training", "3_evaluation")
# What the cell tagged "parameters" says is replaced by these; every name must be in it.
SMALL: dict[str, dict[str, Any]] = {
    "1_data_exploration": {"SIZE": 40},
    "2_training": {"STEPS": 4, "PATCH": 8, "CHANNELS": [4, 8], "SIZE": 32},
    "3_evaluation": {"SIZE": 32, "LEVELS": [0.05, 0.1], "STEPS": [1, 2]},
}
NEEDED = {
    "1_data_exploration": ("nilearn",),
    "2_training": ("nilearn", "lightning", "monai", "tensorboard"),
    "3_evaluation": ("nilearn", "lightning", "monai", "tensorboard"),  # it judges what notebook 2 made
}


def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    """The cells of one kind of a notebook."""
    content = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def is_parameters(cell: dict[str, Any]) -> bool:
    return "parameters" in cell["metadata"].get("tags", ())


def run(name: str, shown: list[dict[str, Any]]) -> dict[str, Any]:
    """Execute the code cells in the working folder, with small parameters; gives what they leave. `shown` is filled with
    what was displayed."""
    left: dict[str, Any] = {"__name__": "__main__", "display": lambda data, raw=False: shown.append(data)}
    for number, cell in enumerate(cells(name)):
        exec(compile("".join(cell["source"]), f"{name}, code cell {number}", "exec"), left)
        if is_parameters(cell):
            left.update(SMALL[name])
    return left


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """A folder to work in, which notebook 3 shares with notebook 2, without installed models; pictures go nowhere."""
    import matplotlib
    import matplotlib.pyplot as plt
    import torch

    folder = tmp_path_factory.mktemp("notebooks")
    threads, backend = torch.get_num_threads(), matplotlib.get_backend()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DIFFUSIONCORE_MODELS", str(folder / "none"))
        patch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: folder / "none")
        plt.switch_backend("Agg")
        pictures: list[int] = []
        patch.setattr(plt, "show", lambda: (pictures.append(len(plt.get_fignums())), plt.close("all")))
        yield types.SimpleNamespace(folder=folder, pictures=pictures, done={})
    plt.close("all")
    plt.switch_backend(backend)
    torch.set_num_threads(threads)


def finished(name: str, desk: types.SimpleNamespace) -> types.SimpleNamespace:
    """A notebook run once: what it left, what it displayed, how many pictures it drew."""
    if name not in desk.done:
        missing = [package for package in NEEDED[name] if find_spec(package) is None]
        if missing:
            pytest.skip(f"notebook {name} needs {', '.join(missing)}")
        desk.pictures.clear()
        shown: list[dict[str, Any]] = []
        left = run(name, shown)
        desk.done[name] = types.SimpleNamespace(left=left, shown=shown, pictures=list(desk.pictures))
    return desk.done[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    for cell in cells(name):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_well_formed(name: str) -> None:
    content = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    identifiers = [cell["id"] for cell in content["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert content["cells"][0]["cell_type"] == "markdown"
    parameters = [cell for cell in cells(name) if is_parameters(cell)]
    assert parameters == cells(name)[:1]
    namespace: dict[str, Any] = {}
    exec("".join(parameters[0]["source"]), namespace)
    assert set(SMALL[name]) <= set(namespace)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short_plain_python_that_uses_public_names_only(name: str) -> None:
    for cell in cells(name):
        source = "".join(cell["source"])
        assert len(source.splitlines()) <= 32
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("DiffusionCore"):
                parts = [*node.module.split("."), *(alias.name for alias in node.names)]
                assert not [part for part in parts if part.startswith("_") and part != "__main__"]
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_names_no_place_of_one_machine(name: str) -> None:
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(home|work|root|tmp|opt|Users)/|shared/", text)


def test_data_exploration_runs_and_ends_with_a_scan_of_two_millimetres(desk: types.SimpleNamespace) -> None:
    made = finished("1_data_exploration", desk)
    assert made.left["code"] == 0
    assert made.left["coarse"].spacing == pytest.approx((2, 2, 2))
    assert made.left["coarse"].shape == (20, 20, 20)
    assert made.pictures and min(made.pictures) == 1
    assert [data["text/html"][:25] for data in made.shown] == ["<img src='data:image/gif;"] * 2
    for film in ("resolution.gif", "noise.gif"):
        assert (desk.folder / "out" / film).read_bytes()[:6] == b"GIF89a"


def test_training_runs_and_ends_with_a_model_that_calls_itself_a_toy(desk: types.SimpleNamespace) -> None:
    made = finished("2_training", desk)
    assert made.left["card"].recipe["steps"] == 4
    assert "toy" in made.left["card"].summary
    assert (desk.folder / "out" / "runs" / "toy-mr" / "model" / "weights.safetensors").is_file()
    assert len(made.left["curve"]("train_loss")[0]) == 4
    assert min(made.pictures) == 1
    said = "".join("".join(cell["source"]) for cell in cells("2_training", "markdown"))
    assert "**The model it makes is a toy.**" in said


def test_evaluation_judges_the_toy_where_no_model_is_installed(desk: types.SimpleNamespace) -> None:
    finished("2_training", desk)
    made = finished("3_evaluation", desk)
    left = made.left
    assert left["model"].card.name == "toy-mr"
    assert set(left["by_steps"]) == {0.0, 1.0}
    assert all(len(scores) == 2 for scores in left["by_steps"].values())
    # what was added is white, whatever the model did: nothing at a shift of one voxel, to a tenth
    assert left["autocorrelation"](left["added"])[:2] == pytest.approx([1, 0], abs=0.1)
    assert left["gain"].low <= left["gain"].estimate <= left["gain"].high
    assert len(left["claimed"]) == 10 and sorted(left["claimed"]) == pytest.approx(left["claimed"])
    assert [data["text/html"][:21] for data in made.shown] == ["<img src='data:image/"] * 2
    assert (desk.folder / "out" / "result.html").is_file()


def test_evaluation_says_what_to_do_without_any_model(desk: types.SimpleNamespace, tmp_path: Path) -> None:
    from DiffusionCore.errors import ModelError

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(ModelError, match="run notebook 2 first"):
            run("3_evaluation", [])
