"""Cuts long JSON documents of the core in SQL: a document may have megabytes, and lists show little of it.

A document that is too long is cut to a few of its keys. The database puts a mark and the full size before them. No JSON
text begins with that mark.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import TextField
from django.db.models.expressions import RawSQL

from opsconsole.fields import parse_json

# The maximum bytes of a document in a list, and on the page of a single row.
IN_LISTS: Final = 2 * 1024
IN_DETAIL: Final = 256 * 1024
_MARK: Final = "cut "
# OFFSET 0 makes PostgreSQL convert each row to text only once. In a long `jsonb`, the keys are looked up. A long `json`
# is parsed once. Escapes are replaced first if PostgreSQL can't read them.
_CUT: Final = r"""
    (SELECT CASE WHEN octet_length(whole.text) <= {limit} THEN whole.text
                 ELSE '{mark}' || octet_length(whole.text) || ' '
                      || CASE WHEN left(whole.text, 100) !~ '^[[:space:]]*[{{]' THEN '[]'
                              WHEN pg_typeof({column}) = 'jsonb'::regtype
                              THEN '{{' || concat_ws(',', {looked_up}) || '}}'
                              ELSE (SELECT '{{' || concat_ws(',', {parsed}) || '}}'
                                      FROM json_to_record({readable}) AS named({columns})) END
            END
       FROM (SELECT {column}::text COLLATE "C" AS text OFFSET 0) AS whole)
"""
# A `json` column takes escapes that PostgreSQL can't read afterwards: NUL, and half a surrogate pair. Each is made
# plain text, and an escaped backslash before it first, so that it doesn't count as the escape's own.
_READABLE: Final = r"""
    CASE WHEN strpos(whole.text, '\u') = 0 THEN whole.text
         WHEN strpos(whole.text, '\u0000') + strpos(whole.text, '\ud') + strpos(whole.text, '\uD') = 0 THEN whole.text
         ELSE replace(replace(whole.text, '\\', 'xx'), '\u', 'xu') END::json
"""
# A document without such escapes is looked into as it is; one with them only if it has the key anywhere. PostgreSQL
# searches megabytes faster by bytes (COLLATE "C"), and decompresses a text that is put together anew only once.
_TEXT_OF: Final = r"""
    (CASE WHEN pg_typeof({column}) = 'jsonb'::regtype THEN {column} ->> '{key}'
          WHEN strpos({column}::text COLLATE "C", '\u') = 0 THEN {column} ->> '{key}'
          ELSE (SELECT CASE WHEN strpos(whole.text, '"{key}"') > 0 THEN ({readable}) ->> '{key}' END
                  FROM (SELECT {column}::text COLLATE "C" || '' AS text OFFSET 0) AS whole) END)
"""
_VALUE: Final = """
    CASE WHEN octet_length(({value})::text) <= {bytes} AND ({value})::text <> 'null'
         THEN '"{key}":' || ({value})::text END
"""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as it was read.

    Attributes:
        value: any JSON value. A cut object has its kept keys. Any other cut value is an empty list.
        size: the bytes of the whole document if it was cut, otherwise None.
    """

    value: Any
    size: int | None = None


def cut(column: str, *, keys: Collection[str], limit: int = IN_LISTS, value_bytes: int = 64) -> str:
    """Return the SQL expression for a document's text, cut if it is too long. `parse` reads the text.

    Args:
        column: a `json` or `jsonb` column.
        keys: the keys that a cut document keeps.
        limit: the maximum bytes of a document that stays whole.
        value_bytes: the maximum bytes of a kept value. Longer values are dropped.

    Returns:
        The expression.
    """
    return _CUT.format(
        column=column,
        limit=int(limit),
        mark=_MARK,
        looked_up=_values({key: f"{column} -> '{key}'" for key in keys}, value_bytes),
        parsed=_values({key: f'named."{key}"' for key in keys}, value_bytes),
        columns=", ".join(f'"{key}" json' for key in keys),
        readable=_READABLE,
    )


def text_of(column: str, key: str) -> str:
    """Return the SQL expression for the text of an object's own key: NULL if it has none, or isn't an object.

    Args:
        column: a `json` or `jsonb` column.
        key: the key, as no escape spells it in the document.
    """
    return _TEXT_OF.format(column=column, key=key, readable=_READABLE)


def _values(sources: Mapping[str, str], value_bytes: int) -> str:
    return ", ".join(_VALUE.format(key=key, value=sql, bytes=int(value_bytes)) for key, sql in sources.items())


def expression(column: str, *, keys: Collection[str], limit: int = IN_LISTS, value_bytes: int = 64) -> RawSQL:
    """Return the expression of `cut` for annotating a queryset.

    Args:
        column: as in `cut`.
        keys: as in `cut`.
        limit: as in `cut`.
        value_bytes: as in `cut`.

    Returns:
        The expression, with text as its type.
    """
    sql = cut(column, keys=keys, limit=limit, value_bytes=value_bytes)
    return RawSQL(sql, (), output_field=TextField())  # noqa: S611 -- made of names that stand in the code


def parse(text: str | None) -> Document:
    """Return the document from a text that `cut` selected. NULL becomes a document with the value None."""
    if text is None or not text.startswith(_MARK):
        return Document(value=parse_json(text))
    size, rest = text.removeprefix(_MARK).split(" ", 1)
    return Document(value=parse_json(rest), size=int(size))
