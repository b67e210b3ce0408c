"""Configurations: a TOML file over the defaults of frozen dataclasses, refusing what they do not know."""

from __future__ import annotations

import dataclasses
import tomllib
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def merged(default: T, values: dict[str, Any]) -> T:
    """``default``, a dataclass, with ``values`` in place of its own; nested dataclasses from nested tables.

    Raises:
        ValueError: an unknown key, or a value of another type than the default's.
    """
    kind = type(default)
    known = {field.name for field in dataclasses.fields(default)}  # type: ignore[arg-type]
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    changes = {
        name: _changed(f"{kind.__name__}.{name}", getattr(default, name), value) for name, value in values.items()
    }
    return dataclasses.replace(default, **changes)  # type: ignore[type-var]


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ValueError: the file is not there, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _changed(name: str, default: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(default) and isinstance(value, dict):
        return merged(default, value)
    if isinstance(default, Enum):
        return type(default)(value)
    fits = isinstance(value, int | float) if isinstance(default, float) else isinstance(value, type(default))
    if not fits or isinstance(value, bool) != isinstance(default, bool):
        raise ValueError(f"{name} is {value!r}; it should be of type {type(default).__name__}")
    return float(value) if isinstance(default, float) else value
