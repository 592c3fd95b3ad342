"""Copy lines from stdin to stdout, each with the time at which it came: smbd's output has none."""

from __future__ import annotations

import sys
import time

for line in sys.stdin.buffer:
    sys.stdout.buffer.write(b"%.3f %s" % (time.time(), line))
    sys.stdout.buffer.flush()
