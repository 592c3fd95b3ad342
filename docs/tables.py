"""Write the tables that the code tells into the pages beside this (`make docs`); with --check only say if one
is another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from nlinkshim.engines.audit.kinds import KINDS as FINDINGS
from nlinkshim.engines.generate.escape import for_toml
from nlinkshim.engines.generate.settings import table
from nlinkshim.engines.verify.notes import KINDS as NOTES


def settings() -> Iterator[tuple[str, ...]]:
    yield "key", "default", "values", "meaning"
    for field in table():
        rules = field.metadata
        low, high = rules["limits"]
        if rules["choices"]:
            values = ", ".join(f"`{choice}`" for choice in rules["choices"])
        elif high:
            values = f"{low} to {high}"
        else:
            values = {str: "text", bool: "`true`, `false`", tuple: "list of texts"}[type(field.default)]
        yield f"`{field.name}`", f"`{for_toml(field.default)}`", values, rules["meaning"]


def notes() -> Iterator[tuple[str, ...]]:
    yield "id", "what is seen", "whom it harms", "what its author does"
    for kind in NOTES:
        what = f"{kind.what}{' (sampled)' if kind.sampled else ''}"
        fixes = [kind.fix, *(f"{library}: {fix}" for library, fix in kind.by_library)]
        yield f"`{kind.id}`", what, kind.harms, "; ".join(fixes)


def findings() -> Iterator[tuple[str, ...]]:
    yield "id", "severity", "meaning"
    for kind in FINDINGS:
        harmless = "" if kind.harmless is None else f"; information {kind.harmless}"
        yield f"`{kind.id}`", kind.severity.value, kind.meaning + harmless


TABLES: dict[str, tuple[str, Callable[[], Iterator[tuple[str, ...]]]]] = {
    "settings": ("generate.md", settings),
    "findings": ("audit.md", findings),
    "notes": ("verify.md", notes),
}


def _rendered(rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * (lines[0].count(" | ") + 1), *lines[1:]]) + "\n"


def main() -> int:
    stale = []
    for name, (file, rows) in TABLES.items():
        path = Path(__file__).with_name(file)
        page = path.read_text()
        begin, end = f"<!-- {name}: make docs -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(begin)
        wanted = before + begin + _rendered(rows()) + end + rest.split(end)[1]
        if wanted == page:
            continue
        stale.append(f"{file}: the table of {name} is out of date; run make docs")
        if "--check" not in sys.argv[1:]:
            path.write_text(wanted)
    if stale and "--check" in sys.argv[1:]:
        print("\n".join(stale), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
