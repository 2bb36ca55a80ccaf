"""Sending a meter reading."""

from __future__ import annotations

import re

from bot import Convo, dialog, known

from ..services.meters import BelowLast, Meters


def five_digits(text: str) -> str:
    """The black digits of a meter, spaces between them allowed; `ValueError` for anything else."""
    digits = text.replace(" ", "")
    if not re.fullmatch(r"\d{5}", digits, re.ASCII):
        raise ValueError("not five digits")
    return digits


@dialog("submit_reading", intents=["submit_reading"], requires=known)
async def submit_reading(c: Convo, meters: Meters) -> None:
    """Take a reading, read it back, record it once."""
    meter = await c.do(meters.at_home, customer=c.customer)
    if meter is None:
        await c.say("reading.no_meter")
        return
    value = await c.ask("value", "reading.ask", five_digits)
    if not await c.confirm("sure", "reading.confirm", write=True, meter=meter, value=value):
        await c.say("reading.kept")
        return
    try:
        taken = await c.once(meters.submit, meter=meter.id, value=value)
    except BelowLast as below:
        await c.say("reading.below", last=below.last)
        return
    await c.say("reading.done", taken=taken)
