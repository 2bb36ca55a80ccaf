"""The chat page in Chromium, against a scripted endpoint: what a customer sees and hears, and what never happens."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)

from adapters.webchat.page import PageConfig, document
from bot.web.ui import FOLDER
from tests.browser.fake_directline import LARKSPUR, Activity, FakeDirectLine
from tests.browser.launched import VENDOR
from tests.browser.site import allowed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[FakeDirectLine]:
    server = FakeDirectLine()
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, server: FakeDirectLine) -> AsyncIterator[Open]:
    """Opens the page; afterwards no page may have thrown, or broken its own content security policy."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # Chromium logs each refused call and socket by itself; the tests cause those on purpose.
        noise = ("Failed to load resource", "WebSocket connection to")
        if message.type in ("error", "warning") and not message.text.startswith(noise):
            wrong.append(message.text)

    async def visit(
        path: str = "/chat", *, width: int = 1000, height: int = 800, beside: Page | None = None, **options: Any
    ) -> Page:
        if beside:
            context = beside.context
        else:
            viewport: ViewportSize = {"width": width, "height": height}
            context = await browser.new_context(viewport=viewport, locale="en-GB", **options)
            context.set_default_timeout(8_000)
            contexts.append(context)
        page = await context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda problem: wrong.append(str(problem)))
        await page.goto(server.url + path)
        if path == "/chat":
            await expect(page.locator(".log")).to_have_attribute("aria-busy", "false")
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert wrong == []


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.get_by_role("button", name="Send", exact=True).click()


def bubbles(page: Page, who: str) -> Any:
    return page.locator(f".said.{who} .bubble:not(.dots)")


async def converse(server: FakeDirectLine) -> None:
    """A conversation with everything in it that a message can be."""
    before = datetime.now(UTC) - timedelta(days=1)
    mine = {"type": "message", "text": "Why is my bill higher?", "channelData": {"clientActivityID": "a1"}}
    await server.push(mine, role="user", at=before)
    expired = {"title": "Sign in", "url": "/approve", "expired": True}
    await server.say("Sign in.", attachments=[{"contentType": "application/vnd.parley.link", "content": expired}])
    bill = {"title": "October bill", "text": "Due 30 November", "rows": [["Plan", "£47.00"], ["Total", "£61.20"]]}
    await server.say("£14.20 more.", attachments=[{"contentType": "application/vnd.parley.card", "content": bill}])
    cards = {"cards": [bill, {**bill, "title": "September bill"}]}
    await server.say("Both:", attachments=[{"contentType": "application/vnd.parley.items", "content": cards}])
    await server.ask("o1", "What next?", "See the calls", "Get the PDF")
    taken = {"type": "message", "text": "Get the PDF", "channelData": {"clientActivityID": "a2"}}
    await server.push(taken, role="user")
    await server.spent("o1", "o1:1")
    pdf = {"contentType": "application/pdf", "contentUrl": "/bill.pdf", "name": "October.pdf", "size": 48_213}
    await server.say("Here it is.", attachments=[pdf])
    await server.say("Priya has joined.", speaker="system")
    await server.say("Hello, I’m Priya.", speaker="person", author="Priya")
    await server.ask("o2", "Cancel it? See https://larkspur.example/help.", "Yes, cancel it", "No, keep it")
    link = {"title": "Approve", "url": "/approve", "expired": False}
    await server.say("Approve it.", attachments=[{"contentType": "application/vnd.parley.link", "content": link}])


# What is served -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [FOLDER / "vendor", VENDOR], ids=["page", "tests"])
async def test_vendored_files_are_what_they_say(folder: Path) -> None:
    listed = msgspec.json.decode((folder / "vendored.json").read_bytes())
    assert set(listed) == {path.name for path in folder.glob("*.min.js")}
    for name, facts in listed.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"], name
        assert (folder / facts["licence_file"]).stat().st_size > 500


async def test_all_script_of_the_page_is_at_most_25_kb_gzipped(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    loaded = await page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    foreign = [name for name in loaded if not name.startswith(server.url)]
    scripts = {name for name in loaded if name.endswith(".js")}
    total = 0
    for name in scripts:
        total += len(gzip.compress(await (await page.request.get(name)).body(), 9))
    assert foreign == []
    assert len(scripts) == 7
    assert 8_000 < total <= 25_000


async def test_the_document_escapes_what_a_brand_says() -> None:
    brand = {"name": "</script><b>'\"", "phone": "<1>", "theme": '"><script>'}
    text = document(PageConfig(brand=brand, starters=("</script>",)))
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<b>" not in text
    block = re.search(r'id="parley-config">(.*?)</script>', text)
    assert block is not None
    assert msgspec.json.decode(block[1])["brand"] == brand


async def test_the_policy_is_strict_and_the_document_keeps_it(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    answer = await page.request.get(server.url + "/chat")
    policy = answer.headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == "'self'"
    assert "unsafe" not in policy
    assert not re.search(r"<style|\son\w+=|\sstyle=", await answer.text())


async def test_the_dev_files_exist_only_in_dev(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    for name in ("dev.js", "dev.css"):
        assert (await page.request.get(f"{server.url}/chat/assets/{name}")).status == 404
    assert await page.locator("parley-dev").count() == 0


# A conversation -----------------------------------------------------------------------------------------------------


async def test_an_empty_chat_says_who_answers_and_what_is_kept(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    intro = page.locator(".intro")
    await expect(intro).to_contain_text("automated assistant")
    await expect(intro).to_contain_text("We keep this conversation")
    await expect(intro.get_by_role("button")).to_have_text(list(server.config.starters))
    await expect(page.get_by_role("banner").get_by_role("button", name="Talk to a person")).to_be_visible()
    await expect(page.get_by_role("link", name="0333 200 0412")).to_have_attribute("href", "tel:03332000412")
    await intro.get_by_role("button", name="Cancel a direct debit").click()
    await expect(bubbles(page, "customer")).to_have_text("Cancel a direct debit")
    await expect(intro.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_label("Your message")).to_be_focused()
    assert server.posted[0]["type"] == "message"
    assert server.posted[0]["text"] == "Cancel a direct debit"


async def test_dots_show_until_the_answer_and_a_message_is_confirmed_once(visit: Open, server: FakeDirectLine) -> None:
    go = asyncio.Event()

    async def answer(server: FakeDirectLine, activity: Activity) -> None:
        await go.wait()
        await server.say("Your bill is £61.20.\nDue 30 November.")

    server.answer = answer
    page = await visit()
    await write(page, "what's my bill")
    await expect(page.locator(".dots")).to_be_visible()
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    go.set()
    await expect(bubbles(page, "bot")).to_have_text("Your bill is £61.20.\nDue 30 November.")
    await expect(page.locator(".dots")).to_have_count(0)
    await expect(bubbles(page, "customer")).to_have_count(1)
    assert await page.locator(".said.bot .bubble").evaluate("(one) => getComputedStyle(one).whiteSpace") == "pre-wrap"


async def test_typing_shows_and_passes(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    await server.say("Hello.")
    await expect(bubbles(page, "bot")).to_have_count(1)
    await server.heard()
    await server.push({"type": "typing"})
    await expect(page.locator(".dots")).to_be_visible()
    await expect(page.locator(".dots")).to_have_count(0)


async def test_no_dots_of_ours_while_a_person_answers(visit: Open, server: FakeDirectLine) -> None:
    await server.say("Hello, I’m Priya.", speaker="person", author="Priya")
    page = await visit()
    await write(page, "hi Priya")
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    await expect(page.locator(".dots")).to_have_count(0)


async def test_a_person_sees_that_the_customer_writes_and_the_bot_does_not(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    await page.get_by_label("Your message").press_sequentially("hi")
    await server.say("Hello, I’m Priya.", speaker="person", author="Priya")
    await expect(bubbles(page, "person")).to_have_count(1)
    assert server.typed == 0
    await page.get_by_label("Your message").press_sequentially(" Priya")
    async with asyncio.timeout(15):
        while server.typed == 0:
            await page.wait_for_timeout(20)
    await page.get_by_label("Your message").press_sequentially(", hello")
    assert server.typed == 1
    assert server.posted == []


async def test_a_pressed_button_is_spent_and_marked(visit: Open, server: FakeDirectLine) -> None:
    await server.ask("q1", "Which one?", "Home broadband", "Mobile ending 412")
    page = await visit()
    await page.get_by_role("button", name="Mobile ending 412").click()
    chosen = page.get_by_role("button", name="Mobile ending 412 (Your choice)")
    await expect(chosen).to_have_attribute("aria-disabled", "true")
    await expect(chosen).to_be_focused()
    other = page.get_by_role("button", name="Home broadband")
    await expect(other).to_have_attribute("aria-disabled", "true")
    await other.click(force=True)
    await chosen.press("Enter")
    await server.spent("q1", "q1:1")
    await server.say("Cancel Mobile ending 412?")
    await expect(bubbles(page, "bot")).to_have_count(2)
    assert [(one["text"], one["value"]) for one in server.posted] == [("Mobile ending 412", {"nonce": "q1:1"})]
    await page.reload()
    await expect(chosen).to_have_attribute("aria-disabled", "true")


async def test_a_question_answered_in_words_or_asked_again_is_spent(visit: Open, server: FakeDirectLine) -> None:
    await server.ask("q1", "Which one?", "Broadband", "Mobile")
    await server.say("Your bill is £61.20.")
    await server.ask("q1", "Which one?", "Broadband", "Mobile")
    page = await visit()
    states = page.locator(".choice")
    await expect(states).to_have_count(4)
    disabled = await states.evaluate_all("(all) => all.map((one) => one.ariaDisabled)")
    assert disabled == ["true", "true", "false", "false"]
    await server.spent("q1")
    await expect(page.locator(".choice.spent")).to_have_count(4)
    await expect(page.locator(".choice.chosen")).to_have_count(0)
    await server.ask("q1", "Which one now?", "Broadband", "Mobile")
    await expect(page.locator(".choice:not(.spent)")).to_have_count(2)


async def test_rows_stand_in_the_logs_order_with_days_and_speakers(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit()
    await expect(page.locator(".day")).to_have_text(["Yesterday", "Today"])
    heads = page.locator(".said.first .who")
    await expect(heads).to_have_text(["Larkspur Mobile assistant"] * 2 + ["Priya", "Larkspur Mobile assistant"])
    await expect(page.locator(".said.system")).to_contain_text("Priya has joined.")
    await expect(page.locator(".said.person .bubble")).to_have_text("Hello, I’m Priya.")
    await expect(page.locator(".card-title")).to_have_text(["October bill", "October bill", "September bill"])
    await expect(page.locator("a.file")).to_contain_text("October.pdf (48 kB)")
    await expect(page.locator(".link.over")).to_contain_text("has been used, or is too old")
    await expect(page.locator("a.link")).to_have_count(1)
    order = await page.evaluate("""async () => {
        const { Log } = await import("/chat/assets/log.js");
        const log = new Log();
        const one = (pos) => ({ id: `i${pos}`, type: "message", timestamp: "2026-11-04T10:00:00Z", text: `${pos}`,
          from: { role: "bot" }, channelData: { pos } });
        const fresh = [log.add([one(3), one(1)]).length, log.add([one(2), one(3)]).length];
        return [fresh, log.rows().filter((row) => row.kind === "said").map((row) => row.text)];
    }""")
    assert order == [[2, 1], ["1", "2", "3"]]


async def test_talk_to_a_person_is_one_press_away_and_asks_once(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit(width=320, height=568)
    await page.get_by_role("banner").get_by_role("button", name="Talk to a person").dblclick()
    await expect(bubbles(page, "customer").last).to_have_text("Talk to a person")
    await expect(page.locator(".said.customer.sent")).to_have_count(3)
    assert [one["text"] for one in server.posted] == ["Talk to a person"]


# When things go wrong -----------------------------------------------------------------------------------------------


async def test_a_message_that_fails_says_so_and_is_tried_again_under_its_own_id(
    visit: Open, server: FakeDirectLine
) -> None:
    page = await visit()
    server.faults = [500, 502, 500]
    await write(page, "cancel it")
    failed = page.locator(".said.customer.failed")
    await expect(failed).to_contain_text("Not sent. Try again")
    await expect(page.get_by_role("status").filter(has_text="Not sent.")).to_have_count(1)
    assert server.posted == []
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    await expect(page.get_by_label("Your message")).to_be_focused()
    await expect(bubbles(page, "customer")).to_have_text(["cancel it"])
    assert len(server.posted) == 1


async def test_a_lost_answer_does_not_send_twice(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    taken = asyncio.Event()

    async def lose(route: Any) -> None:
        if taken.is_set():
            await route.continue_()
        else:
            await route.fetch()
            taken.set()
            await route.abort()

    await page.route("**/activities", lose)
    await write(page, "cancel it")
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    await page.wait_for_timeout(1_500)
    assert len(server.posted) == 1
    await expect(bubbles(page, "customer")).to_have_count(1)


async def test_too_many_waits_and_goes_by_itself_in_order(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    server.faults = [429]
    await write(page, "one")
    await expect(page.locator(".said.waiting")).to_contain_text("Sending soon")
    await write(page, "two")
    await expect(page.locator(".said.customer.sent")).to_have_count(2)
    assert [one["text"] for one in server.posted] == ["one", "two"]


async def test_a_refused_message_says_so(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    server.faults = [413]
    await write(page, "one")
    await expect(page.locator(".said.refused")).to_contain_text("We could not take this message")


async def test_an_expired_token_opens_a_new_session(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    server.token = "another"
    await write(page, "still here")
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    assert (server.sessions, len(server.posted)) == (2, 1)


async def test_a_reload_keeps_the_conversation(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit()
    shown = await page.locator(".rows").inner_text()
    await page.reload()
    await expect(page.locator(".log")).to_have_attribute("aria-busy", "false")
    assert await page.locator(".rows").inner_text() == shown
    assert await page.locator(".log").evaluate("(log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 2")


async def test_a_restart_is_shown_and_nothing_is_missed(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    await server.say("Before.")
    await expect(bubbles(page, "bot")).to_have_count(1)
    server.down = True
    await server.drop()
    await expect(page.locator(".banner")).to_have_text("Reconnecting…")
    await server.say("While you were away.")
    server.down = False
    # It stands there for a few seconds only, so it is looked for before what stays.
    await expect(page.locator(".banner")).to_have_text("Back online")
    await expect(bubbles(page, "bot")).to_have_text(["Before.", "While you were away."])
    await expect(page.locator(".banner")).to_have_text("")
    await server.say("After.")
    await expect(bubbles(page, "bot")).to_have_count(3)


async def test_without_a_socket_it_polls(visit: Open, server: FakeDirectLine) -> None:
    server.sockets_refused = True
    page = await visit()
    await write(page, "hello")
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    await server.say("By polling.")
    await expect(bubbles(page, "bot")).to_have_text("By polling.", timeout=allowed(2.5) * 1000)
    before, begun = server.polls, time.monotonic()
    await page.wait_for_timeout(2_200)
    assert 1 <= server.polls - before <= time.monotonic() - begun + 2, "once a second"


async def test_a_server_that_is_not_there_yet(visit: Open, server: FakeDirectLine) -> None:
    server.down = True
    page = await visit("/chat?")
    await expect(page.locator(".banner")).to_contain_text("0333 200 0412")
    server.down = False
    await expect(page.locator(".banner")).to_have_text("Back online")
    await expect(page.locator(".log")).to_have_attribute("aria-busy", "false")


async def test_a_chat_that_may_not_be_opened_yet_says_why_and_opens_by_itself(
    visit: Open, server: FakeDirectLine
) -> None:
    server.crowded = 1000
    page = await visit("/chat?")
    banner = page.get_by_role("status").filter(has_text="Many people are opening the chat")
    await expect(banner).to_contain_text("from your network just now. We keep trying")
    # What is written meanwhile is not lost.
    await write(page, "my bill is wrong")
    await expect(page.locator(".said.customer")).to_contain_text("Sending soon.")
    assert server.posted == []
    server.crowded = 1
    await expect(page.locator(".log")).to_have_attribute("aria-busy", "false")
    await expect(banner).to_have_count(0)
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    assert [one["text"] for one in server.posted] == ["my bill is wrong"]


async def test_a_session_that_may_not_be_renewed_yet_says_so_too(visit: Open, server: FakeDirectLine) -> None:
    await server.say("Before.")
    page = await visit()
    await expect(bubbles(page, "bot")).to_have_text("Before.")
    await server.heard()
    server.token, server.crowded = "another", 2
    await server.drop()
    await expect(page.locator(".banner.busy")).to_contain_text("We keep trying")
    await server.say("After.")
    await expect(bubbles(page, "bot")).to_have_text(["Before.", "After."])
    await expect(page.locator(".banner")).to_have_text("")


async def test_two_tabs_of_one_chat_both_go_on(visit: Open, server: FakeDirectLine) -> None:
    first = await visit()
    second = await visit(beside=first)
    await write(second, "from the second tab")
    await server.say("To both.")
    for page in (first, second):
        await expect(bubbles(page, "customer")).to_have_text("from the second tab")
        await expect(bubbles(page, "bot")).to_have_text("To both.")
    # The older one polls, and does not take the stream back until it is used again.
    taken = server.streams
    await first.wait_for_timeout(2_500)
    assert server.streams == taken
    await first.evaluate("dispatchEvent(new Event('focus'))")
    async with asyncio.timeout(15):
        while server.streams == taken:  # noqa: ASYNC110  (the server counts; nobody tells)
            await asyncio.sleep(0.05)


async def test_a_dead_socket_is_found_out(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    await server.heard()
    server.mute = True
    await write(page, "hello?")
    await server.say("I hear you.")
    server.mute = False
    await expect(bubbles(page, "bot")).to_have_text("I hear you.")
    await server.say("And again.")
    await expect(bubbles(page, "bot")).to_have_count(2)


# Text is text -------------------------------------------------------------------------------------------------------


async def test_nothing_said_becomes_markup(visit: Open, server: FakeDirectLine) -> None:
    evil = '<img src=x onerror="window.ran=1"><b>bold</b> javascript:alert(1) http://plain.example'
    bad = {"title": evil, "text": evil, "rows": [[evil, evil]], "image": "https://elsewhere.example/x.png"}
    card = {"contentType": "application/vnd.parley.card", "content": bad}
    link = {"contentType": "application/vnd.parley.link", "content": {"title": evil, "url": "javascript:alert(1)"}}
    file = {"contentType": "application/pdf", "contentUrl": "javascript:alert(1)", "name": evil}
    odd = {"contentType": "text/html", "content": evil}
    await server.say(evil, attachments=[card, link, file, odd])
    await server.ask("q", evil, evil)
    page = await visit()
    await write(page, evil)
    await expect(page.locator(".said.customer.sent")).to_have_count(1)
    assert await page.locator(".rows :is(img, b, a, script)").count() == 0
    assert await page.evaluate("'ran' in window") is False
    await expect(bubbles(page, "customer")).to_have_text(evil)


async def test_only_https_addresses_become_links(visit: Open, server: FakeDirectLine) -> None:
    await server.say(
        "See (https://larkspur.example/a?b=1&c=2), https://larkspur.example. Not http://larkspur.example, ftp://x"
    )
    page = await visit()
    links = page.locator(".said.bot a")
    found = await links.evaluate_all("(all) => all.map((one) => [one.getAttribute('href'), one.target, one.rel])")
    rel = "noopener noreferrer nofollow"
    assert found == [
        ["https://larkspur.example/a?b=1&c=2", "_blank", rel],
        ["https://larkspur.example", "_blank", rel],
    ]
    await expect(bubbles(page, "bot")).to_contain_text(
        "(https://larkspur.example/a?b=1&c=2), https://larkspur.example. Not"
    )


async def test_a_message_that_is_too_long_is_not_sent(visit: Open, server: FakeDirectLine) -> None:
    page = await visit()
    box = page.get_by_label("Your message")
    room = page.locator("#room")
    await box.fill("x" * 3_400)
    await expect(room).to_have_text("")
    await box.fill("x" * 3_700)
    await expect(room).to_have_text("300 characters left")
    await box.fill("x" * 10_000)
    await expect(room).to_have_text("6,000 characters too many. Please shorten your message.")
    await expect(box).to_have_attribute("aria-invalid", "true")
    await box.press("Enter")
    await page.get_by_role("button", name="Send", exact=True).click(force=True)
    assert len(await box.input_value()) == 10_000
    assert server.posted == []
    await box.fill("x" * 4_000)
    await box.press("Enter")
    await expect(page.locator(".said.customer.sent")).to_have_count(1)


# For everyone -------------------------------------------------------------------------------------------------------


async def test_it_works_by_keyboard_and_never_moves_the_focus(visit: Open, server: FakeDirectLine) -> None:
    await server.ask("q1", "Which one?", "Broadband", "Mobile")
    page = await visit()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the message box")).to_be_focused()
    seen = []
    for _ in range(5):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert [seen[0], *seen[2:]] == ["Talk to a person", "Broadband", "Mobile", "text"]
    assert await page.evaluate("document.activeElement.matches('textarea')")
    await page.keyboard.type("one")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    await server.say("Something new.")
    await expect(bubbles(page, "bot")).to_have_count(2)
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(bubbles(page, "customer")).to_have_text("one\ntwo")
    await expect(page.get_by_label("Your message")).to_be_empty()
    await page.locator(".log").focus()
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_a_screen_reader_hears_who_speaks(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit()
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_have_attribute("aria-live", "polite")
    await expect(log).to_match_aria_snapshot("""
        - log "Conversation":
          - paragraph: You
          - paragraph: Why is my bill higher?
          - paragraph: Larkspur Mobile assistant
          - paragraph: Sign in.
          - paragraph: Notice
          - paragraph: Priya has joined.
          - paragraph: Priya
          - paragraph: Hello, I’m Priya.
          - group "Choose an answer":
            - button "Yes, cancel it"
            - button "No, keep it"
          - link "Approve (opens in a new tab)"
    """)


@pytest.mark.parametrize("width", [320, 375, 1280])
async def test_nothing_is_wider_than_the_window(visit: Open, server: FakeDirectLine, width: int) -> None:
    await converse(server)
    long = "Donaudampfschifffahrtsgesellschaft" * 8
    await server.say(long)
    await server.ask("q", long, long, "No")
    page = await visit(width=width, height=600)
    await write(page, long)
    await expect(page.locator(".said.customer.sent")).to_have_count(3)
    wide = await page.evaluate(
        "() => [...document.querySelectorAll('parley-chat *:not(.hidden, .hidden *)')]"
        ".filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5).map((one) => one.className)"
    )
    assert wide == []
    assert await page.locator(".log").evaluate("(log) => log.scrollWidth <= log.clientWidth")
    small = await page.locator("button:visible, a.link:visible").evaluate_all(
        "(all) => all.filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.textContent)"
    )
    assert small == []


async def test_a_reader_further_up_is_left_there_and_told(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit(height=500)
    await page.locator(".log").evaluate("(log) => (log.scrollTop = 0)")
    # The page hears of its own scrolling with the next picture it draws.
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await page.wait_for_timeout(100)
    await server.say("Something new.")
    await page.get_by_role("button", name="New messages").click()
    await expect(bubbles(page, "bot").last).to_be_in_viewport()
    await expect(page.get_by_role("button", name="New messages")).to_have_count(0)


async def test_reduced_motion_and_forced_colours(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit(reduced_motion="reduce", forced_colors="active")
    await server.heard()
    await server.push({"type": "typing"})
    dot = page.locator(".dots i").first
    await expect(dot).to_be_visible()
    assert await dot.evaluate("(one) => getComputedStyle(one).animationName") == "none"
    edge = "(one) => getComputedStyle(one).borderTopWidth !== '0px' && getComputedStyle(one).borderTopStyle === 'solid'"
    for kind in ("customer", "person", "bot"):
        assert await page.locator(f".said.{kind} .bubble").first.evaluate(edge), kind


async def _violations(page: Page) -> list[str]:
    # Through the debugger, which the page's policy does not forbid.
    await page.evaluate((VENDOR / "axe.min.js").read_text(encoding="utf-8") + "; undefined")
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 15
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", ["", "/brand/theme.css"], ids=["ours", "larkspur"])
async def test_axe_finds_nothing(visit: Open, server: FakeDirectLine, scheme: str, theme: str) -> None:
    await server.stop()
    server.config = replace(server.config, brand={**LARKSPUR, "theme": theme})
    await server.start()
    page = await visit(color_scheme=scheme)
    assert await _violations(page) == []
    await converse(server)
    await expect(page.locator("a.link")).to_be_visible()
    server.faults = [413]
    await write(page, "this one fails")
    await expect(page.locator(".said.refused")).to_be_visible()
    await page.get_by_label("Your message").fill("x" * 4_100)
    await server.heard()
    await server.push({"type": "typing"})
    await expect(page.locator(".dots")).to_be_visible()
    for top in (0, 400, 10_000):
        await page.locator(".log").evaluate("(log, top) => (log.scrollTop = top)", top)
        await page.wait_for_timeout(150)
        assert await _violations(page) == []


# Out and back -------------------------------------------------------------------------------------------------------


async def test_a_wide_window_keeps_the_chat_and_it_goes_on_by_itself(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit()
    async with page.expect_popup() as opened:
        await page.locator("a.link").click()
    other = await opened.value
    await other.wait_for_load_state()
    assert await other.evaluate("window.opener === null")
    await server.say("Done. Your reference is DD-7781.")
    await expect(bubbles(page, "bot").last).to_have_text("Done. Your reference is DD-7781.", timeout=allowed(1) * 1000)


async def test_a_used_link_is_shown_as_over_once_the_chat_has_gone_on(visit: Open, server: FakeDirectLine) -> None:
    link = {"title": "Approve", "url": "/approve", "expired": False}
    said = await server.say("Approve.", attachments=[{"contentType": "application/vnd.parley.link", "content": link}])
    page = await visit()
    await expect(page.locator("a.link")).to_have_count(1)
    link["expired"] = True
    assert server.log == [said]
    await server.say("Done.")
    await expect(page.locator(".link.over")).to_contain_text("Approve")
    await expect(page.locator("a.link")).to_have_count(0)
    await expect(bubbles(page, "bot")).to_have_text(["Approve.", "Done."])


async def test_a_narrow_window_goes_there_and_back(visit: Open, server: FakeDirectLine) -> None:
    await converse(server)
    page = await visit(width=375, height=700)
    await page.locator("a.link").click()
    await expect(page).to_have_url(server.url + "/approve")
    await server.say("Done. Your reference is DD-7781.")
    await page.go_back()
    await expect(bubbles(page, "bot").last).to_have_text("Done. Your reference is DD-7781.")


async def test_a_brands_site_with_the_script_tag(visit: Open, server: FakeDirectLine) -> None:
    page = await visit("/site")
    plain = await page.evaluate("""async () => {
        const frame = document.body.appendChild(document.createElement("iframe"));
        const usual = new Set(Object.getOwnPropertyNames(frame.contentWindow));
        frame.remove();
        return Object.getOwnPropertyNames(window).filter((name) => !usual.has(name) && !/^\\d+$/.test(name));
    }""")
    assert plain == []
    launcher = page.get_by_role("button", name="Chat with us")
    await expect(launcher).to_have_attribute("aria-expanded", "false")
    assert len(page.frames) == 1
    await launcher.focus()
    await page.keyboard.press("Enter")
    frame = page.frame_locator("iframe")
    await expect(frame.locator(".intro")).to_be_visible()
    closer = page.get_by_role("button", name="Close the chat")
    await expect(closer).to_have_attribute("aria-expanded", "true")
    box = frame.get_by_label("Your message")
    await box.fill("hello")
    await box.press("Enter")
    await expect(frame.locator(".said.customer.sent")).to_have_count(1)
    assert await _violations(page) == []
    await box.press("Escape")
    await expect(page.get_by_title("Chat")).to_be_hidden()
    await expect(launcher).to_be_focused()
    await server.say("An answer meanwhile.")
    await expect(page.get_by_role("button", name="Chat with us (1)")).to_have_class("new")
    await page.keyboard.press("Enter")
    await expect(frame.locator(".said.bot .bubble")).to_have_text("An answer meanwhile.")
    await page.keyboard.press("Escape")
    await expect(page.get_by_title("Chat")).to_be_hidden()


async def test_the_dev_pane_shows_turns_and_makes_things_go_wrong(visit: Open, server: FakeDirectLine) -> None:
    await server.stop()
    server.config = replace(server.config, dev=True)
    await server.start()
    server.turns = [
        {
            "seq": 1,
            "text": "cancel a direct debit",
            "kind": "message",
            "parse": {
                "intent": "cancel_direct_debit",
                "confidence": 0.97,
                "ranking": [["cancel_direct_debit", 0.97], ["bill", 0.02]],
                "entities": [{"name": "service", "value": "mobile", "text": "mobile"}],
                "backend": "embedded",
                "ms": 1.4,
            },
            "route": "recognised",
            "dialog": "cancel_direct_debit",
            "step": "which",
            "journal": {"do:active": [{"id": "M2"}]},
            "effects": [{"key": "k-1", "function": "debits.cancel", "status": "done"}],
            "outbound": [{"n": 0, "text": "Which one?", "status": "sent"}],
            "ms": 6.2,
        }
    ]
    page = await visit(width=1280)
    pane = page.get_by_role("complementary", name="For developers")
    await expect(pane).to_contain_text("cancel_direct_debit at which")
    await expect(pane).to_contain_text("debits.cancel done k-1")
    server.turns = [*server.turns, {"seq": 2, "text": "the mobile one", "kind": "message", "route": "answer", "ms": 2}]
    await expect(pane.locator("summary")).to_have_count(2)
    await pane.get_by_label("Backend").select_option("lose_response")
    await expect(pane.get_by_role("status")).to_have_text("The backend now loses the response.")
    await pane.get_by_label("Name").fill("my-story")
    await pane.get_by_role("button", name="Save as transcript").click()
    await expect(pane.get_by_role("status")).to_have_text("Saved.")
    await pane.get_by_role("button", name="Kill the process").click()
    await expect(pane.get_by_role("status")).to_have_text("Killed. It comes back by itself.")
    assert server.dev == [
        ("backend", {"mode": "lose_response"}),
        ("transcript", {"name": "my-story"}),
        ("kill", {}),
    ]
    assert await _violations(page) == []
