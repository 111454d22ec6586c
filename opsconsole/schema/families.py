"""Which PostgreSQL types the console takes for which model field: families, since every core chooses for itself."""

from enum import Enum
from typing import Any, Final

from django.db import models


class Family(Enum):
    """A family of column types, by what a sentence calls it."""

    INTEGER = "an integer"
    TEXT = "text"
    BOOLEAN = "a boolean"
    JSON = "JSON"
    MOMENT = "a timestamp"


# By the names that pg_type has. A native enum is text too, whatever it is called.
_TYPES: Final = {
    "int2": Family.INTEGER,
    "int4": Family.INTEGER,
    "int8": Family.INTEGER,
    "text": Family.TEXT,
    "varchar": Family.TEXT,
    "bpchar": Family.TEXT,
    "citext": Family.TEXT,
    "name": Family.TEXT,
    "bool": Family.BOOLEAN,
    "json": Family.JSON,
    "jsonb": Family.JSON,
    "timestamp": Family.MOMENT,
    "timestamptz": Family.MOMENT,
}

_FIELDS: Final = (
    (models.JSONField, Family.JSON),
    (models.BooleanField, Family.BOOLEAN),
    (models.DateTimeField, Family.MOMENT),
    (models.IntegerField, Family.INTEGER),
    (models.CharField, Family.TEXT),
    (models.TextField, Family.TEXT),
)


def family_of_field(field: "models.Field[Any, Any]") -> Family | None:
    """Return the family that a model field needs; None when nothing is said about fields of its kind."""
    if isinstance(field, models.ForeignKey):
        return family_of_field(field.target_field)
    return next((family for kind, family in _FIELDS if isinstance(field, kind)), None)


def is_of_family(family: Family, type_name: str, *, is_enum: bool, written: bool) -> bool:
    """Say whether a column's type is of a family.

    Args:
        family: what the model field needs.
        type_name: the type's name in pg_type.
        is_enum: whether it is a native enum.
        written: whether the console writes the column: a `uuid` reads like text, but takes no other text.
    """
    if family is Family.TEXT and (is_enum or (type_name == "uuid" and not written)):
        return True
    return _TYPES.get(type_name) is family
