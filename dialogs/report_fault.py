"""A fault: no signal, no broadband."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("report_fault", intents=["report_fault"])
async def report_fault(c: Convo, service: str | None = None) -> None:
    """Say what this assistant cannot do, and pass it to a person."""
    if service is None:
        await c.say("fault.said")
    else:
        await c.say("fault.said_service", service=service)
    await c.handoff("fault", about={"service": service})
