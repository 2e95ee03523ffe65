"""The base of every value that crosses a room: immutable, keyword-only, JSON through `msgspec`."""

from typing import Any, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _ValueMeta(msgspec.StructMeta):
    """Says `frozen` and `kw_only` once (msgspec does not inherit `kw_only`, mypy not `frozen`)."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any],
                **options: Any) -> type:
        options.setdefault("frozen", True)
        options.setdefault("kw_only", True)
        return super().__new__(mcs, name, bases, namespace, **options)


class Value(msgspec.Struct, metaclass=_ValueMeta, forbid_unknown_fields=True):
    """A frozen value."""


class Tagged(Value, tag=True, tag_field="kind"):
    """A value that is one of several (an event, an effect): its JSON names its class in `kind`."""
