"""The page docs/drills.md: for each Samba what the consumers saw in all rounds of the drills."""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import processes

from . import roots
from .gaps import Table, markdown
from .outages import Outage

PAGE = Path(__file__).parents[2] / "docs" / "drills.md"
# Rounds of each drill: one in `make test`, which also leaves out the drills that are marked long.
ROUNDS = int(os.environ.get("NLINKSHIM_LAB_ROUNDS") or 1)
LONG_ROUNDS = max(ROUNDS // 2, 1)  # of those
# As the generated parts of release 0.1 were measured by the same looks: median and worst.
BEFORE = {
    "smbd killed": "4 / 7",
    "moved to the other node, nobody serving for 5 s": "14 / 14 (nobody serving for 10 s)",
    "FUSE server killed and replaced": "4 / 4, the held file never",
    "mounter ended, the next one begun": "5 / 13",
    "mounter killed, the next one begun": "0 / 0",
}
HEADER = ["drill", "rounds", "before: median / worst s", "median s", "worst s", "what failed, and how"]


@dataclass
class Report:
    """What was seen in this run of the tests, by drill."""

    samba: str  # of roots.RELEASES
    guest_kernel: str = ""
    drills: dict[str, list[list[Outage]]] = field(default_factory=dict)  # of each round
    gaps: Table = field(default_factory=Table)

    def _drill(self, name: str, rounds: list[list[Outage]]) -> list[str]:
        longest = [max((outage.seconds for outage in seen), default=0.0) for seen in rounds]
        everything = [outage for seen in rounds for outage in seen]
        kinds = sorted({(outage.look, kind) for outage in everything for kind in outage.kinds})
        failed = {look: [kind for one, kind in kinds if one == look] for look, _ in kinds}
        told = "; ".join(f"{look}: {' '.join(names)}" for look, names in failed.items()) or "nothing"
        median, worst = statistics.median(longest), max(longest)
        return [name, str(len(rounds)), BEFORE.get(name, "-"), f"{median:.1f}", f"{worst:.1f}", told]

    def section(self) -> str:
        version = processes.run(["chroot", str(roots.obtain(self.samba)), "smbclient", "--version"]).stdout
        kernels = f"server's kernel {platform.release().split('-')[0]}, consumers' {self.guest_kernel}"
        day = time.strftime("%Y-%m-%d", time.gmtime())
        drills = markdown(HEADER, (self._drill(*item) for item in self.drills.items()))
        return f"Samba {version.split()[1]}, {kernels}, {day}.\n\n{drills}\n{self.gaps.markdown()}"

    def write(self) -> None:
        """Put the section in the place of what the page has of this Samba."""
        begin, end = f"<!-- drills: make lab SAMBA={self.samba} -->\n", f"<!-- end of {self.samba} -->\n"
        before, found, rest = PAGE.read_text().partition(begin)
        assert found and end in rest, f"{PAGE.name} has no place for {self.samba}"
        PAGE.write_text(before + begin + self.section() + end + rest.partition(end)[2])
