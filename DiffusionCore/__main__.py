"""`diffusioncore COMMAND`: finds the command's file, runs it, and turns what goes wrong into a sentence and a code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from importlib import import_module

from . import __version__
from .errors import Cancelled, DeviceError, DiffusionCoreError, UsageError
from .report.words import visible

UNEXPECTED = 70

COMMANDS = {
    "enhance": "remove noise from one scan, or from many",
    "superres": "raise the resolution of one scan, or of many",
    "synthesize": "make images that show nobody, from a seed",
    "classify": "what a scan, or the structure in a label map, shows",
    "evaluate": "figures of a scan against a clean reference, or before and after",
    "preprocess": "modality, spacing, patches for training, slices as pictures",
    "train": "train a model from a configuration file",
    "benchmark": "compare with other methods, make the tables and figures",
    "models": "list, show, add and verify models",
    "demo": "the whole story in a minute, on a scan whose truth is known",
    "info": "what a scan is, and what would be done to it",
}

HELP = f"""diffusioncore {__version__}: enhance CT and MR scans by diffusion models.
Research only, not for clinical use.

usage: diffusioncore COMMAND ...

{chr(10).join(f"  {name:<12}{what}" for name, what in COMMANDS.items())}

  diffusioncore COMMAND --help   says more, with an example
  diffusioncore --version        says which version this is

example:
  diffusioncore enhance head.nii.gz head_enhanced.nii.gz
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see `errors`; 0 done, 70 unexpected)."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if arguments[0] in ("-V", "--version"):
        print(__version__)
        return 0
    name, rest = arguments[0], arguments[1:]
    verbose = "--verbose" in rest
    atexit.register(gc.freeze)  # else the process ends half a second later, collecting torch's modules as garbage
    try:
        with warnings.catch_warnings():
            if not verbose:  # libraries' advice to programmers, which may quote what is in a scan
                warnings.simplefilter("ignore")
            code = run(name, rest)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return complain(Cancelled("cancelled; nothing was written"), verbose)
    except BrokenPipeError:
        # whoever read our output has stopped, as `head` does; what is still buffered must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except DiffusionCoreError as error:
        return complain(error, verbose)
    except MemoryError:
        return complain(DeviceError("main memory ran out; free some, or take a part of the scan (--roi)"), verbose)
    except Exception as error:
        from .commands.crash import write_crash_log

        where = write_crash_log(error, name)
        print(f"diffusioncore: unexpected error ({type(error).__name__}); details are in {where}", file=sys.stderr)
        show_trace(error, verbose)
        return UNEXPECTED


def run(name: str, arguments: list[str]) -> int:
    """The command's own `main`; argparse's exit after --help becomes its code."""
    if name not in COMMANDS:
        raise UsageError(f"there is no command {name!r}; there are {', '.join(COMMANDS)}")
    try:
        return import_module(f".commands.{name}", __package__).main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def complain(error: DiffusionCoreError, verbose: bool) -> int:
    """Print the error's sentence on one line; its exit code."""
    print(f"diffusioncore: {visible(' '.join(str(error).split()))}", file=sys.stderr)
    show_trace(error, verbose)
    return error.exit_code


def show_trace(error: Exception, verbose: bool) -> None:
    """Where it happened, for those who asked."""
    if verbose:
        import traceback

        traceback.print_exception(error)


if __name__ == "__main__":
    sys.exit(main())
