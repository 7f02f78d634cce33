"""Links to our own `/media/…`: how a provider reaches an input where it is not uploaded, and for how long.

A link is an address that nobody can make but us: the asset, the attempt it is for and the end of its life are inside
the signature, so that every attempt has a link of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.jobs.model import Asset, AssetKind
from bot.keys import KeyRing
from bot.ports import Clock
from bot.provider_values import HostedInput

SERVED = frozenset({AssetKind.IMAGE, AssetKind.AUDIO, AssetKind.CLIP})
"""What may ever leave by a link. An original never does: it still has what the stripped copy has lost."""

_PURPOSE = "media-link"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAsset:
    """What a link that holds names."""

    asset_id: str
    attempt_id: str
    """The attempt it was made for; empty when it was made for none."""
    content_type: str
    expires_at: datetime


class SignedLinks:
    """Makes and reads links to `{public_url}/media/{signed}`."""

    def __init__(self, keys: KeyRing, clock: Clock, public_url: str) -> None:
        """`public_url` is where the world reaches the role `web`, without a slash at its end."""
        self._keys = keys
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self.is_https = public_url.startswith("https://")
        """Providers take no other links."""

    def link(self, asset: Asset, *, attempt_id: str, lives: timedelta) -> HostedInput:
        """An address that answers GET and HEAD with the asset for as long as `lives`, of this attempt alone.

        `ValueError` for an asset that is never served.
        """
        if asset.kind not in SERVED:
            raise ValueError(f"an asset of kind {asset.kind} is never served")
        expires_at = (self._clock.now() + lives).replace(microsecond=0)
        payload = {"asset": asset.id, "attempt": attempt_id, "type": asset.content_type}
        signed = self._keys.sign(_PURPOSE, payload, expires_at=expires_at)
        return HostedInput(asset=asset, url=self.url(signed), expires_at=expires_at)

    def url(self, signed: str) -> str:
        """The whole address of a link."""
        return f"{self._public_url}/media/{signed}"

    def read(self, signed: str) -> SignedAsset | None:
        """What the last part of a link names; `None` when it was not made by us, or its time is over."""
        found = self._keys.read_with_expiry(_PURPOSE, signed, now=self._clock.now())
        if found is None:
            return None
        payload, expires_at = found
        return SignedAsset(
            asset_id=payload["asset"],
            attempt_id=payload["attempt"],
            content_type=payload["type"],
            expires_at=expires_at,
        )
