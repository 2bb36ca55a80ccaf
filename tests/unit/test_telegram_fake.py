"""The fake Bot API is as strict as the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from adapters.fakes.telegram import FakeTelegram, Undelivered
from tests.contract.rigs.base import HandClock, edge


class Api:
    """Calls the fake as any HTTP client would."""

    def __init__(self, fake: FakeTelegram, client: aiohttp.ClientSession) -> None:
        self.fake, self.client = fake, client

    async def __call__(self, method: str, token: str = "", **given: Any) -> tuple[int, Any]:
        async with self.client.post(f"/bot{token or self.fake.token}/{method}", json=given) as response:
            body = msgspec.json.decode(await response.read())
            return response.status, body["result"] if body["ok"] else body["description"]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    fake = FakeTelegram(now=HandClock().now, monotonic=lambda: 100.0)
    async with edge(fake.routes()) as server, aiohttp.ClientSession(server.make_url("/")) as client:
        fake.chats.says(1, "hello")
        yield Api(fake, client)


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [[button] for button in buttons]}


async def test_a_wrong_token_and_an_unknown_method_are_refused(api: Api) -> None:
    assert await api("getMe", token="1:x") == (401, "Unauthorized")
    assert await api("noSuchMethod") == (404, "Not Found")
    assert (await api("GETME"))[0] == 200


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"chat_id": 2, "text": "hi"}, 403, "can't initiate conversation"),
        ({"chat_id": -2, "text": "hi"}, 400, "chat not found"),
        ({"chat_id": "x", "text": "hi"}, 400, "invalid chat_id"),
        ({"chat_id": 1, "text": " "}, 400, "text is empty"),
        ({"chat_id": 1, "text": "x" * 4097}, 400, "too long"),
        ({"chat_id": 1, "text": "😀" * 2049}, 400, "too long"),
        ({"chat_id": 1, "text": "x", "message_thread_id": 4}, 400, "thread not found"),
        ({"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": 1}}, 400, "can't parse"),
        ({"chat_id": 1, "text": "x", "reply_markup": keyboard({"text": "a"})}, 400, "exactly one action"),
        ({"chat_id": 1, "text": "x", "reply_markup": keyboard({"text": "", "callback_data": "x"})}, 400, "non-empty"),
        (
            {"chat_id": 1, "text": "x", "reply_markup": keyboard({"text": "a", "callback_data": "é" * 33})},
            400,
            "BUTTON_DATA_INVALID",
        ),
        (
            {"chat_id": 1, "text": "x", "reply_markup": keyboard({"text": "a", "url": "http://localhost:1/x"})},
            400,
            "Wrong HTTP URL",
        ),
        (
            {"chat_id": 1, "text": "x", "reply_markup": keyboard(*[{"text": "a", "callback_data": "x"}] * 101)},
            400,
            "too long",
        ),
        ({"chat_id": 1, "text": "x" * 4096}, 200, ""),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_messages_are_checked(api: Api, given: dict[str, Any], status: int, says: str) -> None:
    found = await api("sendMessage", **given)
    assert found[0] == status
    assert says in str(found[1])


async def test_a_chat_takes_only_so_many_messages(api: Api) -> None:
    answers = [await api("sendMessage", chat_id=1, text="x") for _ in range(21)]
    assert [status for status, _ in answers] == [200] * 20 + [429]
    assert answers[-1][1] == "Too Many Requests: retry after 2"


async def test_presses_can_be_answered_and_unknown_ones_not(api: Api) -> None:
    await api("sendMessage", chat_id=1, text="?", reply_markup=keyboard({"text": "a", "callback_data": "x"}))
    update = api.fake.chats.presses_button(1, api.fake.shown(1)[0], 0)
    assert await api("answerCallbackQuery", callback_query_id=update["callback_query"]["id"]) == (200, True)
    assert (await api("answerCallbackQuery", callback_query_id="other"))[0] == 400


async def test_polling_and_a_webhook_exclude_each_other(api: Api) -> None:
    assert [one["message"]["text"] for one in (await api("getUpdates"))[1]] == ["hello"]
    assert (await api("setWebhook", url="http://chat.example/x"))[0] == 400
    assert (await api("setWebhook", url="https://chat.example/x", secret_token="no spaces"))[0] == 400
    assert (await api("setWebhook", url="https://chat.example/x", secret_token="ok"))[0] == 200
    assert (await api("getUpdates"))[0] == 409
    assert (await api("deleteWebhook"))[0] == 200
    last = (await api("getUpdates"))[1][-1]["update_id"]
    assert await api("getUpdates", offset=last + 1) == (200, [])
    assert api.fake.chats.updates == []


async def test_updates_that_are_not_taken_are_posted_again_and_shown_to_be_owed(api: Api) -> None:
    api.fake.webhook = {"url": str(api.client._base_url) + "nowhere"}
    with pytest.raises(Undelivered, match="1 updates are still owed"):
        await api.fake.flush(api.client, tries=3)
