"""What the worker says for and against a result (`metrics.trust`), as the panel's sentences, rows and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def alarms_of(trust: Mapping[str, Any] | None) -> list[str]:
    """What a person should look into; empty where nothing was judged."""
    return [found["sentence"] for found in (trust or {}).get("findings", []) if found["alarm"]]


def rows(trust: Mapping[str, Any] | None) -> list[tuple[str, Any, Any]]:
    """(name with its unit, before, after) for the table of figures."""
    if not trust or "share" not in trust:
        return []
    found: list[tuple[str, Any, Any]] = [("tissue flagged as structure, %", "", 100 * trust["share"])]
    bias, sure = trust.get("bias") or {}, trust.get("uncertainty") or {}
    amounts = [bias["mean"], *bias["volumes"]] if bias else []
    found += [(f"{one['name']}, {one['unit']}", one["before"], one["after"]) for one in amounts]
    if sure and bias:
        how = "90 % interval" if sure["calibrated"] else "90 % interval, not calibrated"
        found.append((f"half the {how} in tissue, {bias['mean']['unit']}", "", sure["median"]))
    return found


def report(trust: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the report, as the command line writes it (`Trust.as_dict`): without the map."""
    alarms = alarms_of(trust)
    structure = {"flagged_share": trust.get("share"), "excess": trust.get("excess"), "places": trust.get("places")}
    return {
        "alarm": bool(alarms),
        "words": [found["sentence"] for found in trust.get("findings", [])],
        "alarms": alarms,
        "residual_structure": structure,
        "bias": trust.get("bias"),
        "uncertainty": trust.get("uncertainty"),
    }
