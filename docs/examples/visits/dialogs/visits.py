"""Small dialogs that show one verb after another; docs/authoring.md quotes them."""

from __future__ import annotations

import re

from bot import Again, Card, Convo, Offer, ReturnedToBot, dialog, known

from ..services.visits import Taken, Visits


@dialog("opening", intents=["opening"])
async def opening(c: Convo) -> None:
    """When we work."""
    await c.say("opening.hours", offers=[Offer("opening.offer_area", "area")])


@dialog("open_now", intents=["open_now"])
async def open_now(c: Convo) -> None:
    """Whether somebody works at this moment."""
    now = await c.now()
    await c.say("opening.yes" if 8 <= now.hour < 18 else "opening.no")


def postcode(text: str) -> str:
    """A postcode as it is written; `ValueError` where it is none."""
    found = re.fullmatch(r"([A-Z]{1,2}\d[A-Z\d]?) ?(\d[A-Z]{2})", text.upper())
    if found is None:
        raise ValueError("not a postcode")
    return f"{found[1]} {found[2]}"


@dialog("area", intents=["area"])
async def area(c: Convo) -> bool:
    """Whether we come to a postcode."""
    code = await c.ask("postcode", "area.ask", postcode)
    ours = code.startswith("LS")
    await c.say("area.ours" if ours else "area.not_ours", code=code)
    return ours


@dialog("book_visit", intents=["book_visit"], requires=known)
async def book_visit(c: Convo, visits: Visits, day: str | None = None) -> Again | None:
    """Book a day; begin anew where somebody else was quicker."""
    slots = await c.do(visits.free)
    if not slots:
        await c.say("book.none")
        return None
    slot = await c.choose("slot", "book.which", slots, label="book.slot", guess=day)
    if not await c.confirm("sure", "book.confirm", write=True, slot=slot):
        await c.say("book.left")
        return None
    try:
        visit = await c.once(visits.book, customer=c.customer, slot=slot.id)
    except Taken as taken:
        await c.say("book.taken", day=taken.day)
        return c.again()
    await c.say("book.done", visit=visit)
    return None


@dialog("my_visit", intents=["my_visit"], requires=known)
async def my_visit(c: Convo, visits: Visits) -> None:
    """The next visit, as a card."""
    visit = await c.do(visits.booked, customer=c.customer)
    if visit is None:
        await c.say("visit.none", offers=[Offer("visit.offer_book", "book_visit")])
        return
    await c.show(Card("Your next visit", rows=(("Reference", visit.id), ("Price", f"£{visit.price / 100:.2f}"))))


@dialog("cancel_visit", intents=["cancel_visit"], requires=known)
async def cancel_visit(c: Convo, visits: Visits) -> None:
    """Cancel the next visit, once it was confirmed and approved."""
    visit = await c.do(visits.booked, customer=c.customer)
    if visit is None:
        await c.say("visit.none", offers=[Offer("visit.offer_book", "book_visit")])
        return
    if not await c.confirm("sure", "cancel.confirm", write=True, visit=visit):
        await c.say("cancel.kept")
        return
    await c.step_up("cancel_visit", visit=visit.id)
    gone = await c.once(visits.cancel, visit=visit.id)
    await c.say("cancel.done", visit=gone)


@dialog("newcomer", intents=["newcomer"])
async def newcomer(c: Convo) -> None:
    """The postcode first, then a booking if we come there."""
    if await c.call("area"):
        await c.call("book_visit")


def in_words(text: str) -> str:
    """What happened, in the customer's own words."""
    if len(text) > 500:
        raise ValueError("too long")
    return text


@dialog("damage", intents=["damage"])
async def damage(c: Convo) -> None:
    """Take down what was damaged and get a person."""
    said = await c.ask("said", "damage.ask", in_words, digress=False)
    outcome = await c.handoff("damage", about={"said": said})
    if isinstance(outcome, ReturnedToBot):
        await c.say("damage.returned")
