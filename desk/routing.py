"""Who is answered next, and by whom. Urgency and the time waited decide, and nothing else about the customer.

Pure functions. `Waits` has no field for channel, tariff, spend, followers or likes, so that no order can look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Waits:
    """What routing knows of a conversation that waits. `since` and `now` are epoch seconds."""

    item: str
    urgency: int
    since: float
    skill: str | None = None
    language: str | None = "en"
    offered_to: str | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """What routing knows of an agent. `load`: conversations held now."""

    agent: str
    skills: frozenset[str]
    languages: frozenset[str]
    capacity: int
    load: int
    there: bool
    """Available, with a page that has been heard of lately."""


def rank(waits: Waits, now: float, risk: float) -> tuple[float, float, str]:
    """Sorts first what is most at risk: urgency, a step more for each `risk` seconds waited; then the oldest."""
    return (-(waits.urgency + int(max(0.0, now - waits.since) // risk)), waits.since, waits.item)


def ordered(waiting: Iterable[Waits], now: float, risk: float) -> list[Waits]:
    """All that wait, in the order they are to be answered."""
    return sorted(waiting, key=lambda one: rank(one, now, risk))


def fits(waits: Waits, agent: Free) -> bool:
    """Whether this agent can answer: the skill, where one is needed, and the language."""
    skilled = waits.skill is None or waits.skill in agent.skills
    return skilled and (waits.language is None or waits.language in agent.languages)


def reachable(waits: Waits, agents: Sequence[Free]) -> Waits:
    """What nobody who is there has would leave somebody waiting for ever: it is asked for no more, the skill before the
    language."""
    for wanted in (waits, replace(waits, skill=None), replace(waits, language=None)):
        if any(one.there and fits(wanted, one) for one in agents):
            return wanted
    return replace(waits, skill=None, language=None)


def offers(waiting: Iterable[Waits], agents: Sequence[Free], now: float, risk: float) -> list[tuple[str, str]]:
    """(item, agent) to offer now, in order: each to the agent with room who fits and holds least; none twice."""
    load = {one.agent: one.load + sum(waits.offered_to == one.agent for waits in waiting) for one in agents}
    made: list[tuple[str, str]] = []
    for waits in ordered((one for one in waiting if one.offered_to is None), now, risk):
        able = [one for one in agents if one.there and load[one.agent] < one.capacity and fits(waits, one)]
        if able:
            chosen = min(able, key=lambda one: (load[one.agent], one.agent))
            load[chosen.agent] += 1
            made.append((waits.item, chosen.agent))
    return made
