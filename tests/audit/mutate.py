"""Audits mutations of a program, in a process that may take 400 MiB: mutate.py PROGRAM FILE SEED COUNT"""

from __future__ import annotations

import collections
import os
import random
import resource
import sys
import time
from pathlib import Path

from nlinkshim import audit

LIMIT = 400 << 20
SLOWEST_SECONDS = 5.0
EDGES = [0, 1, 0x7F, 0xFF, 1 << 20, 2**31 - 1, 2**32 - 1, 1 << 32, 2**63 - 1, 2**64 - 1]


def mutated(content: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.1:
        return content[: dice.randrange(len(content))]
    result = bytearray(content)
    reach = dice.choice([64, 1000, len(result)])  # headers more often than the rest
    for _ in range(dice.choice([1, 1, 2, 4, 16, 64])):
        place = dice.randrange(reach)
        kind = dice.random()
        if kind < 0.4:
            result[place] = dice.randrange(256)
        elif kind < 0.7:
            result[place] ^= 1 << dice.randrange(8)
        else:
            width = dice.choice([2, 4, 8])
            place &= -width
            value = dice.choice(EDGES) & ((1 << 8 * width) - 1)
            result[place : place + width] = value.to_bytes(width, "little")
    return bytes(result)


def main(program: str, work: str, seed: str, count: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    dice = random.Random(seed)  # noqa: S311  it is to give the same numbers again
    content, path = Path(program).read_bytes(), Path(work)
    verdicts: collections.Counter[str] = collections.Counter()
    for number in range(int(count)):
        path.write_bytes(mutated(content, dice))
        if dice.random() < 0.2:
            os.truncate(path, 1 << 40)  # sparse: now no offset is beyond the end
        begin = time.monotonic()
        try:
            verdicts[audit(path).verdict.value] += 1
        except BaseException:
            print(f"mutation {number} of seed {seed}", file=sys.stderr)
            raise
        took = time.monotonic() - begin
        assert took < SLOWEST_SECONDS, f"mutation {number} of seed {seed} took {took:.1f} s"
    print(*sorted(verdicts))


if __name__ == "__main__":
    main(*sys.argv[1:])
