"""Gives the core's users of the demonstration their roles in the console, each by name.

python -m devserver.demo_users
"""

import django

from devserver.web_choices import DEMO_USERS


def main() -> None:
    """Give roles to those who have none yet."""
    django.setup()
    for username, group in DEMO_USERS.items():
        ensure_role(username, group)


def ensure_role(username: str, group: str) -> None:
    """Have a user of the core's be in a group of the console's; one who was known already is left as he is.

    Args:
        username: in the core.
        group: the group's name; whatever group users of the core get by default isn't given.
    """
    from django.contrib.auth.models import Group
    from django.db import transaction

    from opsconsole.core_sessions import CoreUser, CoreUserLink, link

    core_user = CoreUser.objects.get(username=username)
    if CoreUserLink.objects.filter(core_user=core_user).exists():
        return
    with transaction.atomic():
        link(core_user).groups.set([Group.objects.get(name=group)])


if __name__ == "__main__":
    main()
