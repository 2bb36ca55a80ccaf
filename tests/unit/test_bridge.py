"""botbuilder's own dialogs beside scripts: prompts, state through JSON, interruptions, calls both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from botbuilder.core import MessageFactory
from botbuilder.dialogs import Dialog, DialogTurnResult, WaterfallDialog, WaterfallStepContext
from botbuilder.dialogs.choices import Choice, FoundChoice, ListStyle
from botbuilder.dialogs.prompts import ChoicePrompt, ConfirmPrompt, PromptOptions, TextPrompt

from bot import Convo, dialog
from bot.bridge import Bridge
from bot.errors import NotPlain
from bot.script.catalogue import Dialogs
from tests.worlds.engine import Bank, Chat, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


def prompt(text: str, **more: Any) -> PromptOptions:
    """Options of a prompt."""
    return PromptOptions(prompt=MessageFactory.text(text), style=ListStyle.suggested_action, **more)


async def ask_name(step: WaterfallStepContext) -> DialogTurnResult:
    """First step."""
    return await step.prompt("text", prompt("Your name?", retry_prompt=MessageFactory.text("A name, please.")))


async def ask_size(step: WaterfallStepContext) -> DialogTurnResult:
    """Second step."""
    step.values["name"] = step.result
    return await step.prompt("choice", prompt("Which size?", choices=[Choice("small"), Choice("large")]))


async def ask_sure(step: WaterfallStepContext) -> DialogTurnResult:
    """Third step."""
    step.values["size"] = step.result.value
    return await step.prompt("confirm", prompt(f"{step.values['name']}, {step.values['size']}?"))


async def end(step: WaterfallStepContext) -> DialogTurnResult:
    """Last step."""
    await step.context.send_activity(f"sure={step.result}")
    return await step.end_dialog({"name": step.values["name"], "size": step.values["size"], "sure": step.result})


async def wait_without_prompt(step: WaterfallStepContext) -> DialogTurnResult:
    """Waits, saying nothing."""
    await step.context.send_activity("Tell me anything.")
    return Dialog.end_of_turn


async def say_it(step: WaterfallStepContext) -> DialogTurnResult:
    """Repeats it."""
    await step.context.send_activity(f"You said {step.context.activity.text}")
    return await step.end_dialog()


async def call_script(step: WaterfallStepContext) -> DialogTurnResult:
    """Begins a script."""
    return await step.begin_dialog("script", {"thing": "M1"})


async def tell_result(step: WaterfallStepContext) -> DialogTurnResult:
    """What the script returned."""
    await step.context.send_activity(f"script said {step.result}")
    return await step.end_dialog()


async def keep_anything(step: WaterfallStepContext) -> DialogTurnResult:
    """Puts a live object into its state."""
    step.values["live"] = object()
    return Dialog.end_of_turn


def confirm_prompt() -> ConfirmPrompt:
    """Yes or no, by buttons."""
    made = ConfirmPrompt("confirm")
    made.style = ListStyle.suggested_action
    return made


FOREIGN: dict[str, Any] = {
    "order": lambda: WaterfallDialog("order", [ask_name, ask_size, ask_sure, end]),
    "quiet": lambda: WaterfallDialog("quiet", [wait_without_prompt, say_it]),
    "caller": lambda: WaterfallDialog("caller", [call_script, tell_result]),
    "live": lambda: WaterfallDialog("live", [keep_anything, say_it]),
    "text": lambda: TextPrompt("text"),
    "choice": lambda: ChoicePrompt("choice"),
    "confirm": confirm_prompt,
}


@dialog("script", intents=["script"])
async def script(c: Convo, thing: str = "M2") -> str:
    """Asks one thing."""
    return await c.ask("name", "q.name", str) + thing


@dialog("uses", intents=["uses"])
async def uses(c: Convo, bank: Bank) -> None:
    """A script that calls a waterfall."""
    got = await c.call("order")
    receipt = await c.once(bank.pay, thing=got["size"])
    await c.say("said.value", value=f"{got['name']} {got['size']} {got['sure']} {receipt.reference}")


@dialog("tell", intents=["tell"])
async def tell(c: Convo) -> None:
    """Says something."""
    await c.say("said.a")


async def test_a_waterfall_with_three_prompts_runs_through_the_store(chats: Any) -> None:
    chat: Chat = chats(foreign=FOREIGN)
    assert await chat.say("open order") == ["Your name?"]
    assert (await chat.say("Bob"))[0].startswith("Which size?")
    assert (await chat.say("large"))[0].startswith("Bob, large?")
    assert await chat.say("yes") == ["sure=True"]
    assert await chat.open() == []
    assert chat.failures == []


async def test_a_prompt_asks_again_what_it_could_not_read(chats: Any) -> None:
    chat: Chat = chats(foreign=FOREIGN)
    await chat.say("open order")
    await chat.say("Bob")
    assert (await chat.say("purple"))[0].startswith("Which size?")
    assert (await chat.say("the small one"))[0].startswith("Bob, small?")


async def test_the_buttons_of_a_prompt_can_be_pressed_once(chats: Any) -> None:
    chat: Chat = chats(foreign=FOREIGN)
    await chat.say("open order")
    assert await chat.say("Bob") == ["Which size? [small] [large]"]
    nonces = {choice.nonce for choice in (await chat.rows())[-1].choices}
    assert len(nonces) == 2
    assert "" not in nonces
    nonce = await chat.nonce("large")
    assert await chat.press("large") == ["Bob, large? [Yes] [No]"]
    await chat.accept("press", "large", nonce=nonce)
    await chat.settle()
    assert (await chat.new())[0] == "That button is from earlier and no longer works."
    assert await chat.press("Yes") == ["sure=True"]


async def test_an_interruption_over_a_prompt_and_back(chats: Any) -> None:
    chat: Chat = chats(tell, script, foreign=FOREIGN)
    await chat.say("open order")
    await chat.say("Bob")
    assert await chat.say("open tell") == ["A.", "Which size? [small] [large]"]
    assert await chat.say("open script") == ["Name?"]
    assert await chat.say("Eve") == ["Which size? [small] [large]"]
    assert (await chat.press("small"))[0].startswith("Bob, small?")


async def test_an_interruption_over_one_that_waits_without_a_prompt_and_back(chats: Any) -> None:
    """botbuilder's own way would take the interruption's end for the answer."""
    chat: Chat = chats(tell, script, foreign=FOREIGN)
    assert await chat.say("open quiet") == ["Tell me anything."]
    assert await chat.say("open script") == ["Name?"]
    assert await chat.open() == ["quiet", "script"]
    assert await chat.say("Eve") == []
    assert await chat.open() == ["quiet"]
    assert await chat.say("open tell") == ["A."]
    assert await chat.open() == ["quiet"]
    assert await chat.say("hello") == ["You said hello"]
    assert await chat.open() == []


async def test_what_is_not_meant_for_a_waterfall_does_not_reach_it(chats: Any) -> None:
    @dialog("third", intents=["third"])
    async def third(c: Convo) -> None:
        await c.ask("other", "q.other", str)

    chat: Chat = chats(tell, script, third, foreign=FOREIGN)
    await chat.say("open script")
    await chat.say("open third")
    await chat.say("open quiet")
    await chat.accept("press", "x", nonce="stale")
    await chat.settle()
    assert await chat.new() == ["That button is from earlier and no longer works."]
    assert await chat.open() == ["script", "third", "quiet"]
    await chat.say("open script")
    assert await chat.open() == ["third", "quiet", "script"]
    await chat.say("open quiet")
    assert await chat.open() == ["third", "script", "quiet"]
    assert (await chat.say("at last"))[0] == "You said at last"


async def test_human_and_stop_are_honoured_over_a_prompt(chats: Any) -> None:
    chat: Chat = chats(foreign=FOREIGN)
    await chat.say("open order")
    said = await chat.say("human")
    assert "I've asked a colleague" in said[0]
    assert said[-1] == "Your name?"
    await chat.say("stop")
    await chat.say("yes")
    assert await chat.open() == []


async def test_a_script_calls_a_waterfall(chats: Any) -> None:
    chat: Chat = chats(uses, tell, foreign=FOREIGN)
    await chat.say("open uses")
    await chat.say("Bob")
    assert await chat.say("open tell") == ["A.", "Which size? [small] [large]"]
    await chat.say("large")
    assert await chat.say("no") == ["sure=False", "Value: Bob large False pay-large-1."]
    assert chat.failures == []


async def test_a_waterfall_calls_a_script(chats: Any) -> None:
    chat: Chat = chats(script, tell, foreign=FOREIGN)
    assert await chat.say("open caller") == ["Name?"]
    assert await chat.open() == ["caller"]
    assert await chat.say("open tell") == ["A.", "Name?"]
    assert await chat.say("Bob") == ["script said BobM1"]
    assert await chat.open() == []


async def test_a_live_object_in_state_is_refused_naming_dialog_and_key(chats: Any, caplog: Any) -> None:
    chat: Chat = chats(foreign=FOREIGN)
    await chat.say("open live")
    assert chat.failures[-1] == ("NotPlain", True)
    assert "live.values.live: object" in caplog.text
    assert await chat.open() == []


async def test_an_expired_question_of_a_script_below_a_waterfall(chats: Any) -> None:
    chat: Chat = chats(script, foreign=FOREIGN)
    await chat.say("open caller")
    await chat.after(hours=25)
    said = await chat.say("Bob")
    assert "a while ago" in said[0]
    assert chat.failures == []
    assert await chat.press("Start again") == ["Name?"]


def test_state_comes_back_as_what_it_was() -> None:
    bridge = Bridge(Dialogs([]), [FOREIGN["order"]()])
    from botbuilder.dialogs import DialogInstance

    options = prompt("Which?", choices=[Choice("small")], retry_prompt=MessageFactory.text("Again?"))
    found = FoundChoice("large", 1, 1.0)
    values = {"n": 1, "found": found, "list": [1, None, True]}
    state = {"options": options, "state": {"attemptCount": 1}, "values": values}
    kept = bridge.encode([[DialogInstance("order", state)]], o=[], l=0, m=None)
    assert msgspec.json.decode(kept)["k"][0][0][0] == "order"
    stacks, _ = bridge.decode(kept)
    back = stacks[0][0].state
    assert back["options"].prompt.text == "Which?"
    assert back["options"].style is ListStyle.suggested_action
    assert back["options"].retry_prompt.text == "Again?"
    assert [choice.value for choice in back["options"].choices] == ["small"]
    assert back["state"] == {"attemptCount": 1}
    assert back["values"]["list"] == [1, None, True]
    assert back["values"]["found"].value == "large"
    assert bridge.encode(stacks, o=[], l=0, m=None) == kept


@pytest.mark.parametrize("bad", [object(), {1: "a"}, {"a": {"b": {1, 2}}}, b"raw", lambda: None])
def test_anything_else_is_refused(bad: Any) -> None:
    from botbuilder.dialogs import DialogInstance

    bridge = Bridge(Dialogs([]), [FOREIGN["order"]()])
    with pytest.raises(NotPlain, match=r"order\.key"):
        bridge.encode([[DialogInstance("order", {"key": bad})]])


def test_an_idle_conversation_has_an_empty_state() -> None:
    bridge = Bridge(Dialogs([]))
    assert bridge.encode([], o=[], l=0, m=None) == b"{}"
    assert bridge.decode(b"{}") == ([], {})
    assert bridge.decode(b"") == ([], {})
