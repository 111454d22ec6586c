"""The core's own login sessions, and the console's users that stand for the core's.

The core's tables are only read. A core user is linked to a Django user of its own, made when it first comes: without a
password, neither staff nor superuser, and never the Django user who happens to bear the same name. So what a core user
may do is what the groups of that user may, and whoever deactivates it shuts the core user out.
"""

import re
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from opsconsole.fields import ShownCharField, UTCDateTimeField
from opsconsole.schema.core_table import CoreTable

logger = structlog.get_logger(__name__)

NEEDED_FOR: Final = "calls with the core's own sessions"
# Room for what tells it from another user's name, in the 150 characters that Django gives a name.
_NAME_LENGTH: Final = 120
_NOT_IN_NAMES: Final = re.compile(r"[^\w.@+-]")


class CoreUser(models.Model):
    """Somebody who logs into the core. Its password is not mapped."""

    username = ShownCharField(max_length=64)

    core_table = CoreTable(needed_for=NEEDED_FOR)

    class Meta:
        app_label = "opsconsole"
        managed = False
        db_table = "local_users"
        default_permissions = ()

    def __str__(self) -> str:
        return self.username


class CoreSession(models.Model):
    """One login of a core user; its id is the value of the core's cookie."""

    id = models.CharField(primary_key=True, max_length=36)
    user = models.ForeignKey(CoreUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    expires_at = UTCDateTimeField()

    core_table = CoreTable(needed_for=NEEDED_FOR)

    class Meta:
        app_label = "opsconsole"
        managed = False
        db_table = "sessions"
        default_permissions = ()

    def __str__(self) -> str:
        # Its id is a way in.
        return f"Session of {self.user_id}"


class CoreUserLink(models.Model):
    """Which Django user stands for a core user."""

    core_user = models.OneToOneField(CoreUser, on_delete=models.DO_NOTHING, db_constraint=False, related_name="link")
    # One that was deleted would be made anew with the next call: whoever is to be shut out is deactivated instead.
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="core_link")

    class Meta:
        app_label = "opsconsole"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user} for core user {self.core_user_id}"


def user_of(cookie: str) -> User | None:
    """Return the Django user that stands for whoever has this session; one query, a few more the first time.

    Args:
        cookie: the value of the core's cookie, anything.

    Returns:
        None where there is no such session, it has expired, or its user is gone. One that is not active was shut out.
    """
    session_id = _session_id(cookie)
    if session_id is None:
        return None
    # An inner join: without its user a session is nobody's.
    found = CoreSession.objects.select_related("user__link__user").filter(pk=session_id).first()
    # A session is refused if Python can't represent its end.
    if found is None or found.expires_at is None or found.expires_at <= timezone.now():
        return None
    known: CoreUserLink | None = getattr(found.user, "link", None)
    return known.user if known else link(found.user)


def _session_id(cookie: str) -> str | None:
    try:
        # The core writes it as Python does; another spelling of the same number is none of its cookies.
        return cookie if str(UUID(cookie)) == cookie else None
    except ValueError:
        return None


def link(core_user: CoreUser) -> User:
    """Return a Django user made for a core user who comes for the first time."""
    name = _name_for(core_user)
    for free_name in (name, f"{name}-{core_user.pk}", f"{name}-{uuid4().hex[:8]}"):
        try:
            return _made(core_user, free_name)
        except IntegrityError:
            # Another request of the same user was faster, or the name is taken.
            known = CoreUserLink.objects.select_related("user").filter(core_user=core_user).first()
            if known is not None:
                return known.user
    raise RuntimeError(f"No name is free for core user {core_user.pk}.")


def _made(core_user: CoreUser, name: str) -> User:
    group = Group.objects.filter(name=settings.CORE_USERS_GROUP).first()
    with transaction.atomic():
        user = User(username=name)
        user.set_unusable_password()
        user.save()
        CoreUserLink.objects.create(core_user=core_user, user=user)
        if group is not None:
            user.groups.add(group)
    logger.info("core_user.linked", core_user=core_user.pk, user=user.username, group=group and group.name)
    if group is None:
        logger.warning("core_user.without_group", user=user.username, group=settings.CORE_USERS_GROUP)
    return user


def _name_for(core_user: CoreUser) -> str:
    """Return what the user is called: what Django's own forms take, for it is changed there."""
    return f"{_NOT_IN_NAMES.sub('_', core_user.username[:_NAME_LENGTH])}@core"
