"""Reading the list of allowed values out of a CHECK constraint, as PostgreSQL spells it back."""

import re
from typing import Final

# What `column IN ('a', 'b')` becomes, for every type of the column:
#   CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))
#   CHECK ((status = ANY (ARRAY['a'::text, 'b'::text])))
#   CHECK ((status = 'a'::text))                                     -- of one value
# Anything else has another meaning (NOT IN, OR, lower(…), a NULL among the values, NOT ENFORCED) and doesn't match.
_NAME: Final = r'(?:"(?:[^"]|"")+"|\w+)'
_TYPE: Final = rf'(?:{_NAME}\.)?(?:"(?:[^"]|"")+"|\w[\w ]*)(?:\(\d+\))?'
_LITERAL: Final = rf"'(?:[^']|'')*'::{_TYPE}"
_ARRAY: Final = rf"ARRAY\[{_LITERAL}(?:, {_LITERAL})*\]"
_VALUE_LIST: Final = re.compile(
    rf"CHECK \(\((?:{_NAME}|\({_NAME}\)::text) = "
    rf"(?P<values>ANY \((?:{_ARRAY}|\({_ARRAY}\)::text\[\])\)|{_LITERAL})"
    r"\)\)(?: NO INHERIT)?(?: NOT VALID)?"
)
_VALUE: Final = re.compile(rf"'((?:[^']|'')*)'::{_TYPE}")


def values_of_check(definition: str) -> frozenset[str] | None:
    """Return the values that a CHECK constraint on one column allows, or None when it is no plain list of values.

    Args:
        definition: what `pg_get_constraintdef` returns for it.
    """
    match = _VALUE_LIST.fullmatch(definition)
    if match is None:
        return None
    return frozenset(value.replace("''", "'") for value in _VALUE.findall(match["values"]))
