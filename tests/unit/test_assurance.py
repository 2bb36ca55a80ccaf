"""What a brand asks for an action: its own approval, or that it is known who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot import assembly
from bot.configuration import load_settings
from bot.dev.scaffold import new_brand
from bot.errors import SettingsError
from bot.model import Assurance
from tests.unit.test_engine_effects import close
from tests.worlds.engine import Chat, made_chats

chats = pytest.fixture(made_chats)
APPROVE = "Please approve this on our secure page. <Approve>"


def known_enough(chat: Chat) -> Chat:
    chat.actions = {"close": Assurance.KNOWN}
    return chat


@pytest.mark.promise("assured")
async def test_who_is_known_need_not_approve_an_action_that_asks_no_more(chats: Any) -> None:
    chat = known_enough(chats(close))
    await chat.know()
    assert await chat.say("open close") == ["Paid: close-M1-1."]
    assert await chat.store.query("SELECT id FROM step_up_grant") == []


@pytest.mark.promise("assured")
@pytest.mark.parametrize("level", [None, Assurance.LINKED])
async def test_who_is_known_less_well_approves_it(chats: Any, level: Assurance | None) -> None:
    chat = known_enough(chats(close))
    if level is not None:
        await chat.know(level=level)
    assert (await chat.say("open close"))[-1] == APPROVE
    assert chat.bank.called("close") == 0


@pytest.mark.promise("assured")
async def test_another_action_still_has_to_be_approved(chats: Any) -> None:
    chat: Chat = chats(close)
    chat.actions = {"open": Assurance.KNOWN}
    await chat.know()
    assert await chat.say("open close") == [APPROVE]


@pytest.mark.promise("assured")
@pytest.mark.parametrize("becomes", [("C-2", Assurance.KNOWN), ("C-1", Assurance.LINKED), None])
async def test_it_is_looked_at_again_when_it_is_done(chats: Any, becomes: tuple[str, Assurance] | None) -> None:
    chat = known_enough(chats(close))
    await chat.know()
    assert await chat.say("open close wait=1") == ["Name?"]
    if becomes is None:
        await chat.store.change(chat.login.unlink(address=chat.address, now=chat.clock.now(), reason="test"))
    else:
        await chat.know(*becomes)
    assert (await chat.say("Ana"))[-1] == "Refused: expired."
    assert chat.bank.called("close") == 0


@pytest.mark.promise("assured")
async def test_it_holds_for_the_arguments_it_was_asked_for(chats: Any) -> None:
    chat = known_enough(chats(close))
    await chat.know()
    await chat.say("open close other=M2")
    assert chat.bank.called("close") == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("action.nothing: known", "assurance.action.nothing: no text action.nothing"),
        ("action.cancel_direct_debit: anyone", "an action needs known or approved"),
        ("cancel_direct_debit: approved", "approved is for an action"),
        ("nothing: known", r"assurance: .*\(nothing\)"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        assembly.parts(configured(tmp_path, given))


def test_dialog_and_action_are_told_apart(tmp_path: Path) -> None:
    made = assembly.parts(configured(tmp_path, "action.cancel_direct_debit: known, bill: linked"))
    assert made.dialogs.needs("cancel_direct_debit") == Assurance.KNOWN
    assert made.dialogs.requires("bill") == Assurance.LINKED
    assert made.dialogs.needs("bill") == Assurance.APPROVED


def configured(folder: Path, given: str) -> Any:
    new_brand(folder, "acme")
    file = folder / "acme" / "config.yml"
    file.write_text(f"{file.read_text('utf-8')}\nassurance: {{{given}}}\n", "utf-8")
    return load_settings(file, {"PARLEY_SECRET": "a server's secret for this test alone"})
