"""Open, read and close the same files again and again by several mounts at once: run inside a guest.

    python3 -I -S storm.py ROUNDS NAMES... -- MOUNTS...

A process for each mount. Prints a line of JSON: how many reads were good, and what else was seen, by count.
"""

from __future__ import annotations

import collections
import errno
import json
import os
import sys
from pathlib import Path


def read(path: Path) -> str:
    """ "ok", "wrong" (not what tests/fuse has in a file of that name), or the name of an error."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            content = os.read(descriptor, 1 << 17)
        finally:
            os.close(descriptor)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    line = os.fsencode(path.name) + b"\n"
    wanted = (line * (len(content) // len(line) + 1))[: len(content)]
    return "ok" if content and content == wanted else "wrong"


def main(rounds: int, names: list[str], mounts: list[str]) -> None:
    reading, writing = os.pipe()
    for mount in mounts:
        if os.fork() == 0:
            seen = collections.Counter(read(Path(mount, name)) for _ in range(rounds) for name in names)
            os.write(writing, json.dumps(seen).encode() + b"\n")
            os._exit(0)
    os.close(writing)
    total: collections.Counter[str] = collections.Counter()
    with os.fdopen(reading) as lines:
        for line in lines:
            total.update(json.loads(line))
    print(json.dumps({"good": total.pop("ok", 0), "errors": total}))


if __name__ == "__main__":
    divider = sys.argv.index("--")
    main(int(sys.argv[1]), sys.argv[2:divider], sys.argv[divider + 1 :])
