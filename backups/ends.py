"""When a backup or a restore test ended, for all that looks for the newest one.

The core and people write such times too. A time that Python can't represent says nothing, and neither does one in the
future: a row with it would count as the newest one for ever.
"""

from datetime import datetime, timedelta
from typing import Final, TypeGuard

from django.db.models import Q
from django.utils import timezone

from opsconsole.far_times import EARLIEST

# The clocks of the core, the database and the console differ.
TOLERANCE: Final = timedelta(minutes=1)


def has_ended(name: str = "completed_at") -> Q:
    """Return the condition that a field has a time that counts as an end."""
    return Q(**{f"{name}__gte": EARLIEST, f"{name}__lte": timezone.now() + TOLERANCE})


def is_end(moment: datetime | None) -> TypeGuard[datetime]:
    """Say whether a time that was read counts as an end."""
    return moment is not None and moment <= timezone.now() + TOLERANCE
