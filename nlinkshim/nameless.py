"""Descriptors that a child is to share: files without a name, out of the way of those that it is given."""

from __future__ import annotations

import os

# Below are the standard streams, closed ones too, and what a child is given at a fixed number.
FIRST = 10


def nameless_file(label: str) -> int:
    """A descriptor of an empty file that nobody can open by name: in memory where the kernel (3.17) and this
    Python (built on glibc 2.27's headers) can, else an unlinked one in /dev/shm or a temporary folder. It is
    moved as by out_of_the_way().

    Raises:
        OSError: neither can be made.
    """
    try:
        descriptor = os.memfd_create(label)
    except (AttributeError, OSError):
        import tempfile

        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  the file gets no name
        with tempfile.TemporaryFile(prefix=label, dir=shared) as file:
            return out_of_the_way(os.dup(file.fileno()))
    return out_of_the_way(descriptor)


def out_of_the_way(descriptor: int) -> int:
    """The same under a number from FIRST on, not inherited; `descriptor` is closed.

    Raises:
        OSError: no descriptor is left.
    """
    import fcntl

    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST)
    finally:
        os.close(descriptor)
