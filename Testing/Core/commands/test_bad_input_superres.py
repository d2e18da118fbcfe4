"""Super-resolution of odd scans: case -> exit code, or success. One clear sentence, no output, the input untouched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.models import Range
from DiffusionCore.models.card import ResolutionSpec
from DiffusionCore.volume import Volume, read_volume, write_volume

OK, USAGE, INPUT, MODEL, OUTPUT, DEVICE, REFUSED = 0, 2, 3, 4, 5, 6, 7
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Case:
    """A scan of `shape` (K, J, I) and `spacing` (i, j, k) mm, the options, the exit code; of a success the new shape."""

    name: str
    arguments: tuple[str, ...]
    code: int
    said: str = ""
    shape: tuple[int, int, int] = (8, 10, 12)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    becomes: tuple[int, int, int] | None = None
    turn: np.ndarray = field(default_factory=lambda: np.eye(3))


CASES = [
    Case("nothing asked", (), OK, becomes=(16, 20, 24)),
    Case("factor 2", ("--factor", "2"), OK, becomes=(16, 20, 24)),
    Case("factor 4", ("--factor", "4"), OK, becomes=(32, 40, 48)),
    Case("factor 3.7", ("--factor", "3.7"), OK, becomes=(30, 37, 44)),
    Case("factor 0", ("--factor", "0"), USAGE, "--factor must be above 1, got 0"),
    Case("factor 1", ("--factor", "1"), USAGE, "--factor must be above 1, got 1"),
    Case("factor 0.5", ("--factor", "0.5"), USAGE, "--factor"),
    Case("factor 99", ("--factor", "99"), USAGE, "--factor"),
    Case("factor no number", ("--factor", "two"), USAGE, "--factor"),
    Case("factor and spacing", ("--factor", "2", "--spacing", "0.5"), USAGE, "give one of them"),
    Case("non-integer spacing", ("--spacing", "0.45"), OK, becomes=(18, 22, 27)),
    Case("spacing by axis", ("--spacing", "0.5,0.5,1"), OK, becomes=(8, 20, 24)),
    Case("spacing coarser", ("--spacing", "2"), USAGE, "not finer than the scan's 1×1×1 mm"),
    Case("spacing coarser along one axis", ("--spacing", "0.5,0.5,2"), USAGE, "not finer"),
    Case("spacing the same", ("--spacing", "1"), USAGE, "not finer"),
    Case("spacing 0", ("--spacing", "0"), USAGE, "above 0"),
    Case("spacing of two", ("--spacing", "1,2"), USAGE, "--spacing"),
    Case("one slice", ("--factor", "2"), REFUSED, "several slices", shape=(1, 16, 16)),
    Case("two slices", ("--factor", "2"), OK, shape=(2, 16, 16), becomes=(4, 32, 32)),
    Case("odd sizes", ("--factor", "2"), OK, shape=(7, 9, 11), becomes=(14, 18, 22)),
    Case("odd sizes, no whole factor", ("--factor", "1.5"), OK, shape=(7, 9, 11), becomes=(11, 14, 17)),
    Case("thick slices", ("--axes", "slice"), OK, spacing=(1, 1, 4), becomes=(32, 10, 12)),
    Case("unequal axes", ("--spacing", "0.5"), OK, spacing=(1.0, 1.0, 2.0), becomes=(32, 20, 24)),
    Case("unequal axes, all doubled", ("--factor", "2"), OK, spacing=(0.8, 1, 3), becomes=(16, 20, 24)),
    Case("slices as thin as the plane", ("--axes", "slice"), USAGE, "already"),
    Case("gap", ("--axes", "slice", "--gap", "1"), OK, spacing=(1, 1, 4), becomes=(32, 10, 12)),
    Case("gap as wide as the slices", ("--axes", "slice", "--gap", "4"), USAGE, "leaves nothing", spacing=(1, 1, 4)),
    Case("gap and thickness", ("--axes", "slice", "--gap", "1", "--thickness", "3"), USAGE, "one of them"),
    Case("rotated grid", ("--factor", "2"), OK, turn=TURN, becomes=(16, 20, 24)),
    Case("left-handed grid", ("--factor", "2"), OK, turn=np.diag([1.0, 1, -1]), becomes=(16, 20, 24)),
    Case("one stage for 4", ("--factor", "4", "--stages", "1"), USAGE, "--stages 1"),
    Case("consistency 2", ("--consistency", "2"), USAGE, "--consistency must be 0 to 1"),
    Case("no such model", ("--model", "nothing"), MODEL, "nothing"),
    Case("uncertainty without samples", ("--uncertainty", "u.nii.gz"), USAGE, "uncertainty"),
    Case("CT for an MR model", ("--modality", "CT"), MODEL, "no installed model"),
]


@pytest.fixture(scope="module")
def models(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed, untrained models: ×2, and thin slices from thick ones."""
    root = tmp_path_factory.mktemp("installed")
    twice = ResolutionSpec(kind="kspace", axes=("all", "plane"), factor=Range(low=1.3, high=2.2))
    thin = ResolutionSpec(kind="profile", axes=("slices",), factor=Range(low=2, high=6), typical=4)
    make_model(root / "sr-x2", task="super_resolve", resolution=twice)
    make_model(root / "sr-thin", task="super_resolve", resolution=thin)
    return root


@pytest.fixture
def place(
    models: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty folder to work in; the models are all that is installed."""
    empty = tmp_path_factory.mktemp("bundled")
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: empty)
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scan(case: Case) -> Volume:
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in case.shape), indexing="ij")
    voxels = np.rint(500 * np.exp(-2 * (k**2 + j**2 + i**2))).astype(np.int16)
    matrix = np.eye(4)
    matrix[:3, :3] = case.turn @ np.diag(case.spacing)
    matrix[:3, 3] = (3, 5, -7)
    return Volume(voxels, matrix, "MR")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_ends_as_it_should(case: Case, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_volume(scan(case), place / "head.nii.gz")
    before = source.read_bytes()
    modality = () if "--modality" in case.arguments else ("--modality", "MR")
    code = main(["superres", str(source), str(place / "out.nii.gz"), *modality, *case.arguments, "--quiet"])
    said = capsys.readouterr().err
    assert (code, case.said in said) == (case.code, True), said
    assert source.read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["head.nii.gz"] + ["out.nii.gz"] * (code == OK)
    if code != OK:
        assert said.count("\n") == 1
        return
    result = read_volume(place / "out.nii.gz")
    assert result.shape == case.becomes
    centres = [v.ijk_to_ras @ [*(np.array(v.shape[::-1]) - 1) / 2, 1] for v in (scan(case), result)]
    np.testing.assert_allclose(*centres, atol=1e-3)


def flat(folder: Path) -> list[str]:
    return [str(write_volume(Volume(np.ones((8, 10, 12), np.int16), np.eye(4), "MR"), folder / "head.nii.gz"))]


def pet(folder: Path) -> list[str]:
    return [str(write_volume(replace(scan(CASES[0]), modality="OTHER"), folder / "pet_suv.nii.gz"))]


def with_a(value: float) -> Callable[[Path], list[str]]:
    """A file that holds the value once."""

    def make(folder: Path) -> list[str]:
        import nibabel

        voxels = scan(CASES[0]).voxels.astype(np.float32)
        voxels[1, 2, 3] = value
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / "head.nii.gz")
        return [str(folder / "head.nii.gz")]

    return make


def truncated(folder: Path) -> list[str]:
    path = write_volume(scan(CASES[0]), folder / "head.nii.gz")
    path.write_bytes(path.read_bytes()[:200])
    return [str(path)]


def frames(folder: Path) -> list[str]:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.ones((8, 8, 8, 3), np.int16), np.eye(4)), folder / "head.nii.gz")
    return [str(folder / "head.nii.gz")]


def head(*more: str) -> Callable[[Path], list[str]]:
    """A good scan, and options."""
    return lambda folder: [str(write_volume(scan(CASES[0]), folder / "head.nii.gz")), *more]


def pickled(folder: Path) -> list[str]:
    (folder / "model.pt").write_bytes(b"cos\nsystem\n")
    return head("--model", str(folder / "model.pt"))(folder)


AS_IN_THE_CORE = {
    "missing file": (lambda folder: [str(folder / "head.nii.gz")], INPUT, "no such file"),
    "truncated file": (truncated, INPUT, "truncated"),
    "NaN": (with_a(np.nan), INPUT, "NaN"),
    "infinite": (with_a(np.inf), INPUT, "infinite"),
    "4D": (frames, INPUT, "--frame 0"),
    "constant": (flat, INPUT, "same value"),
    "PET by its name": (pet, REFUSED, "PET"),
    "pickle as a model": (pickled, MODEL, "pickle"),
    "model of another task": (head("--model", "sr-other"), MODEL, "does not super-resolve"),
    "no such device": (head("--device", "cuda:97"), DEVICE, "no such device"),
    "steps 0": (head("--steps", "0"), USAGE, "--steps must be 1 to 1000, got 0"),
    "seed -1": (head("--seed", "-1"), USAGE, "--seed must be 0 to"),
    "strength 2": (head("--strength", "2"), USAGE, "--strength must be 0 to 1"),
    "another format": (head("--figure", "f.doc"), USAGE, ".png"),
    "roi outside": (head("--roi", "90:99,:,:"), USAGE, "takes nothing"),
    "unknown option": (head("--colour", "1"), USAGE, "--colour"),
}


@pytest.mark.parametrize("name", AS_IN_THE_CORE)
def test_what_no_task_can_use_is_said_as_by_the_others(
    name: str, place: Path, make_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, said = AS_IN_THE_CORE[name]
    if name == "model of another task":
        make_model(place / "models" / "sr-other")
        make = head("--model", str(place / "models" / "sr-other"))
    words = make(place)
    named = () if name.startswith("PET") else ("--modality", "MR")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert main(["superres", words[0], str(place / "out.nii.gz"), *named, *words[1:], "--quiet"]) == code
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1, told
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_nothing_that_is_there_is_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_volume(scan(CASES[0]), place / "head.nii.gz")
    before = source.read_bytes()
    assert main(["superres", str(source), str(source), "--modality", "MR", "--quiet", "--overwrite"]) == OUTPUT
    assert "is an input, which" in capsys.readouterr().err
    (place / "mine.nii.gz").write_bytes(b"mine")
    assert main(["superres", str(source), str(place / "mine.nii.gz"), "--modality", "MR", "--quiet"]) == OUTPUT
    assert "--overwrite" in capsys.readouterr().err
    assert (place / "mine.nii.gz").read_bytes() == b"mine"
    assert source.read_bytes() == before


def test_dicom_in_derived_dicom_out(place: Path, dicom: ModuleType) -> None:
    """A new series on the finer grid that says where it comes from and that its detail is estimated."""
    import pydicom

    dicom.series(place / "in", dicom.phantom((8, 24, 20)), dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    assert main(["superres", str(place / "in"), str(place / "fine"), "--quiet"]) == OK
    files = sorted((place / "fine").glob("*.dcm"))
    image, source = pydicom.dcmread(files[0]), pydicom.dcmread(next((place / "in").iterdir()))
    assert (len(files), image.Rows, image.Columns) == (16, 48, 40)
    assert [float(s) for s in image.PixelSpacing] == [0.5, 0.5]
    assert float(image.SpacingBetweenSlices) == 0.5
    assert image.StudyInstanceUID == source.StudyInstanceUID
    assert image.SeriesInstanceUID != source.SeriesInstanceUID
    assert "estimated" in image.DerivationDescription
    assert image.DerivationCodeSequence[0].CodeMeaning == "Spatial resampling"


def test_all_that_can_be_asked_for_beside_the_result(place: Path) -> None:
    """Before is the interpolated scan, on the finer grid; S2's film scrolls through both."""
    source = write_volume(scan(CASES[0]), place / "head.nii.gz")
    asked = ["--report", "r.json", "--html", "r.html", "--uncertainty", "u.nii.gz", "--samples", "2", "--steps", "2"]
    words = ["superres", str(source), "fine.nii.gz", "--modality", "MR", "--quiet", "--roi", "0:10,0:8,0:6", *asked]
    for figure in ("f.png", "f.gif"):
        assert main([*words, "--figure", figure, "--overwrite"]) == OK
    made = json.loads((place / "r.json").read_text(encoding="utf-8"))
    assert {"before, % of p99.5", "after, % of p99.5"} <= made["figures"]["consistency"].keys()
    assert read_volume(place / "u.nii.gz").shape == read_volume(place / "fine.nii.gz").shape == (12, 16, 20)
    assert all((place / name).stat().st_size > 1000 for name in ("f.png", "f.gif", "r.html"))


def test_many_scans_into_a_folder(place: Path) -> None:
    for name in ("a", "b"):
        write_volume(scan(CASES[0]), place / f"{name}.nii.gz")
    (place / "c.nii.gz").write_bytes(b"nothing")
    arguments = [str(place / f"{n}.nii.gz") for n in "abc"]
    assert main(["superres", *arguments, str(place / "fine"), "--modality", "MR", "--quiet"]) == 1
    assert sorted(p.name for p in (place / "fine").iterdir()) == ["a.nii.gz", "b.nii.gz", "report.csv"]
