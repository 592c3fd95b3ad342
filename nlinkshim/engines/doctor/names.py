"""Check of names: which of a sample do not cross SMB to a client, or not as they are."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlinkshim import smb_names
from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, passed, warned
from nlinkshim.mounts.remedy import Remedy, quote
from nlinkshim.smb_names import Rule

DEPTH = 4  # as deep as the generated entrypoint looks
MOST_ENTRIES = 20_000
SECONDS = 3.0
EXAMPLES = 3
CLIENTS = ("cifs", "smb3")  # whose names crossed already
REPORTED = 500  # entries for each report of the child

RULES = {
    "foreign": smb_names.FOREIGN,
    "beyond": smb_names.BEYOND_CATIA,
    "backslash": smb_names.BACKSLASH,
    "taken": smb_names.TAKEN,
    "unopened": smb_names.UNOPENED,
}


@dataclass
class Sample:
    """`names` and `links` are how many were judged; `counts` and `examples` are of each rule that any of them
    broke, by its key in RULES, or "link". `ended`: None, or what ended the sample before its end; `stuck`:
    this was no limit of it."""

    names: int = 0
    links: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    ended: str | None = None
    stuck: bool = False


def names(context: Context) -> Iterator[Answer]:
    """With the module catia, which the generated server loads where the mount's names allow; and where not,
    without it."""
    mount = context.mount
    if (
        context.path is None
        or mount is None
        or mount.is_plain
        or mount.fstype in CLIENTS
        or not context.look.alive
    ):
        return
    sample = take(context.real_path, context.timeout)
    looked = f"{sample.names:,} names of the first {DEPTH} levels" + (
        f" (a sample: {sample.ended})" if sample.ended else ""
    )
    hiding = [key for key in ("foreign", "beyond") if key in sample.counts]
    told = [
        key
        for key in (*hiding, *(("unopened",) if hiding else ("backslash", "taken")))
        if key in sample.counts
    ]
    said = [f"{sample.counts[key]:,} {RULES[key].what}{_such(sample.examples[key])}" for key in told]
    if "link" in sample.counts:
        said.append(
            f"{sample.counts['link']:,} of {sample.links:,} symbolic links {smb_names.LINKS}"
            f"{_such(sample.examples['link'])}"
        )
    if hiding:
        said.append(
            "with the module catia they would hide others of their folder, so the generated server leaves it"
            " out"
        )
    reserved = sample.counts.get("unopened", 0)
    if said:
        yield warned(
            context.path,
            f"of {looked}: {'; '.join(said)}",
            Remedy(
                "rename them in the source of the mount",
                _finding(context.real_path) if "foreign" in told else None,
            ),
        )
    elif sample.stuck:
        yield warned(
            context.path, f"of {looked} none is hindered", "see mount-alive, or the log of the FUSE server"
        )
    elif reserved:
        yield passed(
            context.path,
            f"of {looked} {reserved:,} open through the module catia alone, which the generated server loads"
            f"{_such(sample.examples['unopened'])}",
        )
    else:
        yield passed(context.path, f"{looked}: all cross SMB as they are, to any client")


def _such(examples: list[str]) -> str:
    return f", such as {', '.join(examples)}"


def _finding(path: str) -> str:
    """Shows the paths that are not UTF-8."""
    pattern = f"\"$(printf '{smb_names.UTF8}')\""
    return f"cd -- {quote(path)} && find . -print0 | LC_ALL=C grep -zavxE {pattern} | tr '\\0' '\\n'"


def take(path: str, timeout: float) -> Sample:
    """A sample of what is below `path`: DEPTH levels, one after the other, until MOST_ENTRIES or SECONDS are
    used up. What could not be read is left out."""
    sample = Sample()
    argument = {"path": path, "most": MOST_ENTRIES, "seconds": SECONDS}
    try:
        for report in Child("nlinkshim.engines.doctor.names:judge_below", argument, timeout):
            sample = Sample(**report)
    except HungError:
        sample.ended, sample.stuck = f"no answer for {timeout:g} s", True
    except DiedError as error:
        sample.ended, sample.stuck = str(error), True
    return sample


def judge_below(argument: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The task of the child: the sample so far, after each folder and now and then."""
    most, seconds = argument["most"], argument["seconds"]
    sample, until = Sample(), time.monotonic() + seconds
    folders = deque([(argument["path"], 1)])
    while folders and not sample.ended:
        folder, depth = folders.popleft()
        links = []
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                _judge(sample, entry.name)
                if entry.is_symlink():
                    links.append(entry.path)
                if depth < DEPTH and entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, depth + 1))
                if sample.names >= most:
                    sample.ended = f"the first {most:,}"
                elif time.monotonic() > until:
                    sample.ended = f"what was found in {seconds:g} s"
                if sample.ended:
                    break
                if sample.names % REPORTED == 0:
                    yield vars(sample)
        yield vars(sample)  # before what the server is asked for each
        for link in links:
            with suppress(OSError):
                _judge_link(sample, link)
            if time.monotonic() > until:
                break
        yield vars(sample)


def _judge(sample: Sample, name: str) -> None:
    sample.names += 1
    for key, rule in RULES.items():
        _count(sample, key, rule, os.fsencode(name), name)


def _judge_link(sample: Sample, path: str) -> None:
    """Raises OSError: it cannot be read."""
    name, target = Path(path).name, str(Path(path).readlink())
    sample.links += 1
    _count(sample, "link", smb_names.CLOSED_LINK, os.fsencode(f"{name}//{target}"), f"{name} -> {target}")


def _count(sample: Sample, key: str, rule: Rule, judged: bytes, shown: str) -> None:
    if not rule.holds(judged):
        return
    sample.counts[key] = sample.counts.get(key, 0) + 1
    examples = sample.examples.setdefault(key, [])
    if len(examples) < EXAMPLES:
        examples.append(shown)
