"""JSON of the core's, cut in SQL: one document may have megabytes, and a list shows of it little or nothing.

A document that is longer than its place allows is cut to a few keys of its own. What is left is sent with its size
before it, as no JSON text begins.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import TextField
from django.db.models.expressions import RawSQL

from opsconsole.fields import parse_json

# Bytes of a document that a list shows, and that the page of its row does.
IN_LISTS: Final = 2 * 1024
IN_DETAIL: Final = 256 * 1024
_MARK: Final = "cut "
# The text is made once for each row: OFFSET 0 keeps PostgreSQL from repeating it. A long `jsonb` is only looked up. A
# long `json` is parsed once, without the escapes that it may hold and PostgreSQL can't read.
_CUT: Final = r"""
    (SELECT CASE WHEN octet_length(whole.text) <= {limit} THEN whole.text
                 ELSE '{mark}' || octet_length(whole.text) || ' '
                      || CASE WHEN left(whole.text, 100) !~ '^[[:space:]]*[{{]' THEN '[]'
                              WHEN pg_typeof({column}) = 'jsonb'::regtype
                              THEN '{{' || concat_ws(',', {looked_up}) || '}}'
                              ELSE (SELECT '{{' || concat_ws(',', {parsed}) || '}}'
                                      FROM json_to_record(CASE
                                             WHEN strpos(whole.text, '\u') = 0 THEN whole.text
                                             WHEN strpos(whole.text, '\u0000') + strpos(whole.text, '\ud')
                                                  + strpos(whole.text, '\uD') = 0 THEN whole.text
                                             ELSE regexp_replace(whole.text, '\\.', 'x', 'g') END::json)
                                        AS named({columns})) END
            END
       FROM (SELECT {column}::text AS text OFFSET 0) AS whole)
"""
_VALUE: Final = """
    CASE WHEN octet_length(({value})::text) <= {bytes} AND ({value})::text <> 'null'
         THEN '"{key}":' || ({value})::text END
"""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as it was read.

    Attributes:
        value: any JSON value; what was cut has its kept keys, or is an empty list where it was no object.
        size: its bytes as JSON where it was cut; None where it is whole.
    """

    value: Any
    size: int | None = None


def cut(column: str, *, keys: Collection[str], limit: int = IN_LISTS, value_bytes: int = 64) -> str:
    """Return the SQL for a document's text, cut where it is too long; `parse` reads it.

    Args:
        column: a `json` or a `jsonb` column.
        keys: those that are kept.
        limit: how many bytes a document may have that stays whole.
        value_bytes: how many bytes a kept value may have at the most.
    """
    return _CUT.format(
        column=column,
        limit=int(limit),
        mark=_MARK,
        looked_up=_values({key: f"{column} -> '{key}'" for key in keys}, value_bytes),
        parsed=_values({key: f'named."{key}"' for key in keys}, value_bytes),
        columns=", ".join(f'"{key}" json' for key in keys),
    )


def _values(sources: Mapping[str, str], value_bytes: int) -> str:
    return ", ".join(_VALUE.format(key=key, value=sql, bytes=int(value_bytes)) for key, sql in sources.items())


def expression(column: str, *, keys: Collection[str], limit: int = IN_LISTS, value_bytes: int = 64) -> RawSQL:
    """Return the same for a queryset to be annotated with."""
    sql = cut(column, keys=keys, limit=limit, value_bytes=value_bytes)
    return RawSQL(sql, (), output_field=TextField())  # noqa: S611 -- made of names that stand in the code


def parse(text: str | None) -> Document:
    """Return what `cut` has made of a document; None for NULL."""
    if text is None or not text.startswith(_MARK):
        return Document(value=parse_json(text))
    size, rest = text.removeprefix(_MARK).split(" ", 1)
    return Document(value=parse_json(rest), size=int(size))
