"""Cursors: where a list goes on, signed, and good only for the list that they came from."""

from typing import Final

from django.core import signing
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from opsconsole.errors import Refused

_SALT: Final = "opsconsole.cursor"
MAX_LENGTH: Final = 300


def encode(*, listed: str, key: int, backwards: bool = False) -> str:
    """Return the cursor of the page beyond a row.

    Args:
        listed: which list it is for: the endpoint, its filters and its order, in a few characters.
        key: the row's id.
        backwards: the page before that row, instead of the one after it.
    """
    return signing.dumps([listed, key, int(backwards)], salt=_SALT)


def decode(cursor: str, *, listed: str) -> tuple[int, bool]:
    """Return a cursor's row id, and whether it goes backwards.

    Raises:
        Refused: it is broken, or was made for another list.
    """
    try:
        if len(cursor) > MAX_LENGTH:
            raise signing.BadSignature
        for_list, key, backwards = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Refused("The cursor is broken; start again without one.", code="bad_cursor") from error
    if for_list != listed:
        raise Refused(
            "The cursor belongs to another list, filter or order; start again without one.", code="foreign_cursor"
        )
    return int(key), bool(backwards)


def link(request: Request, cursor: str) -> str:
    """Return the address of this list at another cursor."""
    url = request.build_absolute_uri()
    return str(replace_query_param(remove_query_param(url, "offset"), "cursor", cursor))
