"""How often passwords may be tried. Pure: the time comes in."""

from __future__ import annotations

import threading
from dataclasses import dataclass

_KEPT = 1000


@dataclass(frozen=True)
class Rate:
    """`burst` tries at once, then one every `every_s` seconds."""

    burst: int
    every_s: float


@dataclass(frozen=True)
class Rates:
    """One account from one address, one account from anywhere, and everybody together.

    The address only narrows an account's own rate, so that a stranger who guesses from elsewhere does not keep the
    owner out, and behind a proxy that hides addresses nobody shares a limit with his neighbours.
    """

    near: Rate = Rate(burst=5, every_s=30.0)
    account: Rate = Rate(burst=20, every_s=10.0)
    everybody: Rate = Rate(burst=60, every_s=0.5)


class Throttle:
    """Token buckets for password tries. A right password costs nothing."""

    def __init__(self, rates: Rates | None = None) -> None:
        self._rates = rates or Rates()
        self._empty_at: dict[tuple[str, ...], tuple[Rate, float]] = {}
        self._lock = threading.Lock()

    def enter(self, account: str, address: str, now: float) -> float:
        """Take one try, or return the seconds until there is one."""
        with self._lock:
            buckets = self._buckets(account, address)
            wait = max(self._wait(key, rate, now) for key, rate in buckets)
            if wait <= 0.0:
                for key, rate in buckets:
                    since = self._empty_at.get(key, (rate, 0.0))[1]
                    self._empty_at[key] = (rate, max(since, now - rate.burst * rate.every_s) + rate.every_s)
                self._tidy(now)
            return max(wait, 0.0)

    def succeeded(self, account: str, address: str) -> None:
        """Give the try back."""
        with self._lock:
            for key, rate in self._buckets(account, address):
                if key in self._empty_at:
                    self._empty_at[key] = (rate, self._empty_at[key][1] - rate.every_s)

    def _buckets(self, account: str, address: str) -> list[tuple[tuple[str, ...], Rate]]:
        rates = self._rates
        return [((account, address), rates.near), ((account,), rates.account), ((), rates.everybody)]

    def _wait(self, key: tuple[str, ...], rate: Rate, now: float) -> float:
        """A bucket is the time up to which its tries are spent; one try is left while that is in the past."""
        spent = self._empty_at.get(key)
        return 0.0 if spent is None else spent[1] + rate.every_s - now

    def _tidy(self, now: float) -> None:
        """Forget buckets that are full again."""
        if len(self._empty_at) > _KEPT:
            full = [
                key
                for key, (rate, spent) in self._empty_at.items()
                if spent <= now - rate.burst * rate.every_s
            ]
            for key in full:
                del self._empty_at[key]
