"""What a transcript says of the state, the effects and the buttons, held against what there is."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from bot.model import Address, Outbound
from bot.ports import Store
from bot.testing.shown import shown
from bot.testing.transcripts import squeezed
from bot.testing.world import World


class Differs(AssertionError):
    """The conversation went otherwise than the transcript says."""


async def look(world: World, address: Address, words: str) -> None:
    """`= …`: compare what is stored with what a transcript says. Raises `Differs`."""
    rows = await world.store.query("SELECT state, person FROM conversation")
    state = msgspec.json.decode(rows[0]["state"]) if rows and rows[0]["state"] else {}
    stacks = [stack[-1][0] for stack in state.get("k", ())]
    if words == "no open dialog":
        if stacks:
            raise Differs(f"these dialogs are open: {stacks}")
    elif words.startswith("open "):
        if stacks[-1:] != [words.removeprefix("open ").strip()]:
            raise Differs(f"these dialogs are open: {stacks}")
    elif words.startswith("case "):
        cases = await world.store.query("SELECT cause FROM cases")
        if words.removeprefix("case ").strip() not in [case["cause"] for case in cases]:
            raise Differs(f"the cases are {[case['cause'] for case in cases]}")
    elif words in ("linked", "not linked"):
        linked = address.connection, address.user
        if (linked in world.login.standings) != (words == "linked"):
            raise Differs(f"the customer is {'linked' if words != 'linked' else 'not linked'}")
    elif words.startswith("effect "):
        found = [row["status"] for row in await world.store.query("SELECT status FROM effect")]
        if words.removeprefix("effect ").strip() not in found:
            raise Differs(f"the effects are {found}")
    else:
        raise Differs(f"nobody knows the state {words!r} (no open dialog, open, case, linked, not linked, effect)")


def in_any_order(effect: str) -> tuple[str, ...]:
    """An effect's name and its arguments, whichever came first, with or without quotation marks around a value."""
    name, *arguments = re.split(r" (?=\w+=)", effect)
    return (name, *sorted(re.sub(r'^(\w+=)"(.*)"$', r"\1\2", one) for one in arguments))


async def next_timer(store: Store) -> float | None:
    """When the next timer is due, epoch seconds."""
    rows = await store.query("SELECT MIN(at) AS at FROM timer")
    return rows[0]["at"] if rows else None


async def parked_op(store: Store) -> str:
    """The operation that the newest case was opened by."""
    rows = await store.query("SELECT op FROM cases ORDER BY opened DESC")
    return str(rows[0]["op"]) if rows else ""


async def last_said(store: Store) -> str:
    """What the bot said last."""
    rows = await store.query("SELECT body FROM outbound ORDER BY seq DESC, n DESC LIMIT 1")
    return shown(msgspec.json.decode(rows[0]["body"], type=Outbound)) if rows else "nothing"


async def button(store: Store, label: str) -> str | None:
    """The nonce of the newest button that says this."""
    rows = await store.query("SELECT body FROM outbound ORDER BY seq DESC, n DESC LIMIT 40")
    for row in rows:
        said = msgspec.json.decode(row["body"], type=Outbound)
        for choice in said.choices:
            if squeezed(choice.label) == squeezed(label):
                return choice.nonce
    return None


ACTS: dict[str, dict[str, str]] = {
    "joins": {"act": "join"},
    "leaves": {"act": "leave"},
    "returns": {"act": "return"},
    "resolves": {"act": "resolve"},
    "offers": {"act": "offer"},
    "starts": {"act": "return", "how": "start"},
    "closes": {"act": "return", "how": "close"},
}


def agents_act(words: str) -> dict[str, Any]:
    """`@ Priya joins`, `@ Priya offers bill month=2026-10`: the data of the agent's inbound. Raises `Differs`."""
    name, act, *more = words.split()
    if act not in ACTS:
        raise Differs(f"nobody knows how an agent {act} ({', '.join(ACTS)}, or `@ Priya: words`)")
    dialog = {"dialog": more[0], "answers": dict(one.split("=", 1) for one in more[1:])} if more else {}
    return {**ACTS[act], "name": name, **dialog}


async def done_once(world: World, words: str, told: int) -> int:
    """`! …`: what the backend really did, of which `told` have been spoken of; returns how many have now."""
    wanted, done = words.removesuffix(" once").strip(), await world.effects()
    alike = [one for one in done if in_any_order(one) == in_any_order(wanted)]
    if wanted == "nothing":
        if len(done) > told:
            raise Differs(f"the backend did {done[told:]}")
        return told
    if len(alike) != 1:
        raise Differs(f"the backend did {wanted!r} {len(alike)} times; it did {done}")
    return len(done)
