"""Write the table of settings into docs/generate.md (`make docs`); with --check only say if it is another."""

from __future__ import annotations

import sys
from pathlib import Path

from nlinkshim.engines.generate.escape import for_toml
from nlinkshim.engines.generate.settings import table

PAGE = Path(__file__).with_name("generate.md")
BEGIN, END = "<!-- settings: make docs -->\n", "<!-- end of settings -->\n"


def rows() -> str:
    lines = ["| key | default | values | meaning |", "| --- | --- | --- | --- |"]
    for field in table():
        rules = field.metadata
        low, high = rules["limits"]
        if rules["choices"]:
            values = ", ".join(f"`{choice}`" for choice in rules["choices"])
        elif high:
            values = f"{low} to {high}"
        else:
            values = {str: "text", bool: "`true`, `false`", tuple: "list of texts"}[type(field.default)]
        meaning = rules["meaning"].replace("|", r"\|")
        lines.append(f"| `{field.name}` | `{for_toml(field.default)}` | {values} | {meaning} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + rows() + END + after
    if "--check" in sys.argv[1:]:
        if wanted != page:
            print(f"{PAGE.name}: the table of settings is out of date; run make docs", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
