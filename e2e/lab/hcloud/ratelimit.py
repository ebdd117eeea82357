"""The limit of requests an hour: a bucket per project that fills at an even rate, as the real API's does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from e2e.lab.hcloud.errors import ApiError

SECONDS_PER_HOUR = 3600


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """Counts the requests of each project."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, project: str, limit: int) -> dict[str, str]:
        """Count one request; the headers that tell the client what is left. Raises `rate_limit_exceeded` at zero."""
        now = self._clock()
        bucket = self._buckets.setdefault(project, _Bucket(limit, now))
        refilled = (now - bucket.filled_at) * limit / SECONDS_PER_HOUR
        bucket.tokens = min(limit, bucket.tokens + refilled)
        bucket.filled_at = now
        if bucket.tokens < 1:
            raise ApiError("rate_limit_exceeded", f"limit of {limit} requests per hour reached")
        bucket.tokens -= 1
        return self._headers(bucket, limit, now)

    def headers(self, project: str, limit: int) -> dict[str, str]:
        """The headers without counting a request."""
        now = self._clock()
        return self._headers(self._buckets.get(project, _Bucket(limit, now)), limit, now)

    def reset(self) -> None:
        self._buckets.clear()

    @staticmethod
    def _headers(bucket: _Bucket, limit: int, now: float) -> dict[str, str]:
        full_at = now + (limit - bucket.tokens) * SECONDS_PER_HOUR / limit
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(int(bucket.tokens)),
            "RateLimit-Reset": str(int(full_at)),
        }
