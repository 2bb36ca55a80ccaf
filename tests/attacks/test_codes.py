"""Attacks on codes: typed by others, elsewhere, guessed, late, twice. Channels that prove nothing in a browser."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from bot.errors import StoreUnavailable
from bot.model import Address, Assurance
from tests.attacks.site import Browser, Page, Site

pytestmark = pytest.mark.promise("assured")

ANA = "4711"


def code_on(page: Page) -> str:
    """The code a page shows, as a customer reads it."""
    assert page.heading == "One more step: type this code in your chat", (page.status, page.text)
    found = re.search(r'value="([0-9A-Z]{4}-[0-9A-Z]{4})"', page.text)
    assert found, page.text
    return found.group(1)


async def to_code(here: Site, user: str = ANA, sub: str = "ana", channel: str = "telegram") -> tuple[str, Browser, str]:
    """Ask in a chat and sign in with any browser; returns the code, the browser and the page's address."""
    _, url = await here.begin(user, channel)
    browser = here.browser(None)
    page = await browser.sign_in(await browser.press(await browser.get(url)), sub)
    return code_on(page), browser, url


async def level(here: Site, user: str = ANA, channel: str = "telegram") -> Assurance:
    standing = await here.auth.identity.standing(here.address(user, channel), here.clock.now())
    return standing.level


async def told(here: Site) -> list[str]:
    return [one["outcome"]["status"] for one in await here.signals() if "outcome" in one]


def another(code: str) -> str:
    """A well-formed code that is not this one."""
    return ("3" if code[0] != "3" else "4") + code[1:]


async def test_01_code_typed_in_the_chat_that_began_it_links_it(here: Site) -> None:
    code, browser, url = await to_code(here)
    assert await level(here) is Assurance.ANYONE
    # The page can be opened again in its own browser, and shows the same code.
    assert code_on(await browser.get(url)) == code
    accepted = await here.writes(code)
    assert accepted.fresh
    assert await level(here) is Assurance.KNOWN
    assert await told(here) == ["linked"]
    done = await browser.get(url)
    assert done.heading == "Your account is connected"
    assert "ending 01" in done.text


@pytest.mark.parametrize(
    "write",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: " ".join(code.replace("-", "")),
        lambda code: f"my code is {code.lower()}, thanks",
        lambda code: code.replace("0", "O").replace("1", "l").replace("V", "u"),
        lambda code: code.replace("-", " – "),
    ],
)
async def test_01_spaces_case_and_look_alikes_are_forgiven(here: Site, write: Any) -> None:
    code, _, _ = await to_code(here)
    await here.writes(write(code))
    assert await level(here) is Assurance.KNOWN


@pytest.mark.promise("private")
async def test_01_the_attackers_link_finished_by_the_victim_shows_the_code_to_the_victim_alone(here: Site) -> None:
    code, victim, url = await to_code(here, user="6666")
    # The attacker, who has the link, never sees the code: it stands in the browser that signed in.
    attacker = here.browser(None)
    page = await attacker.get(url)
    assert (page.status, page.heading) == (403, "This link belongs to another browser")
    assert code not in page.text
    assert (await victim.get(url)).status == 200
    assert await level(here, "6666") is Assurance.ANYONE


async def test_02_signed_in_but_no_code_typed(here: Site) -> None:
    code, browser, url = await to_code(here)
    here.clock.forward(600)
    assert await here.auth.sweep() == 1
    await here.writes(code)
    assert await level(here) is Assurance.ANYONE
    assert await told(here) == ["expired"]
    assert (await browser.get(url)).heading == "This link has expired"


async def test_03_the_code_page_names_the_account_masked(here: Site) -> None:
    _, browser, url = await to_code(here, sub="tom")
    page = await browser.get(url)
    assert "ending 02" in page.text
    assert "C-1002" not in page.text


@pytest.mark.parametrize(
    ("user", "channel", "more"),
    [
        ("4712", "telegram", {}),
        (ANA, "slack", {}),
        (ANA, "telegram", {"address": Address("larkspur", "telegram", "telegram", ANA, thread="9")}),
        (ANA, "telegram", {"address": Address("larkspur", "telegram-2", "telegram", ANA)}),
        (ANA, "telegram", {"address": Address("larkspur", "telegram", "telegram", ANA, kind="group")}),
        (ANA, "telegram", {"data": {"edited": True}}),
        (ANA, "telegram", {"kind": "file", "data": {"name": "code.jpg"}}),
    ],
)
async def test_07_the_right_code_from_another_user_chat_channel_or_tenant(
    here: Site, user: str, channel: str, more: dict[str, Any]
) -> None:
    code, _, _ = await to_code(here)
    await here.writes(code, user, channel, **more)
    assert await here.links() == []
    assert ("link.refused", "code_elsewhere") in await here.audited()
    assert "linked" not in await told(here)
    assert await here.notices() == ["host.code-wrong"]
    # It is taken out of the message there, too, and still good where it belongs.
    rows = await here.store.query("SELECT text FROM inbound WHERE kind IN ('message', 'file')")
    assert [row["text"] for row in rows] == ["••••-••••"]
    await here.writes(code)
    assert await level(here) is Assurance.KNOWN


async def test_08_a_sixth_guess(here: Site) -> None:
    code, browser, url = await to_code(here)
    for n in range(5):
        await here.writes(another(code))
        assert await told(here) == (["failed"] if n == 4 else [])
    assert await here.notices() == ["host.code-wrong"] * 4
    # Even the right one, now.
    await here.writes(code)
    assert await level(here) is Assurance.ANYONE
    assert (await browser.get(url)).heading == "Your sign-in could not be checked"
    assert ("link.aborted", "code_tries") in await here.audited()


async def test_08_many_guesses_in_one_message_are_no_more_than_three(here: Site) -> None:
    code, _, _ = await to_code(here)
    others = [another(code)[:-1] + last for last in "23456"]
    await here.writes(" and ".join([*others, code]))
    assert await level(here) is Assurance.ANYONE
    [row] = await here.store.query("SELECT text FROM inbound WHERE kind = 'message'")
    assert code not in row["text"]


async def test_08_guesses_at_once_are_counted(here: Site) -> None:
    code, _, _ = await to_code(here)
    for _ in range(6):
        await asyncio.gather(*(here.writes(another(code), key=f"at-once-{here.ops}-{n}") for n in range(5)))
    await here.writes(code)
    assert await level(here) is Assurance.ANYONE
    [row] = await here.store.query("SELECT code_tries FROM link_txn")
    assert row["code_tries"] <= 5


async def test_09_an_expired_code(here: Site) -> None:
    code, browser, url = await to_code(here)
    here.clock.forward(300)
    assert (await browser.get(url)).heading == "This link has expired"
    await here.writes(code)
    assert await level(here) is Assurance.ANYONE
    assert await told(here) == ["expired"]
    assert ("link.expired", "code_late") in await here.audited()


async def test_10_a_code_used_again(here: Site) -> None:
    code, _, _ = await to_code(here)
    await here.writes(code)
    now = here.clock.now()
    await here.store.change(here.auth.login.unlink(address=here.address(ANA, "telegram"), now=now, reason="customer"))
    await here.writes(code)
    assert await level(here) is Assurance.ANYONE
    assert await told(here) == ["linked"]
    assert await here.notices() == ["host.code-wrong"]


async def test_34_the_same_message_delivered_three_times_is_one_try(here: Site) -> None:
    code, _, _ = await to_code(here)
    for _ in range(3):
        await here.writes(another(code), key="update-1")
    [row] = await here.store.query("SELECT code_tries FROM link_txn")
    assert row["code_tries"] == 1
    assert await here.notices() == ["host.code-wrong"]
    accepted = [await here.writes(code, key="update-2") for _ in range(3)]
    assert [one.fresh for one in accepted] == [True, False, False]
    assert len({(one.conversation, one.seq) for one in accepted}) == 1
    assert await told(here) == ["linked"]


async def test_34_a_code_and_its_message_stand_or_fall_together(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, _ = await to_code(here)
    real, calls = here.store.change, 0

    async def once_full(statements: Any, inbounds: Any = ()) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StoreUnavailable
        return await real(statements, inbounds)

    monkeypatch.setattr(here.store, "change", once_full)
    with pytest.raises(StoreUnavailable):
        await here.writes(code, key="update-1")
    assert await here.links() == []
    assert await here.store.query("SELECT text FROM inbound WHERE kind = 'message'") == []
    # The platform sends it again: link, message, signal and audit are one write.
    assert (await here.writes(code, key="update-1")).fresh
    assert calls == 2
    assert await level(here) is Assurance.KNOWN
    assert await told(here) == ["linked"]


@pytest.mark.promise("secret")
async def test_37_a_code_stands_nowhere(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    code, _, _ = await to_code(here)
    await here.writes(f"it says {code}")
    bare = code.replace("-", "")
    for table in ("inbound", "entry", "link_txn", "audit", "conversation"):
        held = str(await here.store.query(f"SELECT * FROM {table}"))
        assert code not in held
        assert bare not in held
    assert code not in caplog.text
    [row] = await here.store.query("SELECT text, data FROM inbound WHERE kind = 'message'")
    # "says" may be half of a code, too, with the first half of this one.
    assert row["text"] in ("it ••••-••••", "it says ••••-••••")
    assert row["data"] == '{"code":true}'


async def test_messages_are_left_alone_where_nobody_waits_for_a_code(here: Site) -> None:
    for text in ("my order is K7QM-2F9X", "actually", "it was goodness itself"):
        await here.writes(text)
    await to_code(here)
    await here.writes("actually, goodness")
    rows = await here.store.query("SELECT text FROM inbound WHERE kind = 'message' ORDER BY seq")
    texts = ["my order is K7QM-2F9X", "actually", "it was goodness itself", "actually, goodness"]
    assert [row["text"] for row in rows] == texts
    assert await here.notices() == []


async def test_an_approval_asks_for_no_code(here: Site) -> None:
    code, browser, _ = await to_code(here)
    await here.writes(code)
    standing = await here.auth.identity.standing(here.address(ANA, "telegram"), here.clock.now())
    _, url = await here.begin(
        ANA, "telegram", purpose="stepup", standing=standing, action="close", arguments={}, shown="Close it"
    )
    page = await browser.get(url)
    assert ">Approve<" in page.text
    assert (await browser.press(page)).heading == "Approved"


async def test_nobody_is_asked_to_type_the_code_on_a_page(here: Site) -> None:
    _, browser, url = await to_code(here)
    page = await browser.get(url)
    assert "will ever ask you for this code" in page.text
    assert "<form" not in page.text
    assert "readonly" in page.text
