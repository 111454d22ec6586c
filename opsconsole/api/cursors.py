"""Cursors: where a list goes on, signed, and good only for the list that they came from."""

from collections.abc import Sequence
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
    # Without the time of signing: the same page must have the same links, or its ETag would change each second.
    return signing.Signer(salt=_SALT).sign_object([listed, key, int(backwards)])


def decode(cursor: str, *, listed: str) -> tuple[int, bool]:
    """Return a cursor's row id, and whether it goes backwards.

    Raises:
        Refused: it is broken, or was made for another list.
    """
    try:
        if len(cursor) > MAX_LENGTH:
            raise signing.BadSignature
        for_list, key, backwards = signing.Signer(salt=_SALT).unsign_object(cursor)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Refused("The cursor is broken; start again without one.", code="bad_cursor") from error
    if for_list != listed:
        raise Refused(
            "The cursor belongs to another list, filter or order; start again without one.", code="foreign_cursor"
        )
    return int(key), bool(backwards)


def links(
    request: Request, *, listed: str, keys: Sequence[int], has_next: bool, has_previous: bool
) -> dict[str, str | None]:
    """Return the addresses of the pages beside this one, as `next` and `previous`.

    Args:
        request: the one that asked for this page.
        listed: which list it is, as for `encode`.
        keys: the keys of this page's rows, in the list's order.
        has_next: whether there are rows after them.
        has_previous: whether there are rows before them.
    """

    def at(key: int, *, backwards: bool) -> str:
        here = remove_query_param(request.build_absolute_uri(), "offset")
        return str(replace_query_param(here, "cursor", encode(listed=listed, key=key, backwards=backwards)))

    return {
        "next": at(keys[-1], backwards=False) if keys and has_next else None,
        "previous": at(keys[0], backwards=True) if keys and has_previous else None,
    }
