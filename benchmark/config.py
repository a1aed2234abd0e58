"""gin files, read strictly: a binding that is misspelt, bound twice, or without effect is an error that names it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class Config:
    """A parsed configuration.

    Attributes:
        files: the gin files as they were named.
        overrides: the bindings given on the command line.
    """

    files: tuple[str, ...]
    overrides: tuple[str, ...]

    @property
    def text(self) -> str:
        """All bindings, resolved: the canonical text that identifies a run."""
        return gin.config_str()


def load_config(files: Sequence[str], overrides: Sequence[str] = ()) -> Config:
    """Parses gin files in order, then the overrides, and locks the configuration.

    Raises:
        UserError: a file is missing or malformed, or a name is unknown.
    """
    gin.clear_config()
    gin.add_config_file_search_path(str(REPOSITORY))
    for file in files:
        _check_file(file)
    for override in overrides:
        if "=" not in override:
            raise UserError(f"--set {override!r}: expected NAME.parameter=VALUE or MACRO=VALUE")
    _check_repeated([name for override in overrides for name, _ in _bindings_of_text(override, f"--set {override!r}")])
    try:
        gin.parse_config_files_and_bindings([str(_resolve(file)) for file in files], list(overrides))
    except Exception as error:
        # gin raises almost every built-in exception for a malformed file; its message says which line.
        raise UserError(_one_sentence(error)) from error
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


def check_every_binding_used(config: Config) -> None:
    """Refuses bindings that had no effect once everything has been built.

    Raises:
        UserError: names every binding that nothing has read.
    """
    used = [name for name, _ in _bindings_of_text(gin.operative_config_str(), "operative configuration")]

    def is_used(name: Name) -> bool:
        # gin records a binding that was read inside a scope under that scope.
        return any(
            (other.selector, other.parameter) == (name.selector, name.parameter) and other.scope.startswith(name.scope)
            for other in used
        )

    sizes = {name for name, _ in _bindings_of_text(SIZES.read_text(), str(SIZES))}
    tolerated = sizes - _bound_by_user(config)
    inert = [
        str(name)
        for name, _ in _bindings_of_text(gin.config_str(), "configuration")
        if not is_used(name) and name not in tolerated
    ]
    if inert:
        raise UserError(
            f"without effect: {', '.join(inert)}; nothing in this run reads "
            f"{'this binding' if len(inert) == 1 else 'these bindings'}: correct the name, or remove it"
        )


def _bound_by_user(config: Config) -> set[Name]:
    """What --set and files outside the project's gin folder bind."""
    names = {name for override in config.overrides for name, _ in _bindings_of_text(override, "--set")}
    for file in config.files:
        path = _resolve(file)
        if REPOSITORY / "gin" not in path.parents:
            names |= {name for name, _ in _bindings_of_text(path.read_text(), file)}
    return names


def _resolve(file: str) -> Path:
    """A gin file relative to the working folder, or to the project's."""
    path = Path(file)
    return (path if path.is_file() else REPOSITORY / path).resolve()


def _check_file(file: str) -> None:
    """Refuses a file that is missing, or that undoes itself silently."""
    path = _resolve(file)
    if not path.is_file():
        raise UserError(f"{file}: there is no such gin file; shipped ones are in {REPOSITORY / 'gin'}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as text ({error})") from error
    names: list[Name] = []
    for statement in _statements(text, file):
        if isinstance(statement, config_parser.BindingStatement):
            names.append(Name(statement.scope, statement.selector, statement.arg_name))
        elif isinstance(statement, config_parser.IncludeStatement):
            if names:
                raise UserError(
                    f"{file}: include {statement.filename!r} follows bindings, which it may undo; put it first"
                )
            _check_file(statement.filename)
    _check_repeated(names, f"{file}: ")


def _check_repeated(names: list[Name], where: str = "") -> None:
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"{where}{', '.join(repeated)} bound twice: the first value would be overridden; remove one")


class _Delegate(config_parser.ParserDelegate):
    """Keeps references as text, so that a file can be read without the modules it configures."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> str:
        return f"@{scoped_configurable_name}" + ("()" if evaluate else "")

    def macro(self, macro_name: str) -> str:
        return f"%{macro_name}"


def _statements(text: str, where: str) -> Iterator[object]:
    try:
        yield from config_parser.ConfigParser(text, _Delegate())
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{where}: {_one_sentence(error)}") from error


def _bindings_of_text(text: str, where: str) -> list[tuple[Name, object]]:
    return [
        (Name(s.scope, s.selector, s.arg_name), s.value)
        for s in _statements(text, where)
        if isinstance(s, config_parser.BindingStatement)
    ]


def _without_call_stack(error: BaseException) -> str:
    """The message without the lines in which gin lists the configurables it was in."""
    return str(error).split("\n  In call to configurable")[0]


def _one_sentence(error: BaseException) -> str:
    """gin's multi-line message on one line, without object addresses and the whole configuration."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    location = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
    hint = "; strings need quotes" if "malformed node" in str(text) or "Failed to parse token" in str(error) else ""
    text = re.sub(r" in config string:.*", "", " ".join(str(text).split()))
    return re.sub(r" \(<[^>]*>\)", "", text) + location + hint
