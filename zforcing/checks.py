"""Checks of what a user configures. A quoted number in a gin file stays a string, so types are checked too."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A configured value that cannot be used; the message says which, and what is expected."""


def require(condition: bool, message: str) -> None:
    """Raises ConfigurationError with `message` unless `condition` holds."""
    if not condition:
        raise ConfigurationError(message)


def require_sizes(**sizes: int) -> None:
    """Every value has to be a whole number of at least 1."""
    for name, value in sizes.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole and value >= 1, f"{name} must be a whole number of at least 1, got {value!r}")


def require_flags(**flags: bool) -> None:
    """Every value has to be True or False."""
    for name, value in flags.items():
        require(isinstance(value, bool), f"{name} must be True or False, got {value!r}")


def require_numbers(minimum: float = float("-inf"), **numbers: float) -> None:
    """Every value has to be a finite number of at least `minimum`."""
    for name, value in numbers.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        valid = number and minimum <= value < float("inf")
        floor = "" if minimum == float("-inf") else f" of at least {minimum:g}"
        require(valid, f"{name} must be a finite number{floor}, got {value!r}")


def require_choice(choices: tuple[str, ...], **values: str) -> None:
    """Every value has to be one of `choices`."""
    for name, value in values.items():
        require(value in choices, f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
