"""Measures what the panel must reach, each figure against its gate, and writes panel.md and panel.json.

    python Testing/Bench/panel.py                      all parts, docs/benchmark; about a quarter of an hour on two idle cores
    python Testing/Bench/panel.py runs cancels         some parts; the others keep what they had
    python Testing/Bench/panel.py --try --out /tmp/x   small and short, to try the command

Linux: processes, handles and memory are read in /proc. The modules run in the test host, not in 3D Slicer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY))

from DiffusionCore.benchmark.markdown_table import markdown_table  # noqa: E402
from DiffusionCore.benchmark.rivals.other_work import disturbs, others_now  # noqa: E402
from DiffusionCore.benchmark.speed.goals import NO_GOAL, Row, at_most  # noqa: E402
from DiffusionCore.benchmark.speed.jobs import cpu_name  # noqa: E402
from DiffusionCore.volume.atomic import atomic_file  # noqa: E402

PARTS = ("opening", "runs", "traffic", "cancels", "soak")
MODULES = ("DiffusionEnhance", "DiffusionClassify")
LEAST_LEAK = 0.1  # MiB a run; one result of the scan that is used takes 3
FULL = (("runs", "size", 256), ("traffic", "size", 512), ("cancels", "size", 256), ("soak", "count", 200))
TRIAL = {"size": 48, "traffic": 64, "runs": 2, "soak": 20}


def main() -> int:
    """Measure the parts that are asked for, write the table of all that were."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmark", help="folder (docs/benchmark)")
    parser.add_argument("--size", type=int, default=256, help="edge of the scan that is enhanced, voxels (256)")
    parser.add_argument("--traffic", type=int, default=512, help="edge of the scan that is only moved, voxels (512)")
    parser.add_argument("--runs", type=int, default=10, help="of each measurement but the soak (10)")
    parser.add_argument("--soak", type=int, default=200, help="runs in a row (200)")
    parser.add_argument("--try", action="store_true", dest="trial", help="everything small and short")
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    for name, value in TRIAL.items() if given.trial else ():
        setattr(given, name, value)
    store = given.out / "panel.json"
    given.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = json.loads(store.read_text()) if store.is_file() else {}
    for part in PARTS:
        if not given.parts or part in given.parts:
            found[part] = {**options_of(part, given), "machine": machine(), **measured(part, given)}
            write(store, json.dumps(found, indent=1) + "\n")
            write(given.out / "panel.md", page(found))
    print(page(found))
    return 0


def options_of(part: str, given: argparse.Namespace) -> dict[str, Any]:
    """The keywords of a part's function."""
    size = given.traffic if part == "traffic" else given.size
    return {
        "opening": {"count": given.runs},
        "soak": {"count": given.soak},
    }.get(part, {"size": size, "count": given.runs})


def measured(part: str, given: argparse.Namespace) -> dict[str, Any]:
    """What a part found."""
    print(f"{part} …", file=sys.stderr, flush=True)
    if part != "opening":
        return in_own_process(part, options_of(part, given))
    opened = {module: [in_own_process(part, {"module": module}) for _ in range(given.runs)] for module in MODULES}
    seconds = {module: [one["seconds"] for one in every] for module, every in opened.items()}
    return {"seconds": seconds, "torch": any(one["torch"] for every in opened.values() for one in every)}


def in_own_process(part: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Run a part with a temporary folder of its own, so that what is left there can be counted."""
    command = [sys.executable, str(HERE / "panel_parts.py"), part, json.dumps(options)]
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """This machine, in words that name nobody's, and how busy it is."""
    return {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "others": round(others_now() or 0.0, 2)}


def page(found: Mapping[str, Any]) -> str:
    """panel.md: the machine in words, the table, what the host cannot say."""
    machines = [one["machine"] for one in found.values()]
    words = sorted({f"{one['cpu']}, {one['cores']} cores" for one in machines})
    busy = max(one["others"] for one in machines)
    rows = [row for part in PARTS if part in found for row in ROWS[part](found[part])]
    rows += [Row(part, "", "", "not measured") for part in PARTS if part not in found]
    lines = [
        "# The panel, measured",
        "Made by `make bench-panel` (`Testing/Bench/panel.py`): both modules in the [test host]"
        "(../../CONTRIBUTING.md#the-test-host-of-slicer), which is real MRML, Qt and worker, and not 3D Slicer: what "
        "Slicer's own views cost to draw is not in it. panel.json holds every single figure.",
        f"Machine: {'; '.join(words)}.",
    ]
    if any(found[part][name] < full for part, name, full in FULL if part in found):
        lines.append("**Measured on less than the goals ask for, to try the command: no figure here says anything.**")
    if disturbs(busy):
        lines.append(
            f"**Other work took up to {busy:.1f} processors at the start of a part: the seconds are too long.**"
        )
    lines.append(
        markdown_table(("what", "gate", "measured", "verdict"), [(r.what, r.goal, r.measured, r.verdict) for r in rows])
    )
    return "\n\n".join(lines) + "\n"


def opening_rows(found: Mapping[str, Any]) -> list[Row]:
    torch = "torch was imported" if found["torch"] else "torch not imported"
    rows = []
    for module, seconds in found["seconds"].items():
        worst = float("inf") if found["torch"] else max(seconds)
        words = f"{median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}; {torch}"
        rows.append(
            at_most(f"{module} opens for the first time, in a new process", worst, 0.5, "≤ 0.5 s, no torch", words)
        )
    return rows


def runs_rows(found: Mapping[str, Any]) -> list[Row]:
    size, gate = f"{found['size']}³", "≤ 100 ms"
    first, *gaps = found["gaps"]
    words = f"median {1000 * median(gaps):.0f} ms, worst {1000 * max(gaps):.0f} ms of {len(gaps)} runs"
    starts, beyond, noise = found["starts"][1:], found["beyond"][1:], found["noise_turn"]
    return [
        at_most(f"longest pause of the event loop, click to result, {size}", max(gaps), 0.1, gate, words),
        at_most(
            "the same in a session's first run, when the views are made", first, 0.1, gate, f"{1000 * first:.0f} ms"
        ),
        at_most(f"a second run of the same model starts, {size}", max(starts), 0.5, "≤ 0.5 s", typical(starts)),
        Row("click to result beyond the core's own time, second run", NO_GOAL, typical(beyond), NO_GOAL, max(beyond)),
        at_most(f"preview of a slice of {size}", max(found["previews"]), 2.0, "≤ 2 s", typical(found["previews"])),
        at_most("longest turn of measuring its noise", noise, 0.05, "≤ 50 ms", f"{1000 * noise:.0f} ms"),
    ]


def traffic_rows(found: Mapping[str, Any]) -> list[Row]:
    what = f"{found['size']}³ int16 ({found['megabytes']:.0f} MiB) from its node to the worker and back to a node"
    return [at_most(what, max(found["seconds"]), 2.0, "≤ 2 s", typical(found["seconds"]))]


def cancels_rows(found: Mapping[str, Any]) -> list[Row]:
    processes, handles, files, nodes = (int(found["more"][n]) for n in (1, 0, 2, 3))
    left = f"{processes} processes, {handles} handles, {files} files, {nodes} nodes"
    worst = max(found["seconds"])
    return [
        at_most(f"Cancel, at moments of a run of {found['size']}³", worst, 1.0, "≤ 1 s", typical(found["seconds"])),
        at_most("more than before, afterwards", float(sum(found["more"])), 0.0, "nothing", left),
    ]


def soak_rows(found: Mapping[str, Any]) -> list[Row]:
    ends = ", ".join(f"{count} {state}" for state, count in sorted(found["ends"].items()))
    handles, processes, files, nodes = found["growth"]
    what = f"{found['count']} runs in a row ({ends})"
    counts = f"{processes:+.0f} processes, {handles:+.0f} handles, {files:+.0f} files, {nodes:+.0f} nodes"
    gone = f"{found['workers_left']} of {found['workers']} workers still there but the last"
    gate = f"< {LEAST_LEAK} MiB a run"
    return [
        at_most(what, max(found["growth"]), 0.0, "no growth", counts),
        at_most("workers that were killed", float(found["workers_left"]), 0.0, "all gone", gone),
        at_most("memory of the application", found["memory_a_run"], LEAST_LEAK, gate, per_run(found["memory_a_run"])),
        at_most("memory of the worker", found["worker_a_run"], LEAST_LEAK, gate, per_run(found["worker_a_run"])),
    ]


ROWS = {
    "opening": opening_rows,
    "runs": runs_rows,
    "traffic": traffic_rows,
    "cancels": cancels_rows,
    "soak": soak_rows,
}


def typical(seconds: Sequence[float]) -> str:
    return f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}"


def per_run(slope: float) -> str:
    return f"{slope:+.3f} MiB a run"


def write(path: Path, text: str) -> None:
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
