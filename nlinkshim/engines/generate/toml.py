"""The settings as a TOML file."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from nlinkshim.engines.generate.escape import for_toml
from nlinkshim.engines.generate.settings import Settings, table
from nlinkshim.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LARGEST = 1 << 20  # bytes; a file of all settings has 5,000


def read_toml(path: Path) -> dict[str, object]:
    """The keys that the file gives, unchecked; a relative folder of wheels is one beside the file.

    Raises UsageError: it cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise UsageError(f"{path}: larger than {LARGEST:,} bytes, so no file of settings")
    try:
        given: dict[str, object] = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no UTF-8 text (byte {error.start})") from error
    except ValueError as error:  # TOMLDecodeError, or int() of too many digits
        raise UsageError(f"{path}: no TOML: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: no TOML of settings: nested too deep") from error
    wheels = given.get("wheels")
    if isinstance(wheels, str) and wheels:
        given["wheels"] = str(path.parent / wheels)
    return given


def as_toml(settings: Settings, header: str, wheels: str = "") -> str:
    """The settings with what each means. `wheels`: the folder of wheels, as seen from the file."""
    lines = [f"# {line}" for line in textwrap.wrap(header, 108)]
    for field in table():
        rules = field.metadata
        meaning = rules["meaning"] + (f" ({', '.join(rules['choices'])})" if rules["choices"] else "")
        value = wheels if field.name == "wheels" else getattr(settings, field.name)
        lines += [
            "",
            *(f"# {line}" for line in textwrap.wrap(meaning, 108)),
            f"{field.name} = {for_toml(value)}",
        ]
    return "\n".join(lines) + "\n"
