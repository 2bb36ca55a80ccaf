"""A call back, on a number of the customer's choosing."""

from __future__ import annotations

import re

from bot import Convo, dialog

_NUMBER = re.compile(r"(?<![\w-])\+?\(?\d(?:[ ()./-]{0,3}\d){9,14}(?!\w)")


def phone(text: str) -> str:
    """The one phone number in the message, 10 to 15 digits (ITU-T E.164); `ValueError` where there is none or
    another."""
    found = {re.sub(r"[^\d+]", "", one) for one in _NUMBER.findall(text)}
    if len(found) != 1:
        raise ValueError("not one phone number")
    number = found.pop()
    return f"{number[:5]} {number[5:]}" if re.fullmatch(r"07\d{9}", number) else number


@dialog("call_me")
async def call_me(c: Convo) -> str | None:
    """Return the number to call once it is confirmed: the host puts it into the customer's case, and says so."""
    number = await c.ask("number", "call_me.which", phone)
    if await c.confirm("sure", "call_me.sure", number=number):
        return number
    await c.say("call_me.not")
    return None
