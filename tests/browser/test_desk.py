"""The agents' console in Chromium, against a desk without an engine: what an agent sees and does, and what never
reaches a customer."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from desk.console import ConsoleConfig, document
from tests.browser.desk_data import ago, ahead
from tests.browser.desk_scene import AMARA, TOM, scene
from tests.browser.fake_desk import FakeDesk
from tests.browser.launched import VENDOR
from tests.browser.site import allowed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PRIYA = {"id": "priya", "name": "Priya Shah"}
SHOTS = os.environ.get("PARLEY_SHOTS")
Open = Callable[..., Awaitable[Page]]

# What the page tells the desktop, kept where a test can read it.
RECORD = """
    window.told = [];
    window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, options) { window.told.push({ title, ...options, at: Date.now() }); window.last = this; }
        close() {}
    };
"""


@pytest_asyncio.fixture(loop_scope="module")
async def desk() -> AsyncIterator[FakeDesk]:
    desk = FakeDesk()
    await desk.start()
    yield desk
    await desk.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, desk: FakeDesk) -> AsyncIterator[Open]:
    """Opens the desk as an agent; afterwards no page may have thrown, or broken its own content security policy."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # Chromium logs each refused call by itself; the tests cause those on purpose.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            wrong.append(message.text)

    async def visit(agent: str = "priya", case: str = "", *, width: int = 1280, height: int = 800, **more: Any) -> Page:
        context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", **more)
        context.set_default_timeout(8_000)
        contexts.append(context)
        await context.add_init_script(RECORD)
        page = await context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda problem: wrong.append(str(problem)))
        await page.goto(f"{desk.url}/desk/login?as={agent}" + (f"#case/{case}" if case else ""))
        await desk.heard(agent, case)
        if case:
            await expect(page.locator(".talk-head")).to_be_visible()
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert wrong == []


def hold(desk: FakeDesk, case: str = "c1", **item: Any) -> None:
    desk.add(case, **{"state": "held", "holder": PRIYA, **item})


def box(page: Page) -> Locator:
    return page.locator("#text")


async def write(page: Page, text: str) -> None:
    await box(page).fill(text)
    await box(page).press("Enter")


def said(page: Page, who: str) -> Locator:
    return page.locator(f".said.{who} .bubble")


# What is served -----------------------------------------------------------------------------------------------------


async def test_the_document_escapes_what_a_brand_says() -> None:
    text = document(ConsoleConfig(brand={"name": "</script><b>'\"{{config}}", "theme": '"><script>'}))
    assert text.count("<script") == text.count("</script>") == 2
    assert "<b>" not in text


async def test_the_policy_is_strict_and_nothing_comes_from_elsewhere(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    answer = await page.request.get(desk.url + "/desk")
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|\son\w+=|\sstyle=", await answer.text())
    loaded = await page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(loaded) > 15
    assert [name for name in loaded if not name.startswith(desk.url)] == []
    assert await page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


# The queue ----------------------------------------------------------------------------------------------------------


async def test_an_empty_queue_says_so_kindly(visit: Open, desk: FakeDesk) -> None:
    page = await visit()
    await expect(page.get_by_role("navigation", name="Queue")).to_contain_text("All quiet")
    await page.get_by_label("Your status").select_option("away")
    await expect(page.get_by_role("navigation", name="Queue")).to_contain_text("You are away")
    assert desk.posted("presence") == [{"state": "away"}]


async def test_the_queue_stands_in_the_servers_order_with_reason_time_and_channel(visit: Open, desk: FakeDesk) -> None:
    desk.add(
        "a", reason_label="Danger", urgency=3, since=ago(5), followers=120_000, spend="£900", tariff="Unlimited Max"
    )
    desk.add("b", reason_label="Disputes a charge", channel="messenger", since=ago(600), at_risk=True, offered_to=PRIYA)
    desk.add("c", since=ago(61), viewers=[{**TOM, "typing": False}])
    page = await visit()
    queue = page.get_by_role("navigation", name="Queue")
    await expect(queue.locator(".item strong")).to_have_text(["Danger", "Disputes a charge", "Asked for a person"])
    await expect(queue.locator(".item").nth(0)).to_contain_text("At once")
    await expect(queue.locator(".item").nth(1)).to_contain_text("Customer ending 01, Messenger")
    await expect(queue.locator(".item").nth(1).locator(".wait")).to_contain_text("10 min")
    await expect(queue.locator(".item").nth(1)).to_contain_text("For you")
    await expect(queue.locator(".item").nth(2)).to_contain_text("Tom Reed")
    text = await page.locator("body").inner_text()
    for never in ("120", "900", "Unlimited"):
        assert never not in text
    await expect(page).to_have_title("(3) Larkspur Mobile desk")


async def test_a_waiting_time_goes_on_by_itself(visit: Open, desk: FakeDesk) -> None:
    desk.add("a", since=ago(58))
    page = await visit()
    await expect(page.locator(".wait")).to_contain_text("59 s")
    await expect(page.locator(".wait")).to_contain_text("1 min")


# One conversation ---------------------------------------------------------------------------------------------------


async def test_taking_it_answering_and_hearing_back(visit: Open, desk: FakeDesk) -> None:
    desk.add("c1")
    desk.line("c1", "customer", "I need a person")
    page = await visit(case="c1")
    await expect(box(page)).to_have_count(0)
    await page.get_by_role("button", name="Take it").first.click()
    await expect(box(page)).to_be_focused()
    await write(page, "Hello, I’m Priya. <b>How</b> can I help?")
    await expect(said(page, "person")).to_have_text("Hello, I’m Priya. <b>How</b> can I help?")
    await expect(page.locator(".said.person .when")).to_contain_text("Sent")
    assert [one["text"] for one in desk.posted("say")] == ["Hello, I’m Priya. <b>How</b> can I help?"]
    desk.line("c1", "customer", "<img src=x onerror=alert(1)>")
    await expect(said(page, "customer").last).to_have_text("<img src=x onerror=alert(1)>", timeout=allowed(1) * 1000)
    await expect(said(page, "person")).to_have_count(1)
    async with asyncio.timeout(15):
        while not desk.posted("seen") or desk.posted("seen")[-1]["pos"] != 3:
            await page.wait_for_timeout(50)


async def test_the_whole_log_over_all_channels_with_who_spoke(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(case="m1")
    log = page.get_by_role("log")
    await expect(log.locator(".crossing")).to_have_text(["On Messenger"])
    await expect(log.locator(".day")).to_have_count(2)
    await expect(log.locator(".said.withheld")).to_contain_text("Not sent: a person holds the conversation")
    await expect(log.locator(".said.private")).to_contain_text("Private note")
    await expect(log.locator(".card-title")).to_have_text("Home broadband")
    await expect(log.get_by_role("link", name="letter.pdf")).to_be_visible()
    await expect(log.locator(".state.bad")).to_contain_text("this person isn’t available right now (551)")
    await expect(log.get_by_role("button", name="Home broadband, £31.00")).to_have_count(0)
    await log.get_by_role("button", name="Show earlier messages").click()
    await expect(said(page, "customer").first).to_have_text("An earlier question")


async def test_the_panel_says_who_what_for_and_where_it_stands(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(case="m1")
    panel = page.get_by_role("region", name="About this conversation")
    await expect(panel.locator(".summary li")).to_have_count(3)
    for fact in (
        "Customer ending 02", "Signed in, 9 min ago", "Cancel a Direct Debit", "sure", "Home broadband",
        "“cancel my direct debit”", "GW-2210", "by Amara", "locked until 3 December", "LM-7QX21AB",
        "Cancelling: the mandate is locked",
    ):  # fmt: skip
        await expect(panel).to_contain_text(fact)


async def test_a_reply_that_fails_is_tried_again_under_its_own_key(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    desk.faults = [500]
    await write(page, "One moment")
    await expect(page.locator(".state.bad")).to_contain_text("The desk is busy.")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".state.bad")).to_have_count(0)
    await expect(said(page, "person")).to_have_text(["One moment"])
    desk.faults = [503]
    await write(page, "Back now")
    await expect(said(page, "person")).to_have_text(["One moment", "Back now"])
    await expect(page.locator(".state")).to_have_count(0)
    assert [one["text"] for one in desk.posted("say")] == ["One moment", "Back now"]


async def test_what_the_platform_says_later_is_shown_at_the_line(visit: Open, desk: FakeDesk) -> None:
    hold(desk, channel="messenger")
    page = await visit(case="c1")
    await write(page, "Hello")
    await expect(page.locator(".said.person .when")).to_be_visible()
    ref = desk.cases["c1"]["lines"][0]["ref"]
    desk.line("c1", "system", kind="receipt", ref=ref, status="dead", reason="outside the 24 h window (10)")
    await expect(page.locator(".state.bad")).to_have_text("Not delivered: outside the 24 h window (10)")
    await expect(page.locator(".said")).to_have_count(1)


# Notes --------------------------------------------------------------------------------------------------------------


async def test_a_note_has_its_own_look_and_text_and_goes_to_colleagues_alone(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await box(page).fill("a reply begun")
    plain = await page.locator(".composer").evaluate("(one) => getComputedStyle(one).backgroundColor")
    await page.get_by_role("button", name="Private note").click()
    await expect(box(page)).to_have_value("")
    await expect(page.get_by_role("button", name="Save note")).to_be_visible()
    await expect(page.get_by_role("button", name="Send", exact=True)).to_have_count(0)
    assert await page.locator(".composer").evaluate("(one) => getComputedStyle(one).backgroundColor") != plain
    await write(page, "he sounds upset, be gentle")
    await expect(page.locator(".said.private")).to_contain_text("only colleagues see it")
    await expect(page.get_by_role("button", name="Save note")).to_be_visible()
    await page.get_by_role("button", name="Reply", exact=True).click()
    await expect(box(page)).to_have_value("a reply begun")
    assert [one["text"] for one in desk.posted("note")] == ["he sounds upset, be gentle"]
    assert desk.posted("say") == []


async def test_what_looks_like_a_note_is_not_sent_before_it_is_confirmed(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    notes = ["note: he is lying", "@Tom have a look", "FYI angry customer", "for the team: no credit", "Internal: wait"]
    replies = ["Note that your bill is due.", "I’ll notify you", "Write to me@example.com", "For the record, yes"]
    look = "async (all) => { const { likeNote } = await import('/desk/console/canned.js'); return all.map(likeNote); }"
    assert await page.evaluate(look, notes) == [True] * len(notes)
    assert await page.evaluate(look, replies) == [False] * len(replies)
    await write(page, notes[0])
    window = page.get_by_role("dialog", name="Send this to the customer?")
    await expect(window).to_contain_text(notes[0])
    assert desk.posted("say") == []
    await window.get_by_role("button", name="Save it as a note instead").click()
    await expect(page.locator(".said.private")).to_contain_text(notes[0])
    await expect(page.get_by_role("button", name="Save note")).to_be_visible()
    assert desk.posted("say") == []


async def test_the_first_reply_after_a_note_is_confirmed(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await page.keyboard.press("n")
    await write(page, "checked with billing")
    await page.get_by_role("button", name="Reply", exact=True).click()
    await write(page, "It is sorted.")
    window = page.get_by_role("dialog", name="Send this to the customer?")
    await expect(window.get_by_role("button", name="Cancel")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(box(page)).to_have_value("It is sorted.")
    assert desk.posted("say") == []
    await box(page).press("Enter")
    await window.get_by_role("button", name="Send to the customer").click()
    await expect(said(page, "person")).to_have_text("It is sorted.")
    await write(page, "Anything else?")
    await expect(said(page, "person")).to_have_count(2)
    assert [one["text"] for one in desk.posted("say")] == ["It is sorted.", "Anything else?"]


async def test_a_lead_may_leave_a_note_in_a_colleagues_conversation_and_nothing_else(
    visit: Open, desk: FakeDesk
) -> None:
    hold(desk)
    page = await visit("amara", "c1")
    await expect(page.locator(".notices")).to_contain_text("Priya Shah has this conversation.")
    await expect(page.get_by_role("button", name="Reply", exact=True)).to_have_count(0)
    await page.keyboard.press("r")
    await write(page, "well handled")
    await expect(page.locator(".said.private")).to_contain_text("well handled")
    assert [path for _, path, _ in desk.posts if path.endswith(("say", "note"))] == ["cases/c1/note"]


async def test_a_sign_in_in_another_tab_does_not_cost_the_next_reply(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    other = await page.context.new_page()
    await other.goto(f"{desk.url}/desk/login?as=priya")
    await other.close()
    await write(page, "still here")
    await expect(said(page, "person")).to_have_text(["still here"])
    assert [one["text"] for one in desk.posted("say")] == ["still here"]


async def test_each_conversation_keeps_its_own_drafts(visit: Open, desk: FakeDesk) -> None:
    hold(desk, "c1")
    hold(desk, "c2", reason_label="Fault")
    page = await visit(case="c1")
    await page.keyboard.press("n")
    await box(page).fill("only for c1")
    await page.locator(".item", has_text="Fault").click()
    await expect(page.locator(".talk-head h2")).to_have_text("Fault")
    await expect(box(page)).to_have_value("")
    await expect(page.locator(".composer.reply")).to_be_visible()
    await page.go_back()
    await expect(box(page)).to_have_value("only for c1")
    await expect(page.locator(".composer.note")).to_be_visible()


# Saved replies, files -----------------------------------------------------------------------------------------------


async def test_a_saved_reply_is_filled_in_and_not_sent_with_a_gap(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await page.keyboard.press("/")
    await expect(box(page)).to_be_focused()
    options = page.get_by_role("listbox", name="Saved replies").get_by_role("option")
    await expect(options).to_have_count(3)
    await page.keyboard.type("he")
    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(box(page)).to_have_value("Hello {first}, I’m Priya. Your reference is LM-C100000.")
    marked = "(box) => box.value.slice(box.selectionStart, box.selectionEnd)"
    async with asyncio.timeout(15):
        while await box(page).evaluate(marked) != "{first}":
            await page.wait_for_timeout(20)
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_have_text("Fill in {first} before you send.")
    assert desk.posted("say") == []
    await page.keyboard.type("Mrs Hale")
    await page.keyboard.press("Enter")
    await expect(said(page, "person")).to_have_text("Hello Mrs Hale, I’m Priya. Your reference is LM-C100000.")


async def test_saved_replies_can_be_added(visit: Open, desk: FakeDesk) -> None:
    page = await visit()
    await page.keyboard.press("?")
    await page.get_by_role("button", name="Saved replies").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Shared; leads edit it")
    await page.get_by_role("button", name="Add a saved reply").click()
    await page.get_by_label("Short name").fill("bye")
    await page.get_by_label("Title").fill("Goodbye")
    await page.get_by_label("Text").fill("Goodbye from {agent}.")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("/bye")
    bye = {"id": None, "shortcut": "bye", "title": "Goodbye", "text": "Goodbye from {agent}.", "shared": False}
    assert desk.posted("replies") == [bye]


async def test_a_file_goes_up_first_and_out_with_the_reply(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    chosen = page.get_by_label("Attach a file")
    await chosen.set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": b"x" * 2_001})
    await expect(page.locator(".toast")).to_have_text("big.png is larger than 2 kB.")
    await chosen.set_input_files({"name": "bad.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})
    await expect(page.locator(".toast")).to_contain_text("pictures, PDF and plain text only")
    await chosen.set_input_files({"name": "bill.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
    await expect(page.locator(".chips")).to_contain_text("bill.png")
    await write(page, "Here it is.")
    await expect(page.locator(".chips")).to_have_count(0)
    await expect(said(page, "person")).to_have_text("Here it is.")
    assert [(one["text"], one["file"]) for one in desk.posted("say")] == [("Here it is.", "f1")]


# Being told, and being two ------------------------------------------------------------------------------------------


async def test_a_desktop_notification_within_a_second_without_a_customers_words(visit: Open, desk: FakeDesk) -> None:
    page = await visit()
    desk.add("w1")
    desk.line("w1", "customer", "my secret trouble")
    begun = time.time()
    told = {"kind": "waiting", "case": "w1", "title": "Somebody is waiting", "text": "Asked for a person, Web chat"}
    desk.tell("priya", "notify", told)
    async with asyncio.timeout(15):
        while not (shown := await page.evaluate("window.told")):
            await page.wait_for_timeout(20)
    (one,) = shown
    assert one["at"] / 1000 - begun < allowed(1)
    assert (one["title"], one["body"]) == ("Somebody is waiting", "Asked for a person, Web chat")
    await page.evaluate("window.last.onclick()")
    await expect(page.locator(".talk-head")).to_contain_text("Asked for a person")
    # What is on the screen already needs no notification.
    await page.bring_to_front()
    desk.tell("priya", "notify", {**told, "kind": "message"})
    desk.line("w1", "customer", "still there?")
    await expect(said(page, "customer")).to_have_count(2)
    assert await page.evaluate("window.told.length") == 1


async def test_two_agents_see_each_other_and_only_one_gets_it(visit: Open, desk: FakeDesk) -> None:
    desk.add("c1")
    priya, tom = await visit("priya", "c1"), await visit("tom", "c1")
    await expect(priya.locator(".collision")).to_have_text("Tom Reed is looking at this too.")
    await expect(tom.locator(".collision")).to_have_text("Priya Shah is looking at this too.")
    desk.listeners[:] = [one for one in desk.listeners if one.agent != "tom"]  # Tom's page does not hear of it in time
    await priya.keyboard.press("c")
    await expect(box(priya)).to_be_focused()
    await tom.keyboard.press("c")
    await expect(tom.locator(".toast")).to_contain_text("Priya Shah")
    await expect(box(tom)).to_have_count(0)
    await box(priya).press_sequentially("Hel")
    async with asyncio.timeout(15):
        while not any(one["typing"] for one in desk.posted("viewing")):
            await priya.wait_for_timeout(50)
    desk.change("c1", viewers=[{**TOM, "typing": True}])
    await expect(priya.locator(".collision")).to_contain_text("Tom Reed is writing in this conversation")
    desk.tell("priya", "typing", {"case": "c1", "who": "customer", "name": "", "on": True})
    await expect(priya.locator(".typing-line")).to_have_text("The customer is typing…")


async def test_a_case_that_is_gone_leaves_the_screen(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    desk.cases["c1"]["item"].update(holder=TOM)
    desk.tell(
        "priya", "notify", {"kind": "gone", "case": "c1", "title": "Reassigned", "text": "LM-C100000 went to Tom."}
    )
    await expect(page.locator(".talk-head")).to_have_count(0)
    await expect(page.locator(".toast")).to_contain_text("Tom")


# Passing it on ------------------------------------------------------------------------------------------------------


async def test_back_to_the_bot_shows_the_very_line_first(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(case="m1")
    await page.keyboard.press("b")
    window = page.get_by_role("dialog", name="Back to the bot")
    preview = window.locator("[data-preview]")
    await expect(preview).to_have_text("Priya has handed you back to me. Let’s go on where we were.")
    await expect(window.get_by_label("Go on where it stood")).to_be_checked()
    await expect(window.locator(".preview.then")).to_have_text("Cancel Home broadband, £31.00 a month?")
    await window.get_by_label("Close the conversation").check()
    await expect(preview).to_have_text("Priya has closed this conversation. Write any time.")
    await window.get_by_label("Start a dialog").check()
    await expect(preview).to_have_text("Priya has handed you back to me, to cancel a Direct Debit.")
    await window.get_by_role("combobox", name="Dialog").select_option("bill")
    await expect(preview).to_have_text("Priya has handed you back to me, to look at your bill.")
    await window.get_by_label("Go on where it stood").check()
    await window.get_by_role("button", name="Hand back").click()
    await expect(page.locator(".toast")).to_have_text("LM-9TR4K2A is back with the bot.")
    await expect(page.locator(".talk-head")).to_have_count(0)
    (sent,) = desk.posted("return")
    assert (sent["how"], sent["dialog"], sent["answers"]) == ("resume", None, {})


async def test_offering_a_dialog_is_one_key_and_enter_with_the_answers_filled_in(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(case="m1")
    await page.keyboard.press("o")
    window = page.get_by_role("dialog", name="Offer a dialog to the customer")
    await expect(window.get_by_label("Which service")).to_have_value("Home broadband")
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_have_text("Offered: Cancel a Direct Debit.")
    (sent,) = desk.posted("offer")
    assert (sent["dialog"], sent["answers"]) == ("cancel_direct_debit", {"service": "Home broadband"})
    await expect(page.locator(".talk-head")).to_be_visible()


async def test_an_act_says_its_limit_and_asks_a_lead_above_it(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await page.keyboard.press("g")
    window = page.get_by_role("dialog", name="Act for Larkspur Mobile")
    await expect(window).to_contain_text("Your limit is £20.00.")
    await window.get_by_label("Amount in pounds").fill("12,50")
    await window.get_by_label("Reason").fill("Missed visit")
    await window.get_by_role("button", name="Do it").click()
    await expect(page.locator(".toast")).to_have_text("Done. Reference GW-1001.")
    desk.act_answer = {"status": "waiting_approval", "reference": None, "approval": None}
    await page.get_by_role("button", name="Goodwill credit").click()
    await window.get_by_label("Amount in pounds").fill("nothing")
    await window.get_by_label("Reason").fill("Third missed visit")
    await window.get_by_role("button", name="Do it").click()
    await expect(window.get_by_role("alert")).to_have_text("Write an amount, like 12.50.")
    await window.get_by_label("Amount in pounds").fill("£50")
    await expect(window).to_contain_text("This is above your limit of £20.00.")
    await window.get_by_role("button", name="Ask a lead").click()
    await expect(page.locator(".toast")).to_have_text("A lead has been asked to approve it.")
    assert [(one["amount"], one["reason"]) for one in desk.posted("act")] == [
        (1250, "Missed visit"),
        (5000, "Third missed visit"),
    ]
    assert len({one["key"] for one in desk.posted("act")}) == 2


async def test_an_act_whose_answer_is_lost_is_not_done_twice(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await page.keyboard.press("g")
    await page.get_by_label("Amount in pounds").fill("5")
    await page.get_by_label("Reason").fill("Missed visit")
    desk.faults = [500]
    await page.get_by_role("button", name="Do it").click()
    await expect(page.locator(".toast")).to_have_text("The desk is busy.")
    await page.get_by_role("button", name="Do it").click()
    await expect(page.locator(".toast")).to_have_text("Done. Reference GW-1001.")
    assert len(desk.posted("act")) == 1


async def test_a_lead_decides_and_sees_the_figures(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit("amara")
    await page.get_by_role("link", name="Figures").click()
    await expect(page.locator(".tile").first).to_contain_text("Waiting now")
    await expect(page.get_by_role("table")).to_have_count(4)
    await expect(page.get_by_role("region", name="By reason")).to_contain_text("Asked for a person")
    await page.get_by_role("button", name="Approve / Decline").click()
    window = page.get_by_role("dialog", name="Goodwill credit, £50.00")
    await expect(window).to_contain_text("Third engineer visit missed")
    await window.get_by_role("button", name="Approve", exact=True).click()
    await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert desk.posted("approvals/a1") == [{"decision": "approve", "reason": ""}]


async def test_an_agent_has_no_figures(visit: Open, desk: FakeDesk) -> None:
    page = await visit("priya")
    await expect(page.get_by_role("link", name="Figures")).to_have_count(0)
    await page.goto(desk.url + "/desk#figures")
    await expect(page.get_by_role("navigation", name="Queue")).to_be_visible()
    await expect(page.locator(".figures")).to_have_count(0)


async def test_transfer_snooze_and_resolve(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await page.keyboard.press("z")
    await page.get_by_role("button", name="Snooze", exact=True).last.click()
    await expect(page.locator(".notices")).to_contain_text("Snoozed until")
    await expect(page.locator(".queue")).to_contain_text("Snoozed")
    hold(desk, "c2")
    await page.goto(desk.url + "/desk#case/c2")
    await expect(page.locator(".talk-head")).to_contain_text("LM-C200000")
    await page.keyboard.press("t")
    line = page.locator("[data-preview]")
    await expect(line).to_have_text("Priya is passing you to a colleague.")
    await page.get_by_label("Tom Reed").check()
    await page.get_by_label("Note for whoever takes it (private)").fill("knows the case")
    await page.get_by_role("button", name="Transfer", exact=True).last.click()
    await expect(page.locator(".toast")).to_have_text("LM-C200000 is handed on.")
    (sent,) = desk.posted("c2/transfer")
    assert (sent["to_agent"], sent["to_skill"], sent["note"]) == ("tom", None, "knows the case")
    hold(desk, "c3")
    await page.goto(desk.url + "/desk#case/c3")
    await expect(page.locator(".talk-head")).to_contain_text("LM-C300000")
    await page.keyboard.press("e")
    await expect(line).to_have_text("Priya has left the chat.")
    await page.get_by_label("Spam or abuse").check()
    await expect(line).to_have_count(0)
    await page.get_by_role("button", name="Resolve", exact=True).last.click()
    await expect(page.locator(".toast")).to_have_text("LM-C300000 is resolved.")
    (done,) = desk.posted("resolve")
    assert (done["silent"], done["spam"]) == (True, True)


# The platform's window ----------------------------------------------------------------------------------------------


async def test_the_reply_window_counts_down_and_shuts_the_box(visit: Open, desk: FakeDesk) -> None:
    hold(desk, channel="messenger")
    context = desk.cases["c1"]["context"]
    context["window"]["closes_at"] = ahead(11_000)
    page = await visit(case="c1")
    await expect(page.locator(".notices")).to_contain_text("Messenger lets you reply for another 3 h 03 min.")
    context["window"].update(state="closed", closes_at=None)
    desk.tell_context("c1")
    await expect(page.locator(".notices")).to_contain_text("Nothing can be sent until the customer writes again.")
    await expect(box(page)).to_be_disabled()
    await page.get_by_role("button", name="Private note").click()
    await expect(box(page)).to_be_enabled()
    context["window"].update(human_agent=True, human_agent_until=ahead(400_000))
    desk.tell_context("c1")
    await page.get_by_role("button", name="Reply", exact=True).click()
    await expect(box(page)).to_be_enabled()
    await expect(page.locator(".notices")).to_contain_text("A person may still reply for 4 days.")


# Keys, losses, looks ------------------------------------------------------------------------------------------------


async def test_everything_by_keyboard_and_single_keys_can_be_turned_off(visit: Open, desk: FakeDesk) -> None:
    hold(desk, "c1")
    desk.add("c2", reason_label="Fault")
    page = await visit()
    head = page.locator(".talk-head h2")
    await page.keyboard.press("j")
    await expect(head).to_have_text("Asked for a person")
    await page.keyboard.press("j")
    await expect(head).to_have_text("Fault")
    await page.keyboard.press("k")
    await expect(head).to_have_text("Asked for a person")
    await page.keyboard.press("r")
    await expect(box(page)).to_be_focused()
    await page.keyboard.type("jobs")  # a letter in the box is a letter
    await expect(box(page)).to_have_value("jobs")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("log")).to_be_focused()
    await page.keyboard.press("?")
    window = page.get_by_role("dialog", name="Keyboard")
    await expect(window).to_contain_text("Next conversation")
    await window.get_by_label("Single keys").uncheck()
    await page.keyboard.press("Escape")
    await expect(window).to_be_hidden()
    await page.keyboard.press("j")
    await page.keyboard.press("e")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(head).to_have_text("Asked for a person")
    await page.reload()
    await expect(head).to_have_text("Asked for a person")
    await page.keyboard.press("?")
    await expect(window).to_be_hidden()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(window.get_by_label("Single keys")).not_to_be_checked()


async def test_a_restart_loses_no_line(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await box(page).fill("half a sentence")
    desk.down = True
    await desk.drop()
    await expect(page.locator(".notices")).to_contain_text("Reconnecting")
    desk.line("c1", "customer", "said meanwhile")
    desk.down = False
    await expect(said(page, "customer")).to_have_text("said meanwhile")
    await expect(page.locator(".notices")).not_to_contain_text("Reconnecting")
    await expect(box(page)).to_have_value("half a sentence")


async def test_a_session_that_ends_keeps_what_was_being_written(visit: Open, desk: FakeDesk) -> None:
    hold(desk)
    page = await visit(case="c1")
    await box(page).fill("half a sentence")
    desk.signed_out = True
    await desk.drop()
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in").click()
    await (await opened.value).close()
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(box(page)).to_have_value("half a sentence")


async def _violations(page: Page, part: str) -> list[str]:
    # Through the debugger, which the page's policy does not forbid.
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate((VENDOR / "axe.min.js").read_text(encoding="utf-8") + "; undefined")
    found = await page.evaluate("(part) => axe.run(part, { resultTypes: ['violations'] })", part)
    assert len(found["passes"]) > 6
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


async def _looks_right(page: Page, name: str, part: str = "html") -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))
    assert await _violations(page, part) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (375, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.long),
        pytest.param(375, "light", marks=pytest.mark.long),
    ],
)
async def test_axe_finds_nothing_and_nothing_is_cut_off(visit: Open, desk: FakeDesk, width: int, scheme: str) -> None:
    name = f"desk-{width}-{scheme}"
    page = await visit("amara", width=width, height=800 if width > 400 else 740, color_scheme=scheme)
    await _looks_right(page, f"{name}-empty")
    scene(desk, AMARA)
    await expect(page.locator(".item").first).to_be_visible()
    await _looks_right(page, f"{name}-queue")
    await page.goto(desk.url + "/desk#case/m1")
    await expect(page.locator(".said").last).to_be_visible()
    await _looks_right(page, f"{name}-talk")
    if width < 400:
        await page.get_by_role("button", name="Details").last.click()
        await expect(page.locator(".info .summary")).to_be_visible()
        await _looks_right(page, f"{name}-details")
        await page.go_back()
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.keyboard.type("She is the account holder’s mother.")
    await _looks_right(page, f"{name}-note")
    await page.get_by_role("button", name="Reply", exact=True).click()
    await page.keyboard.type("/h")
    await _looks_right(page, f"{name}-replies")
    await box(page).fill("")
    await box(page).press("Escape")
    for key in "bogtez?":
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_be_visible()
        await _looks_right(page, f"{name}-window-{'help' if key == '?' else key}", "dialog.ask")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.goto(desk.url + "/desk#figures")
    await expect(page.locator(".tile").first).to_be_visible()
    await _looks_right(page, f"{name}-figures")


async def test_a_phone_shows_one_pane_at_a_time_and_goes_back(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(width=375, height=700)
    await expect(page.locator(".talk")).to_be_hidden()
    await page.locator(".item", has_text="Direct Debit locked").click()
    await expect(page.locator(".queue")).to_be_hidden()
    await expect(page.locator(".talk-head h2")).to_be_focused()
    await page.get_by_role("button", name="Details").last.click()
    await expect(page.locator(".talk")).to_be_hidden()
    await page.go_back()
    await page.go_back()
    await expect(page.locator(".queue")).to_be_visible()


SMALL = """() => [...document.querySelectorAll("button, a.button, select, label.option, textarea, [role=option]")]
    .filter((one) => one.checkVisibility() && !one.closest(".hidden"))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, { width, height }]) => width && Math.min(width, height) < 44)
    .map(([one, { width, height }]) => `${width} x ${height}: ${one.outerHTML.slice(0, 80)}`)"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [375, 768])
async def test_everything_a_finger_presses_is_44_px_and_the_page_itself_never_scrolls(
    visit: Open, desk: FakeDesk, width: int
) -> None:
    scene(desk, AMARA)
    page = await visit("amara", "m1", width=width, height=740, has_touch=True, is_mobile=True)
    await expect(page.locator(".said").last).to_be_visible()
    assert await page.evaluate(SMALL) == []
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    await box(page).fill("/h")
    assert await page.evaluate(SMALL) == []
    await box(page).fill("")
    await box(page).press("Escape")
    for key in "bogtez":
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await page.evaluate(SMALL) == [], key
        await page.keyboard.press("Escape")
    await page.goto(desk.url + "/desk#figures")
    await expect(page.locator(".tile").first).to_be_visible()
    assert await page.evaluate(SMALL) == []


async def test_forced_colours_and_less_motion(visit: Open, desk: FakeDesk) -> None:
    scene(desk, PRIYA)
    page = await visit(case="m1", forced_colors="active", reduced_motion="reduce")
    edge = "(one) => getComputedStyle(one).borderTopWidth !== '0px' && getComputedStyle(one).borderTopStyle !== 'none'"
    for kind in ("customer", "person", "private", "bot"):
        assert await page.locator(f".said.{kind} .bubble").first.evaluate(edge), kind
