"""`diffusioncore COMMAND`: finds the command's file, runs it, and turns what goes wrong into a sentence and a code."""

from __future__ import annotations

import sys
from importlib import import_module

from . import __version__
from .errors import Cancelled, DiffusionCoreError, UsageError

COMMANDS = {
    "enhance": "remove noise from one scan, or from many",
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
    try:
        if name not in COMMANDS:
            raise UsageError(f"there is no command {name!r}; there are {', '.join(COMMANDS)}")
        return import_module(f".commands.{name}", __package__).main(rest)
    except KeyboardInterrupt:
        return complain(Cancelled("cancelled; nothing was written"), verbose)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except DiffusionCoreError as error:
        return complain(error, verbose)
    except Exception as error:
        from .commands.crash import write_crash_log

        where = write_crash_log(error, name)
        print(f"diffusioncore: unexpected error ({type(error).__name__}); details are in {where}", file=sys.stderr)
        if verbose:
            raise
        return 70


def complain(error: DiffusionCoreError, verbose: bool) -> int:
    """Print the error's sentence; its exit code."""
    print(f"diffusioncore: {error}", file=sys.stderr)
    if verbose:
        import traceback

        traceback.print_exception(error)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
