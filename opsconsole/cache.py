"""The cache in Redis, which the console can do without for a while."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

T = TypeVar("T")

# A Redis that did not answer is not asked again for so long: each question could cost a socket's time-out.
PAUSE_SECONDS: Final = 2.0


class OptionalRedisCache(RedisCache):
    """A Redis cache that knows nothing, and keeps nothing, while Redis does not answer.

    Whoever is logged in stays so, by the session's row in the database. Deleting is not forgiven: a session that was
    ended must not come back with Redis.
    """

    _asked_again_at = 0.0

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default also when Redis does not answer."""
        return self._ask(lambda: super(OptionalRedisCache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the value if Redis answers."""
        self._ask(lambda: super(OptionalRedisCache, self).set(key, value, *args, **kwargs), None)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        """Keep the value if there is none and Redis answers."""
        return self._ask(lambda: super(OptionalRedisCache, self).add(key, value, *args, **kwargs), default=False)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Say whether there is a value, as far as Redis tells."""
        return self._ask(lambda: super(OptionalRedisCache, self).has_key(key, version), default=False)

    def answers(self) -> bool:
        """Return whether Redis answers. After a failure, this is False without asking for PAUSE_SECONDS."""
        return self._ask(lambda: bool(self._cache.get_client(write=True).ping()), default=False)

    def _ask(self, question: Callable[[], T], default: T) -> T:
        if time.monotonic() < OptionalRedisCache._asked_again_at:
            return default
        try:
            return question()
        except Exception as error:
            # The console can work without a cache, so no error of the client may end a request.
            unexpected = None if isinstance(error, RedisError | OSError) else error
            logger.warning("cache.unavailable", error=str(error), exc_info=unexpected)
            OptionalRedisCache._asked_again_at = time.monotonic() + PAUSE_SECONDS
            return default


def is_unreachable() -> bool:
    """Return whether a cache is configured and doesn't answer; takes half a second at most."""
    cache = caches["default"]
    return isinstance(cache, OptionalRedisCache) and not cache.answers()
