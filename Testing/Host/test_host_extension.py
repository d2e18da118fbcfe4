"""The repository as an extension of Slicer: CMake configures and installs every file, and the extension index's rules hold.

The rules are those of Slicer/ExtensionsIndex (scripts/check_description_files.py and its pull request template).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MACROS = ROOT / "Testing" / "Host" / "slicer_macros"
SCRIPTED = "lib/Slicer-5.12/qt-scripted-modules"
# Of the index's categories, those that fit; "Diffusion" means diffusion MRI there.
CATEGORIES = {"Filtering", "Segmentation", "Analysis", "Image Synthesis", "Tomographic Reconstruction", "Utilities"}
ENTRY_KEYS = {
    "$schema",
    "category",
    "scm_url",
    "scm_revision",
    "scm_type",
    "build_dependencies",
    "build_subdirectory",
    "enabled",
    "tier",
}


def modules() -> list[str]:
    """Folders of scripted modules."""
    return [name for name in ("DiffusionEnhance", "DiffusionClassify") if (ROOT / name / "CMakeLists.txt").is_file()]


def shipped(folder: str) -> set[str]:
    """Files of a folder that a user needs: all but what makes or tests them."""
    found = set()
    for path in (ROOT / folder).rglob("*"):
        inside = path.relative_to(ROOT / folder)
        left_out = {"__pycache__", "Testing"} & set(inside.parts) or path.name in (
            "CMakeLists.txt",
            "make_resources.py",
        )
        if path.is_file() and not left_out and path.suffix not in (".pyc", ".tmp"):
            found.add(str(inside))
    return found


def listed(module: str) -> set[str]:
    """Files that a module's CMakeLists.txt names."""
    text = (ROOT / module / "CMakeLists.txt").read_text()
    named = re.findall(r"set\(MODULE_PYTHON_(?:SCRIPTS|RESOURCES)\s+(.*?)\)", text, re.DOTALL)
    return {one.replace("${MODULE_NAME}", module) for block in named for one in block.split()}


def settings() -> dict[str, str]:
    """EXTENSION_* as the index reads them: quoted, each set() on one line."""
    return dict(
        re.findall(
            r'^set\s*\((EXTENSION_\w+)\s+"([^"\n]+)"[ ]*\)$', (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE
        )
    )


def entry() -> dict[str, object]:
    """The description for the index."""
    return json.loads((ROOT / "docs" / "extension-index" / "DiffusionEnhance.json").read_text())


def configured(source: Path, build: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run CMake's configuration against the stand-in of Slicer's macros."""
    command = [
        "cmake",
        "-S",
        str(source),
        "-B",
        str(build),
        f"-DSlicer_DIR={MACROS}",
        f"-DCMAKE_INSTALL_PREFIX={build / 'installed'}",
    ]
    return subprocess.run([*command, *more], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configured build of the repository."""
    missing = [tool for tool in ("cmake", "cc") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not installed (apt-get install cmake gcc make)")
    folder = tmp_path_factory.mktemp("build")
    done = configured(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("module", modules())
def test_every_file_of_a_module_is_listed(module: str) -> None:
    assert listed(module) == shipped(module)


def test_an_installed_extension_has_every_file_and_no_other(build: Path) -> None:
    subprocess.run(["cmake", "--install", str(build)], check=True, capture_output=True, timeout=120)
    root = build / "installed" / SCRIPTED
    installed = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    expected = {name for module in modules() for name in shipped(module)}
    expected |= {f"DiffusionCore/{name}" for name in shipped("DiffusionCore")}
    assert installed == expected


def test_installed_modules_find_the_core_beside_them(build: Path) -> None:
    subprocess.run(["cmake", "--install", str(build)], check=True, capture_output=True, timeout=120)
    assert (build / "installed" / SCRIPTED / "DiffusionCore" / "__main__.py").is_file()
    assert (build / SCRIPTED / "DiffusionCore" / "__init__.py").is_file()  # the build tree, by a link


def test_the_modules_own_tests_are_registered(build: Path) -> None:
    told = subprocess.run(["ctest", "-N"], cwd=build, check=True, capture_output=True, text=True).stdout
    for module in modules():
        assert f"py_{module}" in re.findall(r"Test\s+#\d+: (\S+)", told)


def test_a_missing_file_fails_the_configuration(build: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "DiffusionEnhance", copy / "DiffusionEnhance", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        ROOT / "DiffusionCore",
        copy / "DiffusionCore",
        ignore=lambda folder, names: [n for n in names if n != "CMakeLists.txt"],
    )
    shutil.copy(ROOT / "CMakeLists.txt", copy)
    (copy / "DiffusionEnhance" / "Resources" / "UI" / "DiffusionEnhance.ui").unlink()
    done = configured(copy, tmp_path / "build")
    assert done.returncode != 0
    assert "nonexistent file 'Resources/UI/DiffusionEnhance.ui'" in " ".join(done.stderr.split())


def test_the_description_is_complete_and_quoted_on_one_line() -> None:
    found = settings()
    named = set(re.findall(r"^set\s*\((EXTENSION_\w+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE))
    assert named == set(found)
    assert {
        f"EXTENSION_{name}"
        for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS")
    } <= named
    assert found["EXTENSION_DEPENDS"].split() == entry()["build_dependencies"]
    assert found["EXTENSION_HOMEPAGE"] == entry()["scm_url"]
    assert found["EXTENSION_CATEGORY"] == entry()["category"]
    assert len(found["EXTENSION_DESCRIPTION"]) < 300


def test_names_and_category_are_as_the_index_wants_them() -> None:
    project = re.search(r"project\s*\(\s*([^\s)]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert project == "DiffusionEnhance"
    assert not project.startswith("Slicer")
    assert str(entry()["scm_url"]).startswith("https://")
    assert str(entry()["scm_url"]).rsplit("/", 1)[1].startswith("Slicer")
    assert entry()["category"] in CATEGORIES
    assert set(entry()) <= ENTRY_KEYS
    assert {"$schema", "category", "scm_url"} <= set(entry())
    assert b"\r" not in (ROOT / "docs" / "extension-index" / "DiffusionEnhance.json").read_bytes()
    for module in modules():
        source = (ROOT / module / f"{module}.py").read_text()
        assert f'"{entry()["category"]}"' in source


def test_pictures_that_the_description_names_are_in_the_repository() -> None:
    from PIL import Image

    found = settings()
    base = f"{str(entry()['scm_url']).replace('github.com', 'raw.githubusercontent.com')}/{entry()['scm_revision']}/"
    for url in (found["EXTENSION_ICONURL"], *found["EXTENSION_SCREENSHOTURLS"].split()):
        assert url.startswith(base)
        assert Image.open(ROOT / url.removeprefix(base)).format in ("PNG", "JPEG", "GIF")
    for module in modules():
        assert Image.open(ROOT / module / "Resources" / "Icons" / f"{module}.png").size == (128, 128)


def test_the_repository_is_small_enough_and_licensed() -> None:
    named = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if named.returncode:
        pytest.skip("not a checkout: sizes are of what git tracks")
    total = sum((ROOT / name).stat().st_size for name in named.stdout.split("\0") if name and (ROOT / name).is_file())
    assert total < 100e6
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_readme_says_what_the_index_asks_for() -> None:
    """Name, a sentence for each module, a picture, patents, and that nothing is sent anywhere."""
    text = (ROOT / "README.md").read_text()
    assert text.startswith(f"# {entry()['scm_url'].rsplit('/', 1)[1].removeprefix('Slicer')}\n")
    for module in modules():
        assert f"*{' '.join(re.findall('[A-Z][a-z]+', module))}*" in text
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
    assert re.search(r"^\*\*Privacy\*\*: .*nothing is sent anywhere", text, re.MULTILINE)
    assert re.search(r"\*\*Patents\*\*: \w+", text)
    assert "Not for clinical use" in text


def test_it_can_be_cited() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)
    assert cited["version"] == version
    assert cited["repository-code"] == entry()["scm_url"]


def test_nothing_heavy_is_imported_at_file_scope_by_the_modules() -> None:
    """Slicer reads every module's file when it starts."""
    for module in modules():
        for line in (ROOT / module / f"{module}.py").read_text().splitlines():
            match = re.match(r"(?:from|import)\s+(\w+)", line)
            assert match is None or match.group(1) in {
                "__future__",
                "sys",
                "pathlib",
                "typing",
                "slicer",
                "vtk",
                "qt",
                "ctk",
                "logging",
                "os",
                "DiffusionCore",  # whose slicerbridge.module_widget imports no more than slicer
            }
