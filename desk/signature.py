"""What goes between us and a desk elsewhere is signed with its time, so that nobody can bring it again later.

As Slack's `v0` and the Standard Webhooks sign: over the time and the body together.
"""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from typing import Literal

HEADER = "X-Desk-Signature"
TOLERANCE = 300.0
"""Seconds that the two clocks, and the way between them, may differ by."""
_GIVEN = re.compile(r"t=([1-9][0-9]{0,10}),v1=([0-9a-f]{64})")


def signed(secret: bytes, raw: bytes, at: datetime) -> str:
    """The header's value for these bytes: `t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BYTES`."""
    t = str(int(at.timestamp()))
    return f"t={t},v1={_mac(secret, t, raw)}"


def wrong(secret: bytes, raw: bytes, given: str, now: datetime) -> Literal["", "signature", "time"]:
    """What is wrong with a header's value; the time is spoken of only to whoever has the secret."""
    found = _GIVEN.fullmatch(given)
    if found is None or not hmac.compare_digest(_mac(secret, found[1], raw), found[2]):
        return "signature"
    return "" if abs(now.timestamp() - int(found[1])) <= TOLERANCE else "time"


def _mac(secret: bytes, t: str, raw: bytes) -> str:
    return hmac.digest(secret, b"%s.%s" % (t.encode(), raw), "sha256").hex()
