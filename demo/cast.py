"""Who appears in the demo: two providers, twelve identities, and how the provider treats each of them."""

from dataclasses import dataclass
from enum import StrEnum

REDDIT = "reddit"
MASTODON = "mastodon"

PROVIDERS = {REDDIT: "Reddit", MASTODON: "Mastodon"}

# Ingest tasks of this provider report their progress; those of any other say nothing until they end.
REPORTS_PROGRESS = frozenset({REDDIT})


class Behaviour(StrEnum):
    """How a provider answers when an identity's archive is read.

    "At first" means the first of a few attempts of the same task for the same identity, so that a retry
    succeeds.
    """

    HEALTHY = "healthy"
    SLOW = "slow"
    BROKEN_IMAGES = "broken_images"
    """All messages arrive, some of their images don't."""
    RATE_LIMITED = "rate_limited"
    """At first 429 in the middle; the next two attempts go through."""
    TIMES_OUT = "times_out"
    """At first a time-out in the middle, the third attempt dies of one; the second and fourth go through."""
    STALE_TOKEN = "stale_token"  # noqa: S105 - not a password
    """At first 401, because someone else had just refreshed the token; the next two attempts go through."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - not a password
    """Always 401 invalid_grant: only connecting the account again would help."""
    ALWAYS_ERROR = "always_error"
    """Never works: one attempt returns `status: error`, the next raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One identity of the sample data.

    Attributes:
        id: Primary key in `identities`.
        conversations: How many the sample data has.
        messages: How many messages the sample data has, in thousandths of all.
        pages: Pages of the provider's archive that the core has not fetched yet.
        silent_days: Days since anything arrived; 0 for an identity that works.
        credential_types: What is stored in `provider_credentials`.
        rotated_days: Age in days of the last rotation; None when never rotated.
    """

    id: int
    provider_id: str
    external_username: str
    display_name: str
    behaviour: Behaviour
    conversations: int
    messages: int
    pages: int
    is_default: bool = False
    is_active: bool = True
    silent_days: int = 0
    credential_types: tuple[str, ...] = ("oauth_tokens",)
    rotated_days: int | None = None


MEMBERS = (
    Member(
        id=1,
        provider_id=REDDIT,
        external_username="quietharbor_",
        display_name="Quiet Harbor",
        behaviour=Behaviour.HEALTHY,
        conversations=1200,
        messages=340,
        pages=64,
        is_default=True,
        credential_types=("oauth_tokens", "oauth_refresh_token"),
        rotated_days=1,
    ),
    Member(
        id=2,
        provider_id=REDDIT,
        external_username="mossandtimber",
        display_name="Moss & Timber",
        behaviour=Behaviour.BROKEN_IMAGES,
        conversations=700,
        messages=170,
        pages=40,
        rotated_days=6,
    ),
    Member(
        id=3,
        provider_id=REDDIT,
        external_username="nightbus_42",
        display_name="Night Bus 42",
        behaviour=Behaviour.RATE_LIMITED,
        conversations=520,
        messages=110,
        pages=36,
        rotated_days=13,
    ),
    Member(
        id=4,
        provider_id=REDDIT,
        external_username="oldtownledger",
        display_name="Old Town Ledger",
        behaviour=Behaviour.EXPIRED_TOKEN,
        conversations=380,
        messages=70,
        pages=30,
        silent_days=18,
        credential_types=("oauth_tokens", "oauth_refresh_token"),
        rotated_days=212,
    ),
    Member(
        id=5,
        provider_id=REDDIT,
        external_username="Paper_Lantern_Dev",
        display_name="Paper Lantern (retired)",
        behaviour=Behaviour.HEALTHY,
        conversations=110,
        messages=20,
        pages=22,
        is_active=False,
        silent_days=140,
        rotated_days=147,
    ),
    Member(
        id=6,
        provider_id=REDDIT,
        external_username="thirdshelfbooks",
        display_name="Third Shelf Books",
        behaviour=Behaviour.ALWAYS_ERROR,
        conversations=230,
        messages=40,
        pages=28,
        silent_days=9,
        rotated_days=30,
    ),
    Member(
        id=7,
        provider_id=REDDIT,
        external_username="kestrel_over_fen",
        display_name="Kestrel over Fen",
        behaviour=Behaviour.STALE_TOKEN,
        conversations=45,
        messages=6,
        pages=30,
        rotated_days=0,
    ),
    Member(
        id=8,
        provider_id=MASTODON,
        external_username="ines@harbour.example",
        display_name="Inês",
        behaviour=Behaviour.HEALTHY,
        conversations=600,
        messages=150,
        pages=52,
        is_default=True,
        rotated_days=2,
    ),
    Member(
        id=9,
        provider_id=MASTODON,
        external_username="tidepool@coast.example",
        display_name="Tidepool Notes",
        behaviour=Behaviour.SLOW,
        conversations=260,
        messages=50,
        pages=24,
        rotated_days=None,
    ),
    Member(
        id=10,
        provider_id=MASTODON,
        external_username="brassandoak@workshop.example",
        display_name="Brass & Oak Workshop",
        behaviour=Behaviour.TIMES_OUT,
        conversations=170,
        messages=30,
        pages=44,
        rotated_days=21,
    ),
    Member(
        id=11,
        provider_id=MASTODON,
        external_username="secondshift@tower.example",
        display_name="Second Shift",
        behaviour=Behaviour.HEALTHY,
        conversations=12,
        messages=2,
        pages=20,
        silent_days=33,
        credential_types=(),
    ),
    Member(
        id=12,
        provider_id=MASTODON,
        external_username="winterpost@letters.example",
        display_name="Winterpost 2024: letters, cards and everything that came in between",
        behaviour=Behaviour.HEALTHY,
        conversations=80,
        messages=12,
        pages=26,
        is_active=False,
        silent_days=60,
        rotated_days=None,
    ),
)
