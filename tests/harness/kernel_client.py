"""The kernel's client in a guest, mounting a generated server as consumers do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nlinkshim.engines.generate.cifs import mount_options

from . import guest
from .clients import PASSWORD
from .releases import Running

LOGIN = "/run/login"


@contextlib.contextmanager
def mounted(machine: guest.Machine, server: Running, at: str = "/mnt/dfs") -> Iterator[None]:
    model = server.release.model
    options = [option.text for option in mount_options(model) if not option.text.startswith("port=")]
    machine.run(f"printf 'username=media\\npassword={PASSWORD}\\n' >{LOGIN}")
    machine.mount(
        model.client_source(guest.HOST),
        at,
        port=server.port,
        options=",".join([*options, f"credentials={LOGIN}"]),
    )
    try:
        yield
    finally:
        machine.run(f"umount -l {at}")
