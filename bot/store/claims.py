"""Claims from rows, for both stores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.model import Control
from bot.ports import Claim, OutRow
from bot.store.codec import address_of, dump, epoch_or_none, inbound_of, moment_or_none, side_of

CLAIMED = (
    "c.id, c.brand, c.connection, c.channel, c.user_id, c.kind, c.thread, c.epoch, c.party, c.party_epoch, c.state,"
    " c.done, c.control, c.control_seq, c.tries, c.leased, c.person, c.case_id, c.locale, c.last_inbound_at"
)
"""A claim's columns of `conversation c`."""

NEXT = "i.kind, i.key, i.at, i.text, i.data, i.locale"
"""A claim's columns of `inbound i`, the next one."""


class Held(NamedTuple):
    """What fences a claimed conversation, or with `n` a claimed row of its outbox."""

    conversation: str
    epoch: int
    seq: int
    n: int = 0


def held_until(lease: float) -> float:
    """When a lease asked for now ends, on this process's monotonic clock: never later than the database's own end."""
    return time.monotonic() + lease


def control_after(control: Any, at_seq: int | None, seq: int) -> Control | None:
    """A control mark, if it came with inbound `seq` or later."""
    marked: Control | None = control
    return marked if at_seq is not None and at_seq >= seq else None


def claim_of(row: Sequence[Any], *, epoch: int, tries: int, until: float) -> Claim:
    """A claim from the columns of CLAIMED and NEXT."""
    (
        conversation, brand, connection, channel, user, address_kind, thread, _, party, party_epoch, state,
        done, control, control_seq, _, _, person, case_id, locale, last_inbound_at,
        kind, key, at, text, data, said_in,
    ) = row  # fmt: skip
    address = address_of(brand, connection, channel, user, address_kind, thread)
    seq = done + 1
    return Claim(
        conversation=conversation,
        address=address,
        epoch=epoch,
        party=party,
        party_epoch=party_epoch,
        state=state,
        seq=seq,
        inbound=inbound_of(conversation, address, kind, key, at, text, data, said_in),
        control=control_after(control, control_seq, seq),
        tries=tries,
        person=person,
        case_id=case_id,
        locale=locale,
        last_inbound_at=moment_or_none(last_inbound_at),
        held_until=until,
    )


def claim_after(before: Claim, state: bytes, standing: Sequence[Any], inbound: Sequence[Any], until: float) -> Claim:
    """The next claim under the same lease: `standing` is party, party_epoch, person, case_id, locale, control,
    control_seq, last_inbound_at as the commit left them; `inbound` the columns of NEXT."""
    party, party_epoch, person, case_id, locale, control, control_seq, last_inbound_at = standing
    kind, key, at, text, data, said_in = inbound
    seq = before.seq + 1
    return Claim(
        conversation=before.conversation,
        address=before.address,
        epoch=before.epoch,
        party=party,
        party_epoch=party_epoch,
        state=state,
        seq=seq,
        inbound=inbound_of(before.conversation, before.address, kind, key, at, text, data, said_in),
        control=control_after(control, control_seq, seq),
        tries=0,
        person=person,
        case_id=case_id,
        locale=locale,
        last_inbound_at=moment_or_none(last_inbound_at),
        held_until=until,
    )


Said = tuple[int, str, str, str, float | None, str]
"""One outbound row on its way in: n, purpose, side, body, expires_at, ref."""


def said_rows(rows: Sequence[OutRow], seq: int) -> list[Said]:
    """Outbound rows, encoded."""
    return [
        (
            row.n,
            row.said.purpose,
            side_of(row.said),
            dump(row.said),
            epoch_or_none(row.said.expires_at),
            f"{seq}.{row.n}",
        )
        for row in rows
    ]


def allowed(purpose: str, party: str, passed_to: str | None) -> bool:
    """Whether a row may go out: its side holds the conversation, before or after this very write."""
    if purpose == "closure":
        return True
    side = "agent" if purpose == "agent" else "bot"
    return side in (party, passed_to)
