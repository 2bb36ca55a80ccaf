"""Attacks on approvals: another person, another action, used twice, the link gone meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.errors import Conflict
from bot.model import Assurance
from bot.ports import Sql
from tests.attacks.site import SHOWN, Site

pytestmark = pytest.mark.promise("assured")


async def test_23_step_up_by_another_person(here: Site) -> None:
    browser = await here.link()
    here.clock.forward(600)
    _, url = await here.begin_step_up()
    page = await browser.sign_in(await browser.press(await browser.get(url)), "tom")
    assert page.heading == "That is another account"
    assert (await here.signals())[-1]["outcome"]["status"] == "other_person"
    assert await here.store.query("SELECT id FROM step_up_grant") == []
    standing = await here.standing()
    assert standing.person is not None and standing.person.customer_ref == "C-1001"


async def test_23_a_fresh_login_of_another_person_in_this_browser(here: Site) -> None:
    browser = await here.link("dl_ana", "ana")
    browser.cookies["chat"] = "dl_tom"
    await here.link("dl_tom", "tom", browser)
    # Tom's login is now the browser's; Ana's chat must not be approved by it.
    browser.cookies["chat"] = "dl_ana"
    _, url = await here.begin_step_up("dl_ana")
    page = await browser.get(url)
    assert ">Sign in and approve<" in page.text
    assert (await browser.press(page)).heading == "Who are you today?"


async def test_24_a_grant_is_used_once(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    await here.consume(grant, standing, "key-1")
    with pytest.raises(Conflict):
        await here.consume(grant, standing, "key-2")


async def test_24_a_grant_is_for_its_own_action_and_arguments(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    others: list[dict[str, Any]] = [
        {"arguments": {"mandate": "M1"}},
        {"arguments": {"mandate": "M2", "amount": 2300}},
        {"arguments": {}},
        {"action": "pay_bill"},
    ]
    for other in others:
        with pytest.raises(Conflict):
            await here.consume(grant, standing, **other)
    await here.consume(grant, standing)


async def test_24_a_grant_runs_out(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    here.clock.forward(300)
    with pytest.raises(Conflict):
        await here.consume(grant, standing)


async def test_24_a_grant_of_another_chat(here: Site) -> None:
    ana = await here.link("dl_ana", "ana")
    await here.link("dl_tom", "tom")
    grant = await here.approve(ana)
    with pytest.raises(Conflict):
        await here.consume(grant, await here.standing("dl_tom"))


async def test_25_unlink_between_confirm_and_execute(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    await here.store.change(here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer"))
    with pytest.raises(Conflict):
        await here.consume(grant, standing)


async def test_25_the_grant_alone_does_not_outlive_the_link(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    # However the link ended: the grant's own row still looks good.
    now = here.clock.now().timestamp()
    await here.run("UPDATE identity_link SET revoked_at = :now, version = version + 1", now=now)
    assert (await here.store.query("SELECT voided_at FROM step_up_grant"))[0]["voided_at"] is None
    with pytest.raises(Conflict):
        await here.consume(grant, standing)


async def test_25_an_approval_is_for_the_link_as_it_was_then(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    await here.run("UPDATE identity_link SET version = version + 1")
    # What is known of the link is of now, and right; only what was approved is older.
    with pytest.raises(Conflict):
        await here.consume(grant, await here.standing())


async def test_25_unlink_while_the_approval_is_open(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin_step_up()
    form = await browser.get(url)
    await here.store.change(here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer"))
    page = await browser.press(form)
    assert page.heading != "Approved"
    assert await here.store.query("SELECT id FROM step_up_grant") == []


async def test_25_unlink_ends_a_sign_in_that_is_open(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin()
    login = await browser.press(await browser.get(url))
    await here.store.change(here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer"))
    page = await browser.sign_in(login, "ana")
    assert page.heading == "This link no longer works"
    assert await here.links() == []


async def test_25_the_link_changes_while_the_approval_is_open(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin_step_up()
    form = await browser.get(url)
    await here.run("UPDATE identity_link SET version = version + 1")
    page = await browser.press(form)
    assert page.heading == "Nothing was approved"
    assert (await here.signals())[-1]["outcome"]["status"] == "expired"
    assert await here.store.query("SELECT id FROM step_up_grant") == []


async def test_34_pressed_twice_at_once_grants_once(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin_step_up()
    form = await browser.get(url)
    pages = await asyncio.gather(*(browser.press(form) for _ in range(4)))
    assert {page.heading for page in pages} == {"Approved"}
    assert len(await here.store.query("SELECT id FROM step_up_grant")) == 1
    assert [one["outcome"]["status"] for one in await here.signals()] == ["linked", "approved"]


async def test_34_a_crash_between_consumption_and_call(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    await here.consume(grant, standing, "key-1")
    here.clock.forward(3600)
    # The same effect goes on after the crash, however late; no other ever.
    await here.consume(grant, standing, "key-1")
    with pytest.raises(Conflict):
        await here.consume(grant, standing, "key-2")
    [row] = await here.store.query("SELECT used_by, used_at, granted_at FROM step_up_grant")
    assert (row["used_by"], row["used_at"]) == ("key-1", row["granted_at"])


async def test_34_two_workers_consume_at_once(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    outcomes = await asyncio.gather(
        *(here.consume(grant, standing, f"key-{n}") for n in range(5)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict"] * 4 + ["NoneType"]


async def test_a_refused_consumption_takes_the_whole_checkpoint_with_it(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    changes = here.auth.login.consume(
        grant=grant, action="pay_bill", arguments={}, standing=standing, key="k", now=here.clock.now()
    )
    with pytest.raises(Conflict):
        await here.store.change([Sql("DELETE FROM audit"), *changes])
    assert len(await here.audited()) > 0
    assert (await here.store.query("SELECT used_by FROM step_up_grant"))[0]["used_by"] is None


async def test_leaving_the_dialog_voids_the_grant(here: Site) -> None:
    browser = await here.link()
    grant = await here.approve(browser)
    standing = await here.standing()
    conversation = await here.store.conversation_of(here.address())
    [row] = await here.store.query("SELECT txn FROM step_up_grant")
    await here.store.change(
        here.auth.login.void(conversation=conversation, transaction=row["txn"], now=here.clock.now())
    )
    with pytest.raises(Conflict):
        await here.consume(grant, standing)


async def test_declined(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin_step_up()
    form = await browser.get(url)
    assert SHOWN in form.text
    assert (await browser.press(form, "no")).heading == "Nothing was changed"
    assert (await here.signals())[-1]["outcome"]["status"] == "declined"
    assert (await browser.press(form)).heading == "Nothing was changed"
    assert await here.store.query("SELECT id FROM step_up_grant") == []


async def test_the_approval_page_always_shows(here: Site) -> None:
    browser = await here.link()
    _, url = await here.begin_step_up()
    # A login a second ago satisfies the authentication; opening the page approves nothing.
    for _ in range(3):
        assert SHOWN in (await browser.get(url)).text
    assert await here.store.query("SELECT id FROM step_up_grant") == []


async def test_a_login_too_old_to_approve_with_is_forgotten(here: Site) -> None:
    await here.link()
    await here.auth.sweep()
    assert len(await here.store.query("SELECT sub FROM browser_login")) == 1
    here.clock.forward(300)
    await here.auth.sweep()
    assert await here.store.query("SELECT sub FROM browser_login") == []


async def test_no_approval_without_a_link(here: Site) -> None:
    with pytest.raises(Conflict):
        await here.begin_step_up()


async def test_levels_fall_with_time(here: Site) -> None:
    await here.link()
    assert (await here.standing()).level is Assurance.KNOWN
    here.clock.forward(15 * 60 + 1)
    assert (await here.standing()).level is Assurance.LINKED
    # Writing again does not bring it back; only a login does.
    here.clock.forward(1)
    assert (await here.standing()).level is Assurance.LINKED
    await here.link()
    for _ in range(73):
        assert (await here.standing()).level is Assurance.KNOWN
        here.clock.forward(600)
    # Twelve hours after the login, however busy the chat.
    assert (await here.standing()).level is Assurance.LINKED
    here.clock.forward(181 * 86400)
    assert (await here.standing()).level is Assurance.ANYONE
