"""From a file or text to a validated configuration, or to every mistake at once, each with its line."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.advice import advise
from config.document import LARGEST, Node, read
from config.expand import expand
from config.files import Reading
from config.problems import ConfigError, KeyPath, Problem, by_line
from config.rules import check
from config.schema import Config
from config.sieve import Sieve


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be served; `files` are all the files it came from, which are to be watched."""

    config: Config
    warnings: tuple[Problem, ...]
    files: tuple[Path, ...]


def load(path: Path, environ: Mapping[str, str], *, today: datetime.date | None = None) -> Loaded:
    """Reads the configuration of a file. Raises ConfigError with every mistake in it.

    `environ` is what `${VAR}` refers to; `today` decides which models are retired (default: the clock).
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig") if len(content) <= LARGEST else None
    except OSError as error:
        raise ConfigError([Problem("", None, f"cannot be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", None, "is not UTF-8 text")], str(path)) from None
    if text is None:
        raise ConfigError([Problem("", None, "is larger than 1 MiB")], str(path))
    try:
        loaded = parse(text, base=path.absolute().parent, environ=environ, today=today)
    except ConfigError as error:
        raise ConfigError(error.problems, str(path)) from None
    return Loaded(loaded.config, loaded.warnings, (path.absolute(), *loaded.files))


def parse(text: str, *, base: Path, environ: Mapping[str, str], today: datetime.date | None = None) -> Loaded:
    """Reads a configuration's text; relative paths start from `base`. Raises ConfigError."""
    root, problems = read(text, lambda written: expand(written, environ))
    return validate(root, problems, base=base, today=today)


def validate(
    root: Node, problems: dict[KeyPath, Problem], *, base: Path, today: datetime.date | None = None
) -> Loaded:
    """Validates a tree, in which `problems` were found already. Raises ConfigError."""
    reading = Reading(base)
    sieve = Sieve(root, problems)
    config = sieve.sift(reading)
    sieve.judge(check(config))
    if sieve.problems:
        raise ConfigError(sieve.problems)
    advice = [sieve.locate(finding) for finding in advise(config, today or datetime.date.today())]
    return Loaded(config, by_line(advice), tuple(reading.files))
