"""env(1), as far as scripts use it in their `#!` line: what it starts, and in which environment. Nothing is
run.

Source of the rules: coreutils 9.1, env.c and its manual; BusyBox 1.35, env.c; getopt_long(3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

PRELOAD = "\0"  # in LD_PRELOAD, for what whoever starts the script preloads; no variable can hold it


class FailedError(Exception):
    """env ends here and starts nothing. The text says what of."""


class UnknownError(Exception):
    """What env does depends on a variable that nobody knows. The text is its name."""


@dataclass(frozen=True)
class Environment:
    """Variables by name; None for what is not set. If it is not `complete`, others may be set."""

    values: Mapping[str, str | None]
    complete: bool

    def get(self, name: str) -> str | None:
        """Raises UnknownError."""
        if name not in self.values and not self.complete:
            raise UnknownError(name)
        return self.values.get(name)

    def without(self, *names: str) -> Environment:
        return Environment({**self.values, **dict.fromkeys(names)}, self.complete)

    def having(self, name: str, value: str) -> Environment:
        return Environment({**self.values, name: value}, self.complete)


_NONE = Environment({}, complete=True)


@dataclass(frozen=True)
class Flavour:
    """A make of env(1): its options, with a value and without one, and their long names."""

    flags: str
    valued: str
    words: Mapping[str, str]
    usual_path: str  # where its execvp(3) looks if PATH is not set

    def letter(self, word: str) -> str:
        """The option that a long name, or the unambiguous beginning of one, stands for.

        Raises:
            FailedError: there is none, or more than one.
        """
        letters = {letter for name, letter in self.words.items() if name.startswith(word)}
        if word in self.words:
            letters = {self.words[word]}
        if len(letters) != 1:
            raise FailedError(f"it knows no option --{word}")
        return letters.pop()


_BUSYBOX_WORDS = {"ignore-environment": "i", "unset": "u", "null": "0"}
_OLD_WORDS = {**_BUSYBOX_WORDS, "help": "h", "version": "V"}
_SIGNALS = ("default-signal", "ignore-signal", "block-signal")
_WORDS = {
    **_OLD_WORDS,
    "chdir": "C",
    "debug": "v",
    "split-string": "S",
    "list-signal-handling": "l",
    **dict.fromkeys(_SIGNALS, "s"),
}
_GLIBC_PATH = "/bin:/usr/bin"
# What its file has in it -> the make. Only GNU's since 8.30, and what follows it, splits.
_FLAVOURS = (
    (b"argv0", b"split-string", Flavour("iv0", "CSua", {**_WORDS, "argv0": "a"}, _GLIBC_PATH)),
    (b"", b"split-string", Flavour("iv0", "CSu", _WORDS, _GLIBC_PATH)),
    (b"", b"BusyBox v", Flavour("i0", "u", _BUSYBOX_WORDS, "/usr/local/bin:/bin:/usr/bin")),
    (b"", b"ignore-environment", Flavour("i0", "u", _OLD_WORDS, _GLIBC_PATH)),
)


def flavour_of(content: bytes) -> Flavour | None:
    """The make of env(1) that a program is, by what is in its file. None: it is another program."""
    return next((made for one, other, made in _FLAVOURS if one in content and other in content), None)


@dataclass
class Start:
    """What env starts: the words of the command, the environment, and where (None: where env is)."""

    environment: Environment
    words: list[str] = field(default_factory=list)
    folder: str | None = None


def interpret(arguments: Sequence[str], environment: Environment, flavour: Flavour) -> Start:
    """What env does with `arguments`, which stand behind its own name.

    Raises:
        FailedError, UnknownError
    """
    waiting = list(arguments)
    ignore, null, folder = False, False, None
    unset: list[str] = []
    while waiting and waiting[0].startswith("-") and waiting[0] != "-":
        word = waiting.pop(0)
        if word == "--":
            break
        for letter, value in _options(word, waiting, flavour):
            if letter == "S":
                waiting[:0] = split(value, environment)
            elif letter == "u":
                if not value or "=" in value:
                    raise FailedError(f"it cannot unset {value!r}")
                unset.append(value)
            elif letter in "hV":
                raise FailedError("it prints text about itself and ends")
            ignore, null = ignore or letter == "i", null or letter == "0"
            folder = value if letter == "C" else folder
    if waiting[:1] == ["-"]:
        ignore = True
        del waiting[0]
    result = _NONE if ignore else environment.without(*unset)
    while waiting and "=" in waiting[0]:
        name, _, value = waiting.pop(0).partition("=")
        result = result.having(name, value)
    if not waiting:
        raise FailedError("it finds no program to start, and prints the environment")
    if null:
        raise FailedError("it takes no option -0 with a program to start")
    return Start(result, waiting, folder)


def _options(word: str, waiting: list[str], flavour: Flavour) -> Iterator[tuple[str, str]]:
    """The options in one argument, each with its value, which may be the next argument."""

    def next_value(name: str) -> str:
        if not waiting:
            raise FailedError(f"its option {name} lacks a value")
        return waiting.pop(0)

    if word.startswith("--"):
        name, given, value = word[2:].partition("=")
        letter = flavour.letter(name)
        if letter in flavour.valued:
            yield letter, value if given else next_value(word)
        elif given and letter != "s":
            raise FailedError(f"its option --{name} takes no value")
        else:
            yield letter, ""
        return
    for place, letter in enumerate(word[1:], 2):
        if letter in flavour.valued:
            yield letter, word[place:] or next_value(f"-{letter}")
            return
        if letter not in flavour.flags:
            hint = " (the kernel hands over all that follows as one argument)" if " " in word else ""
            raise FailedError(f"it knows no option {letter!r} of {word!r}{hint}")
        yield letter, ""


_SPACE = " \t\n\v\f\r"
_ESCAPES = {**{c: c for c in "\"#$'\\"}, "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _escaped(character: str, quote: str) -> str | None:
    """What `character` stands for behind a backslash; "" parts words, None ends the text."""
    if character == "c" and quote != '"':
        return None
    if character == "_":
        return " " if quote else ""
    if character not in _ESCAPES:
        raise FailedError(f"it knows no escape {chr(92) + character!r} in the text that -S splits")
    return _ESCAPES[character]


def split(text: str, environment: Environment) -> list[str]:
    """The words that -S makes of `text`.

    Raises:
        FailedError, UnknownError
    """
    words: list[str] = []
    quote, apart, place = "", True, 0

    def add(characters: str | None) -> None:
        nonlocal apart
        if characters is None:
            return
        if apart:
            words.append("")
            apart = False
        words[-1] += characters

    while place < len(text):
        character = text[place]
        place += 1
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
            add("")
        elif character in _SPACE and not quote:
            apart = True
        elif character == "#" and apart:
            return words
        elif character == "\\" and (quote != "'" or text[place : place + 1] in ("\\", "'")):
            escaped = _escaped(text[place : place + 1], quote)
            place += 1
            if escaped is None:
                return words
            if escaped:
                add(escaped)
            else:
                apart = True
        elif character == "$" and quote != "'":
            variable = _VARIABLE.match(text, place - 1)
            if variable is None:
                raise FailedError("it expands variables in -S only as ${NAME}")
            place = variable.end()
            add(environment.get(variable[1]))
        else:
            add(character)
    if quote:
        raise FailedError("the text that -S splits lacks a closing quote")
    return words
