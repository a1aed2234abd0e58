"""gin files, read strictly: a binding that is misspelt, undone or without effect is an error that names it."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import gin
from gin import config_parser

from benchmark import REPOSITORY
from benchmark.errors import UserError
from zforcing.checks import ConfigurationError

SIZES = (
    REPOSITORY / "gin/base/sizes.gin"
)  # its macros may be bound by any shipped file, whether a model has them or not


class Name(NamedTuple):
    """What a binding binds: 'scope/selector.parameter', or a macro."""

    scope: str
    selector: str
    parameter: str

    def __str__(self) -> str:
        scoped = f"{self.scope}/{self.selector}" if self.scope else self.selector
        return f"{scoped}.{self.parameter}" if self.parameter else scoped

    @property
    def complete(self) -> Name:
        """The one spelling of a name that may be written in several; its configurable has to be known to gin."""
        if not self.parameter:
            return Name(self.selector, "gin.macro", "value")
        key = gin.config.ParsedBindingKey.parse(str(self))
        return Name(key.scope, key.complete_selector, key.arg_name)


class Bound(NamedTuple):
    """A binding and the file that makes it."""

    name: Name
    file: Path


@dataclass(frozen=True)
class Config:
    """A parsed configuration.

    Attributes:
        files: the gin files as they were named.
        overrides: the bindings given on the command line.
    """

    files: tuple[str, ...]
    overrides: tuple[str, ...]


def load_config(files: Sequence[str], overrides: Sequence[str] = ()) -> Config:
    """Parses gin files in order, then the overrides, and locks the configuration.

    A file may override what it includes, a later file what an earlier one binds, and an override everything.

    Raises:
        UserError: a file is missing or malformed, a name is unknown or bound twice, or an include undoes a binding.
    """
    gin.clear_config()
    gin.add_config_file_search_path(str(REPOSITORY))
    reader = _Reader([_resolve(file) for file in files])
    for file in files:
        reader.read(file)
    for override in overrides:
        if "=" not in override:
            raise UserError(f"--set {override!r}: expected NAME.parameter=VALUE or MACRO=VALUE")
    given = [name for override in overrides for name in _override_names(override)]
    try:
        gin.parse_config_files_and_bindings([str(_resolve(file)) for file in files], list(overrides))
    except Exception as error:
        # gin raises almost every built-in exception for a malformed file; its message says which line.
        raise UserError(_one_sentence(error)) from error
    _check_repeated(given, "")
    reader.check_overrides()
    return Config(tuple(files), tuple(overrides))


@contextmanager
def configuring() -> Iterator[None]:
    """Turns what gin raises while it builds something from the configuration into a UserError.

    A required binding that is missing, or a value of a kind that cannot be used, would otherwise end in a traceback.
    """
    try:
        yield
    except (UserError, ConfigurationError) as error:
        raise UserError(_without_call_stack(error)) from error
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        if not re.search("call to configurable|Required bindings", str(error)):
            raise
        raise UserError(f"the configuration cannot be built: {_one_sentence(error)}") from error


def resolved_text(config: Config) -> str:
    """The canonical text of all bindings that matter, once everything has been built from them; it identifies a run.

    Raises:
        UserError: names every binding that nothing has read.
    """
    text = gin.config_str()
    inert = _inert(text)
    sizes = set(_names(SIZES.read_text(), str(SIZES)))
    tolerated = sizes - _bound_by_user(config)
    _refuse([name for name in inert if name not in tolerated])
    unread = {name.selector for name in inert}
    return "\n".join(line for line in text.splitlines() if line.partition(" = ")[0] not in unread) + "\n"


def check_overrides(config: Config) -> None:
    """For a command that builds a part of an experiment: what the command line sets has to be read.

    Raises:
        UserError: names every override that nothing has read.
    """
    given = {name.complete for override in config.overrides for name in _override_names(override)}
    _refuse([name for name in _inert(gin.config_str()) if name.complete in given])


def _inert(text: str) -> list[Name]:
    """The bindings of the configuration that nothing has read."""
    configured = _names(text, "configuration")
    used = _effective(configured, _names(gin.operative_config_str(), "operative configuration"))
    return [name for name in configured if name not in used]


def _refuse(inert: list[Name]) -> None:
    if inert:
        raise UserError(
            f"without effect: {', '.join(map(str, inert))}; nothing in this run reads "
            f"{'this binding' if len(inert) == 1 else 'these bindings'}: correct the name, or remove it"
        )


def _effective(configured: list[Name], read: list[Name]) -> set[Name]:
    """The bindings that gave a value: for each parameter that was read, the one of the innermost scope around it."""
    effective = set()
    for name in read:
        around = [
            other
            for other in configured
            if (other.selector, other.parameter) == (name.selector, name.parameter)
            and _contains(other.scope, name.scope)
        ]
        if around:
            effective.add(max(around, key=lambda other: len(other.scope)))
    return effective


def _contains(outer: str, inner: str) -> bool:
    """Whether a binding in the scope `outer` holds in the scope `inner`."""
    return not outer or inner == outer or inner.startswith(f"{outer}/")


def _bound_by_user(config: Config) -> set[Name]:
    """What --set and files outside the project's gin folder bind."""
    names = {name for override in config.overrides for name in _override_names(override)}
    for file in config.files:
        path = _resolve(file)
        if REPOSITORY / "gin" not in path.parents:
            names |= set(_names(path.read_text(), file))
    return names


def _resolve(file: str | Path) -> Path:
    """A gin file relative to the working folder, or to the project's."""
    path = Path(file)
    return (path if path.is_file() else REPOSITORY / path).resolve()


class _Reader:
    """Reads files and their includes in gin's order, and keeps who binds what.

    Args:
        named: the files given on the command line.
    """

    def __init__(self, named: Sequence[Path]) -> None:
        self.named = named
        self.bound: list[Bound] = []
        self.includes: dict[Path, set[Path]] = {}

    def read(self, file: str, within: tuple[Path, ...] = ()) -> None:
        """Refuses a file that is missing, malformed, read already, or that includes others after its bindings."""
        path = _resolve(file)
        if not path.is_file():
            raise UserError(f"{file}: there is no such gin file; shipped ones are in {REPOSITORY / 'gin'}")
        if path in self.includes:
            raise UserError(
                f"{file} is read twice, which undoes what was bound in between; give one experiment file, and add only "
                f"files that do not include it"
            )
        self.includes[path] = set()
        for outer in within:
            self.includes[outer].add(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read as text ({error})") from error
        own: list[Bound] = []
        for statement in _statements(text, file):
            if isinstance(statement, config_parser.BindingStatement):
                own.append(Bound(_name(statement), path))
            elif isinstance(statement, config_parser.IncludeStatement):
                if own:
                    raise UserError(
                        f"{file}: include {statement.filename!r} follows bindings, which it may undo; put it first"
                    )
                self.read(statement.filename, (*within, path))
        self.bound.extend(own)

    def check_overrides(self) -> None:
        """Refuses a name bound twice in a file, and a binding that a file undoes which does not know of it."""
        for path in self.includes:
            _check_repeated([bound.name for bound in self.bound if bound.file == path], f"{path}: ")
        last: dict[Name, Bound] = {}
        for bound in self.bound:
            before = last.get(bound.name.complete)
            if before and not (before.file in self.includes[bound.file] or bound.file in self.named):
                raise UserError(
                    f"{before.file}: its {before.name} is overridden by {bound.file}, which is included later; "
                    f"give the file with the value that is meant last"
                )
            last[bound.name.complete] = bound


def _check_repeated(names: Iterable[Name], where: str) -> None:
    seen: dict[Name, Name] = {}
    for name in names:
        other = seen.setdefault(name.complete, name)
        if other is not name:
            spelt = str(name) if name == other else f"{other} and {name}, which are the same,"
            raise UserError(f"{where}{spelt} bound twice: the first value would be overridden; remove one")


class _Delegate(config_parser.ParserDelegate):
    """Keeps references as text, so that a file can be read without the modules it configures."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> str:
        return f"@{scoped_configurable_name}" + ("()" if evaluate else "")

    def macro(self, macro_name: str) -> str:
        return f"%{macro_name}"


def _statements(text: str, where: str) -> Iterator[object]:
    try:
        yield from config_parser.ConfigParser(text, _Delegate())
    except (SyntaxError, ValueError, tokenize.TokenError) as error:
        raise UserError(f"{where}: {_one_sentence(error)}") from error


def _name(statement: config_parser.BindingStatement) -> Name:
    return Name(statement.scope, statement.selector, statement.arg_name)


def _names(text: str, where: str) -> list[Name]:
    return [_name(s) for s in _statements(text, where) if isinstance(s, config_parser.BindingStatement)]


def _override_names(override: str) -> list[Name]:
    where = f"--set {override!r}"
    statements = list(_statements(override, where))
    if not all(isinstance(statement, config_parser.BindingStatement) for statement in statements):
        raise UserError(f"{where}: only bindings can be set; give imports and includes in a file with --gin")
    return [_name(statement) for statement in statements]


def _without_call_stack(error: BaseException) -> str:
    """The message without the lines in which gin lists the configurables it was in."""
    return str(error).split("\n  In call to configurable")[0]


def _one_sentence(error: BaseException) -> str:
    """gin's multi-line message on one line, without object addresses and the whole configuration."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    location = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
    hint = "; strings need quotes" if "malformed node" in str(text) or "Failed to parse token" in str(error) else ""
    text = re.sub(r" in config string:.*", "", " ".join(str(text).split()))
    text, *calls = re.split(r" In call to configurable ", text)
    inside = f" (in {calls[0].split(' ')[0]})" if calls else ""
    return text + inside + location + hint
