"""What nlinkshim costs, beside what else there is. `python -m bench` asks every question; each is a module.

Machines are shared and noisy, so nothing here stands alone: instructions and system calls are counted, and
times are ratios of runs that took turns. Mounts, daemons and smbd come from the harness of the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
