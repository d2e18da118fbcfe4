"""The command line as a whole: what it imports, what it says where, which code it ends with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from DiffusionCore import __main__ as program
from DiffusionCore.__main__ import COMMANDS, main
from DiffusionCore.errors import Cancelled, ModelError, PartialFailure

HEAVY = ("torch", "matplotlib", "lightning", "skimage", "SimpleITK", "scipy", "monai", "nibabel", "pydicom", "numpy")


def test_import_and_every_help_are_light():
    """One process: the package, the help, then each command's help; none may import what takes long."""
    code = f"""
import contextlib, io, sys
heavy = {HEAVY!r}
import DiffusionCore
loaded = [("import", [name for name in heavy if name in sys.modules])]
from DiffusionCore.__main__ import COMMANDS, main
for words in (["--help"], *([name, "--help"] for name in COMMANDS)):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(words)
    assert code == 0 and "example" in out.getvalue(), words
    loaded.append((" ".join(words), [name for name in heavy if name in sys.modules]))
print([one for one in loaded if one[1]])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_that_begins_with_the_command(name, capsys):
    assert main([name, "--help"]) == 0
    said = capsys.readouterr()
    assert f"diffusioncore {name} " in said.out.split("\nexample")[1]
    for option in ("--json", "--quiet", "--verbose"):
        assert option in said.out
    assert said.err == ""


def test_help_lists_every_command(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_version(capsys):
    from DiffusionCore import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def stand_in(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Every command fails with `error`."""

    def run(name: str, arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(program, "run", run)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ModelError("no model"), 4), (PartialFailure("1 of 2"), 1), (Cancelled("x"), 130), (KeyboardInterrupt(), 130)],
)
def test_an_error_is_one_sentence_and_its_code(monkeypatch, capsys, error, code):
    stand_in(monkeypatch, error)
    assert main(["info"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("diffusioncore: ")


def test_a_sentence_stays_on_one_line(monkeypatch, capsys):
    stand_in(monkeypatch, ModelError("a library's\n  two lines"))
    main(["info"])
    assert capsys.readouterr().err == "diffusioncore: a library's two lines\n"


def test_traceback_only_when_verbose(monkeypatch, capsys):
    stand_in(monkeypatch, ModelError("no model"))
    assert main(["info", "--verbose"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_running_out_of_memory_is_said(monkeypatch, capsys):
    stand_in(monkeypatch, MemoryError())
    assert main(["info"]) == 6
    assert "memory ran out" in capsys.readouterr().err


def test_an_unexpected_error_leaves_a_log_without_values(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stand_in(monkeypatch, ZeroDivisionError("patient Müller"))
    assert main(["info"]) == 70
    said = capsys.readouterr().err
    (log,) = tmp_path.glob("diffusioncore-*.log")
    assert said == f"diffusioncore: unexpected error (ZeroDivisionError); details are in {log}\n"
    text = log.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text
    assert "Müller" not in text


def test_an_unexpected_error_where_no_log_can_be_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    stand_in(monkeypatch, ZeroDivisionError())
    assert main(["info"]) == 70
    assert capsys.readouterr().err.count("\n") == 1


def test_results_go_to_stdout_and_all_else_to_stderr(installed, mr_file, tmp_path, capsys):
    assert main(["enhance", str(mr_file), str(tmp_path / "out.nii.gz"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["provenance"]["model"]["name"] == "tiny-mr"
    events = [json.loads(line) for line in said.err.splitlines()]
    stages = list(dict.fromkeys(event["stage"] for event in events))
    assert stages == ["read", "load model", "measure noise", "denoise", "finish", "figures", "write"]
    assert all(0 <= event["fraction"] <= 1 for event in events)


def test_quiet_says_results_alone(installed, mr_file, tmp_path, capsys):
    assert main(["enhance", str(mr_file), str(tmp_path / "out.nii.gz"), "--quiet"]) == 0
    said = capsys.readouterr()
    assert "noise, grey levels" in said.out
    assert said.err == ""


def test_no_bar_where_there_is_no_terminal(installed, mr_file, tmp_path, capsys):
    assert main(["enhance", str(mr_file), str(tmp_path / "out.nii.gz")]) == 0
    assert capsys.readouterr().err == f"written: {tmp_path / 'out.nii.gz'}\n"


def test_a_reader_of_progress_that_stops_does_not_stop_the_work(installed, tiny_models, mr_file, tmp_path):
    words = [
        "enhance",
        str(mr_file),
        str(tmp_path / "out.nii.gz"),
        "--strength",
        "0",
        "--json",
        "--model",
        str(tiny_models / "tiny-mr"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "DiffusionCore", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stderr.close()
    report = json.loads(process.stdout.read())
    assert process.wait(timeout=60) == 0
    assert report["provenance"]["model"]["name"] == "tiny-mr"
    assert (tmp_path / "out.nii.gz").exists()


def test_a_reader_that_stops_is_no_error(installed):
    """As in `diffusioncore models list | head -0`."""
    code = "import sys; from DiffusionCore.__main__ import main; sys.exit(main(['models', 'list']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
