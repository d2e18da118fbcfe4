"""Collects what the classes of Slicer and CTK offer to Python, from their headers, into `slicer_host/facts.json`.

    python Testing/Host/collect_facts.py SLICER_SOURCES CTK_SOURCES

The sources are checkouts of Slicer's branch 5.12 and of the CTK that it pins (SuperBuild/External_CTK.cmake). PythonQt
shows a class of theirs by its Qt properties, signals, slots and invokable methods, those of its bases included, and nothing
else; so that is what is kept: names and types, which are facts, no code.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

PREFIXES = ("ctk", "qMRML", "qSlicer")
CLASS = re.compile(
    r"^\s*class\s+(?:[A-Z]\w*_EXPORT\s+)?((?:ctk|qMRML|qSlicer)\w+)\s*(?::\s*((?:public|virtual)[^{;]*))?\{",
    re.MULTILINE,
)
SECTION = re.compile(
    r"^\s*(public|protected|private|signals|Q_SIGNALS|(?:public|protected|private)\s+(?:slots|Q_SLOTS))\s*:\s*$"
)
MACRO = re.compile(
    r"^\s*(Q_OBJECT|QVTK_OBJECT|Q_(?:ENUMS?|FLAGS?|DECLARE\w+|DISABLE_COPY|CLASSINFO|INTERFACES)\(.*"
    r"|typedef .*;|friend .*;)\s*;?\s*$"
)
PROPERTY = re.compile(
    r"Q_PROPERTY\s*\(\s*(.*?)\s+(\w+)\s+(?:READ|MEMBER)\s+(.*?)\)\s*(?:$|;|//)", re.MULTILINE | re.DOTALL
)
METHOD = re.compile(r"([\w:<>*&,\s]+?[\s*&])(\w+)\s*\(")


def without_comments(text: str) -> str:
    """The header without comments and without preprocessor lines."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*', lambda found: '""' if found.group().startswith('"') else "", text)
    return re.sub(r"^\s*#(?:[^\n\\]|\\\n|\\)*", "", text, flags=re.MULTILINE)


def body_from(text: str, start: int) -> str:
    """What stands between the brace that ends at `start` and the one that closes it."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start:position]
    return text[start:]


def arguments(declaration: str, start: int) -> list[str]:
    """Types of the arguments whose opening bracket is at `start`, and how many have no default."""
    depth, end = 0, len(declaration)
    for position in range(start, len(declaration)):
        depth += {"(": 1, ")": -1}.get(declaration[position], 0)
        if depth == 0:
            end = position
            break
    inside = declaration[start + 1 : end].strip()
    if not inside or inside == "void":
        return []
    parts, depth, current = [], 0, ""
    for letter in inside + ",":
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    return [argument_type(part) for part in parts]


def argument_type(argument: str) -> str:
    """The type of one argument in Qt's normalised form, with '=' after it where there is a default."""
    default = "=" if "=" in argument else ""
    text = argument.split("=")[0].strip()
    match = re.fullmatch(r"(.*?[\s*&>])\s*(\w+)", text)
    if match and match.group(1).strip() not in ("const", "unsigned", "long", "QVector<", ""):
        text = match.group(1)
    text = re.sub(r"^const\s+(.*?)\s*&$", r"\1", text.strip())
    return re.sub(r"\s*([*&<>,])\s*", r"\1", text).strip() + default


def statements(body: str) -> list[tuple[str, str]]:
    """(section, declaration) of each declaration of the class, bodies of inline functions dropped."""
    flat, depth = [], 0
    for letter in body:
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            flat.append(";" if depth == 0 else "")
        elif depth == 0:
            flat.append(letter)
    found, section, current = [], "private", ""
    for line in "".join(flat).splitlines():
        header = SECTION.match(line)
        if header:
            section, current = re.sub(r"Q_SLOTS", "slots", re.sub(r"\s+", " ", header.group(1))), ""
            continue
        if MACRO.match(line):
            continue
        current += " " + line.strip()
        while ";" in current:
            statement, current = current.split(";", 1)
            found.append((section, statement.strip()))
    return found


def facts_of(body: str) -> dict[str, object]:
    """Properties, signals and methods that PythonQt shows of a class with this body."""
    properties = {
        name: {"type": re.sub(r"\s+", " ", kind), "writable": " WRITE " in f" {rest}" or "MEMBER" in rest}
        for kind, name, rest in PROPERTY.findall(body)
    }
    rest = PROPERTY.sub("", body)
    signals: dict[str, list[str]] = {}
    methods: dict[str, list[list[str]]] = {}
    for section, statement in statements(rest):
        statement = re.sub(r"^(?:enum\b.*|using\b.*)$", "", statement)
        match = METHOD.search(" " + statement)
        if not match or "operator" in statement:
            continue
        types = arguments(" " + statement, match.end() - 1)
        if section in ("signals", "Q_SIGNALS"):
            signals.setdefault(match.group(2), []).append("(" + ",".join(t.rstrip("=") for t in types) + ")")
        elif "Q_INVOKABLE" in statement or section == "public slots":
            methods.setdefault(match.group(2), []).append(types)
    return {"properties": properties, "signals": signals, "methods": methods}


def enumerations(body: str) -> dict[str, list[str]]:
    """Public enumerations registered with Qt: name -> values."""
    registered = set(re.findall(r"Q_ENUMS?\(\s*([\w\s]+?)\s*\)", body)) | set(
        re.findall(r"Q_DECLARE_FLAGS\(\s*\w+\s*,\s*(\w+)\s*\)", body)
    )
    names = {word for text in registered for word in text.split()}
    return {
        name: [entry.split("=")[0].strip() for entry in inside.split(",") if entry.strip()]
        for name, inside in re.findall(r"enum\s+(?:class\s+)?(\w+)\s*\{(.*?)\}", body, re.DOTALL)
        if name in names
    }


def collect(*roots: Path) -> dict[str, dict[str, object]]:
    """Facts of every class of every header under `roots`, by name of the class."""
    found: dict[str, dict[str, object]] = {}
    for root in roots:
        for path in sorted(root.rglob("*.h")):
            if not path.name.startswith(PREFIXES) or "Testing" in path.parts or path.name.endswith("_p.h"):
                continue
            text = without_comments(path.read_text(encoding="utf-8", errors="replace"))
            for match in CLASS.finditer(text):
                body = body_from(text, match.end())
                if "Q_OBJECT" not in body:
                    continue
                bases = [
                    re.sub(r"\b(?:public|virtual)\b", "", base).strip() for base in (match.group(2) or "").split(",")
                ]
                found[match.group(1)] = {
                    "bases": [base for base in bases if base.startswith(("Q", *PREFIXES))],
                    **facts_of(body),
                    "enumerations": enumerations(body),
                }
    return found


def main() -> None:
    """Write the facts beside the host."""
    target = Path(__file__).with_name("slicer_host") / "facts.json"
    facts = collect(*map(Path, sys.argv[1:]))
    lines = [f"{json.dumps(name)}: {json.dumps(facts[name], sort_keys=True)}" for name in sorted(facts)]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")
    print(f"{len(facts)} classes")


if __name__ == "__main__":
    main()
