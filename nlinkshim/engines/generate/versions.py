"""Settings of smb.conf that only some versions of Samba know.

The build of the image offers each to the Samba that is in it, and writes those that are known into a file
which smb.conf includes. So the output does not depend on it, and testparm finds no unknown parameter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """A line for [global], and why it is there."""

    setting: str
    reason: str


OFFERS = (
    Offer(
        "smb3 directory leases = no",
        "(4.22 and later) with one a client would list what it remembers, and all changes of a FUSE mount"
        " are made behind smbd: a new file stayed away for over 41 s",
    ),
    Offer(
        "smb3 unix extensions = no",
        "(4.22 and later, on by default from 4.23) with them a client sends reserved characters as they are,"
        " and catia turns what it must not",
    ),
)
