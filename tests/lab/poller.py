"""List folders every 10 ms, each as root and as an ordinary user side by side: does one ever look empty?

Also run inside guests: python3 -I -S poller.py SENTINEL KIND=FOLDER...
With --smb as an SMB user: SMB_USER, SMB_PASSWORD. Whatever it sees it prints when that changes, and at
SIGTERM: a line of JSON with who looked, in which kind of view, what was seen, from when to when in seconds
since 1970, and in how many polls. What is seen is one of

    ok          the folder holds the sentinel, and that can be stat'ed
    EMPTY       it was listed, with success, and the sentinel is not there: the worst
    sentinel:E  it is listed, and the stat of the sentinel fails with this error
    E           the listing fails with this error, named as in errno, or in SMB
    hang        the call took longer than a second, however it ended
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

INTERVAL = 0.01
SLOW = 1.0
LAST_WORDS = 3  # s
USERS = {"root": 0, "user": 1000}


def name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error))


def look(folder: Path, sentinel: str) -> str:
    try:
        names = os.listdir(folder)  # noqa: PTH208  one call, and names only
    except OSError as error:
        return name_of(error)
    if sentinel not in names:
        return f"EMPTY but for {len(names)}" if names else "EMPTY"
    try:
        (folder / sentinel).stat()
    except OSError as error:
        return f"sentinel:{name_of(error)}"
    return "ok"


def smb_look(servers: list[str], port: int, path: str, sentinel: str) -> Callable[[], str]:
    """Looks by one connection, without a kernel. When it is lost the next server is tried."""
    import logging

    import smbclient
    from smbprotocol.exceptions import SMBException

    logging.disable()
    login = {"username": os.environ["SMB_USER"], "password": os.environ["SMB_PASSWORD"], "port": port}

    def one() -> str:
        server = servers[0]
        try:
            names = smbclient.listdir(rf"\\{server}\{path}", connection_timeout=5, **login)
        except (SMBException, OSError, ValueError) as error:
            if status := re.search(r"STATUS_\w+", str(error)):
                return status[0]
            with contextlib.suppress(Exception):  # what is left of the connection
                smbclient.delete_session(server, port=port)
            servers.append(servers.pop(0))
            return "no connection"
        return "ok" if sentinel in names else "EMPTY"

    return one


def poll(kind: str, who: str, perform: Callable[[], str]) -> NoReturn:
    """Until SIGTERM."""
    seen, begin, polls = "", 0.0, 0

    def tell(end: float, last: bool) -> None:
        line = {"kind": kind, "who": who, "seen": seen, "begin": begin, "end": end, "polls": polls}
        line["last"] = last
        os.write(1, f"{json.dumps(line)}\n".encode())

    def finish(*_: object) -> None:
        tell(time.time(), True)
        os._exit(0)

    due = time.time()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(max(due - time.time(), 0))
        started = time.time()
        what = perform()
        ended = time.time()
        if ended - started > SLOW:
            what = f"hang {what}"
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        if what != seen:
            if polls:
                tell(started, False)
            seen, begin, polls = what, started, 0
            signal.signal(signal.SIGTERM, finish)
        polls += 1
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        due = max(due + INTERVAL, ended)
    os._exit(0)


def start(kind: str, who: str, perform: Callable[[], Callable[[], str]]) -> None:
    if os.fork() == 0:
        if os.getuid() == 0 and USERS.get(who):
            os.setgroups([])
            os.setgid(USERS[who])
            os.setuid(USERS[who])
        poll(kind, who, perform())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentinel")
    parser.add_argument("folders", nargs="*", metavar="KIND=FOLDER")
    parser.add_argument("--smb", metavar="KIND=ADDRESS,...:PORT/SHARE/FOLDER")
    given = parser.parse_args()
    sentinel = given.sentinel
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # so that one signal ends them all
    for word in given.folders:
        kind, _, folder = word.partition("=")
        for who in USERS:
            start(kind, who, lambda folder=folder: lambda: look(Path(folder), sentinel))
    if given.smb:
        kind, _, where = given.smb.partition("=")
        address, _, path = where.partition("/")
        servers, _, port = address.partition(":")
        path = path.replace("/", "\\")
        start(kind, "SMB user", lambda: smb_look(servers.split(","), int(port), path, sentinel))
    # the others end first, but one that hangs is not waited for
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(LAST_WORDS) and None)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


if __name__ == "__main__":
    main()
