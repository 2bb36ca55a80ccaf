"""The closing line below a public question: offered in private, wanted by its asker alone, said once."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.closures import NO, QUIET, YES, Closures, ClosureWords
from adapters.public import LIFE, Ask, PublicAsks
from adapters.render import Part
from bot.errors import SendPermanent, SendTemporary, SendUncertain
from bot.ports import Sql, Store, Work
from tests.contract.conftest import HandClock
from tests.contract.test_public import Voice, inbound, keep


class Told:
    """Where parts are said, or fail as arranged."""

    def __init__(self, *failures: Exception) -> None:
        self.said: list[tuple[Ask, Part]] = []
        self.failures = list(failures)

    async def __call__(self, ask: Ask, part: Part) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.said.append((ask, part))
        return f"m{len(self.said)}"


async def asked(store: Store, clock: HandClock) -> tuple[Closures, str]:
    """A question that was asked in public and answered in private, a while ago."""
    asks = PublicAsks(store, clock, "page")
    await keep(asks)
    voice = Voice()
    await asks.answer(voice)
    id_ = voice.said[0].id
    assert await asks.enter(id_, "ana", inbound(clock, "psid-ana"))
    await done(store)
    clock.forward(QUIET + 1)
    return Closures(store, clock, "page", ClosureWords()), id_


async def done(store: Store) -> None:
    for claim in await store.claim(5, lease=30):
        await store.commit(claim, Work(b""), lease=30)


async def test_it_is_offered_once_and_said_once_if_its_asker_wants_it(store: Store, clock: HandClock) -> None:
    closures, id_ = await asked(store, clock)
    private, public = Told(), Told()
    assert [await closures.offer(private) for _ in range(3)] == [1, 0, 0]
    ((ask, offer),) = private.said
    # The offer goes to whom they are in private, whatever their id was in public.
    assert ask.user == "psid-ana"
    assert [button.nonce for button in offer.buttons] == [f"{YES}{id_}", f"{NO}{id_}"]
    assert await closures.say(public, private) == 0
    assert not await closures.decide(f"{YES}{id_}", "somebody-else")
    assert not await closures.decide(f"{YES}another", "psid-ana")
    assert await closures.decide(f"{YES}{id_}", "psid-ana")
    assert not await closures.decide(f"{NO}{id_}", "psid-ana")
    assert [await closures.say(public, private) for _ in range(3)] == [1, 0, 0]
    ((place, line),) = public.said
    assert place.place == {"chat": -5, "thread": None}
    assert line == Part(ClosureWords().in_public)
    assert (await store.query("SELECT outcome FROM cases"))[0]["outcome"] == "said in public"


async def test_no_is_no(store: Store, clock: HandClock) -> None:
    closures, id_ = await asked(store, clock)
    public = Told()
    await closures.offer(Told())
    assert await closures.decide(f"{NO}{id_}", "psid-ana")
    assert not await closures.decide(f"{YES}{id_}", "psid-ana")
    assert await closures.say(public, Told()) == 0
    assert public.said == []
    (case,) = await store.query("SELECT closed, outcome FROM cases")
    assert case["closed"] and case["outcome"] == "nothing said in public"


@pytest.mark.parametrize(
    "busy",
    [
        "UPDATE conversation SET party = 'agent'",
        "UPDATE conversation SET seq = seq + 1",
        "UPDATE conversation SET out_due = 5",
        "UPDATE public_ask SET answered_at = NULL",
        "INSERT INTO cases (id, reference, brand, conversation, origin, cause, summary, opened)"
        " SELECT 'k', 'LM-1', 'larkspur', id, 'bill', 'human', '', 1 FROM conversation",
    ],
)
async def test_nothing_is_offered_while_anything_is_still_to_come(store: Store, clock: HandClock, busy: str) -> None:
    closures, _ = await asked(store, clock)
    await store.change([Sql(busy)])
    assert await closures.offer(Told()) == 0


async def test_nothing_is_offered_while_they_still_write_nor_a_day_later(store: Store, clock: HandClock) -> None:
    closures, _ = await asked(store, clock)
    await store.accept(inbound(clock, "psid-ana", key="u2")("and that one?"))
    await done(store)
    assert await closures.offer(Told()) == 0
    clock.forward(LIFE)
    assert await closures.offer(Told()) == 0
    clock.forward(LIFE)
    await closures.offer(Told())
    assert (await store.query("SELECT outcome FROM cases"))[0]["outcome"] == "nothing said in public"


async def test_an_offer_that_did_not_go_out_is_made_again_and_an_uncertain_one_is_not(
    store: Store, clock: HandClock
) -> None:
    closures, _ = await asked(store, clock)
    private = Told(SendTemporary())
    assert [await closures.offer(private) for _ in range(3)] == [0, 1, 0]
    await store.change([Sql("UPDATE public_ask SET closure = NULL")])
    assert [await closures.offer(Told(SendUncertain())) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("failure", "outcome", "said"),
    [
        (SendUncertain(), "said in public", 1),
        (SendPermanent(), "nothing said in public", 0),
    ],
)
async def test_a_line_of_which_nobody_knows_is_not_said_again(
    store: Store, clock: HandClock, failure: Exception, outcome: str, said: int
) -> None:
    closures, id_ = await asked(store, clock)
    await closures.offer(Told())
    await closures.decide(f"{YES}{id_}", "psid-ana")
    public = Told(failure)
    assert [await closures.say(public, Told()) for _ in range(2)] == [said, 0]
    assert public.said == []
    assert (await store.query("SELECT outcome FROM cases"))[0]["outcome"] == outcome


async def test_a_busy_platform_is_asked_again_and_whoever_is_not_told_can_see_it(
    store: Store, clock: HandClock
) -> None:
    closures, id_ = await asked(store, clock)
    await closures.offer(Told())
    await closures.decide(f"{YES}{id_}", "psid-ana")
    public: Any = Told(SendTemporary())
    assert await closures.say(public, Told()) == 0
    await store.change([Sql("UPDATE public_ask SET closure_held = 0")])
    assert await closures.say(public, Told(SendPermanent())) == 1
    assert len(public.said) == 1


def test_the_line_for_all_says_nothing_of_anybody() -> None:
    line = ClosureWords().in_public
    assert "{" not in line and "customer" not in line and "account" not in line
