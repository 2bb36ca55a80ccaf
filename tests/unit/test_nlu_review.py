"""The loop: what was not understood is kept without anybody's data, reviewed, and learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.model import Address, Inbound, Parse
from bot.ports import Sql
from bot.store import open_store
from bot.testing.clock import SetClock
from bot.unsure import Unsure, redacted
from nlu.data import load
from nlu.errors import BadExamples
from nlu.review import DONE, FILE, QUERY, Review, Utterance

RANKING = (("bill", 0.41), ("receipts", 0.38))
DOUBTFUL = Parse("", 0.41, RANKING, backend="hybrid", model="m")


@pytest.mark.promise("secret")
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("ring me on 07700 900123 pls", "ring me on 00000000000 pls"),
        ("sort code 20-00-00 account 12345678", "sort code 000000 account 00000000"),
        ("joe.b+x@example.co.uk was charged £61.20", "[email] was charged £0000"),
        ("im at SW1A 1AA", "im at [postcode]"),
        ("My name is Joe Bloggs", "My name is [name]"),
        ("this is Mrs O'Neil speaking", "this is [name]"),
        ("look https://x.example/a?token=abc", "look [link]"),
        ("2 phones, one bill", "2 phones, one bill"),
    ],
)
def test_numbers_addresses_and_names_are_not_kept(said: str, kept: str) -> None:
    assert redacted(said) == kept


async def turns(kept: Sequence[tuple[str, str, Parse | None]]) -> list[dict[str, Any]]:
    """One customer's turns, (text, route, parse) each: what is kept of them."""
    store, clock = await open_store("sqlite://:memory:"), SetClock()
    try:
        address = Address("b", "web", "webchat", "u")
        watching, conversation = Unsure(store, clock), ""
        for text, route, parse in kept:
            taken = await store.accept(Inbound(f"k{text}{route}", "message", clock.now(), address, text=text))
            conversation = taken.conversation
            shown = {"conversation": conversation, "seq": taken.seq, "kind": "message", "route": route, "parse": parse}
            watching.turn(shown, 0.1)
        await store.change([Sql("UPDATE conversation SET person = 'p-1' WHERE id = :id", {"id": conversation})])
        await watching.write()
        assert await watching.write() == 0, "written once"
        return [dict(row) for row in await store.query("SELECT * FROM unsure ORDER BY id")]
    finally:
        await store.close()


async def test_what_the_bot_had_to_ask_about_is_kept(tmp_path: Path) -> None:
    rows = await turns([("whats this 61.20 thing", "clarify bill", DOUBTFUL), ("show my bill", "start bill", DOUBTFUL)])
    assert [(r["text"], r["why"], r["person"], r["model"]) for r in rows] == [
        ("whats this 0000 thing", "unsure", "p-1", "m")
    ]
    assert Utterance.of(rows[0]).ranking == RANKING


async def test_what_was_put_right_at_once_is_kept() -> None:
    sure = Parse("bill", 0.9, (("bill", 0.9),), backend="hybrid", model="m")
    rule = Parse("stop", 1.0, (("stop", 1.0),), backend="rules", model="m")
    rows = await turns(
        [
            ("money gone", "start bill", sure),
            ("no", "stop", rule),
            ("my bill", "start bill", sure),
            ("october", "answer", None),
            ("stop", "stop", rule),
        ]
    )
    assert [(r["text"], r["why"]) for r in rows] == [("money gone", "repaired")]


async def test_rules_and_answers_are_not_kept() -> None:
    rule = Parse("human", 1.0, (("human", 1.0),), backend="rules", model="m")
    assert await turns([("agent", "human", rule), ("yes", "answer", None)]) == []


class Typist:
    def __init__(self, *lines: str) -> None:
        self.lines, self.asked = list(lines), list[str]()

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)


def utterances(*texts: str) -> list[Utterance]:
    return [Utterance(str(n), text, "unsure", RANKING) for n, text in enumerate(texts)]


def sitting(folder: Path, *typed: str) -> tuple[Review, list[str]]:
    told: list[str] = []
    return Review(folder / FILE, folder / "var" / DONE, ["bill", "receipts"], told.append, Typist(*typed)), told


def test_accept_relabel_new_intent_discard_and_later(tmp_path: Path) -> None:
    said = utterances("the money one", "paid or not", "i moved", "asdf", "hmm", "last", "The money one!")
    review, told = sitting(tmp_path, "", "2", "change_address", "y", "d", "s", "nonsense here", "bill")
    assert review.walk(said) == 4
    data = load([tmp_path / FILE])
    assert {(e.text, e.intent) for e in data.examples} == {
        ("the money one", "bill"),
        ("paid or not", "receipts"),
        ("i moved", "change_address"),
        ("last", "bill"),
    }
    assert any("discards" in line for line in told), "what cannot be taken shows the help"
    again, _ = sitting(tmp_path, "receipts")
    assert again.walk(said) == 1, "only what was left for later is asked about"
    assert len(load([tmp_path / FILE]).examples) == 5


def test_the_end_of_input_ends_it_and_keeps_what_was_settled(tmp_path: Path) -> None:
    review, _ = sitting(tmp_path, "1")
    assert review.walk(utterances("the money one", "paid or not")) == 1
    assert [e.text for e in load([tmp_path / FILE]).examples] == ["the money one"]
    refused, _ = sitting(tmp_path, "something_new", "n", "q")
    assert refused.walk(utterances("x", "paid or not")) == 0


def test_annotations_in_the_file_stay_and_brackets_are_no_annotation(tmp_path: Path) -> None:
    annotated = "- intent: bill\n  examples: |\n    - my [october](month) bill\n"
    (tmp_path / FILE).write_text(f'version: "3.1"\nnlu:\n{annotated}')
    review, _ = sitting(tmp_path, "1")
    review.walk(utterances("mail it to [email]"))
    first, second = load([tmp_path / FILE]).examples
    assert first.spans[0].entity == "month"
    assert second.text == "mail it to (email)"


def test_a_contradiction_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('version: "3.1"\nnlu:\n- intent: receipts\n  examples: |\n    - the money one\n')
    review, _ = sitting(tmp_path, "bill")
    with pytest.raises(BadExamples, match="receipts"):
        review.walk(utterances("the money one"))
    assert [e.intent for e in load([tmp_path / FILE]).examples] == ["receipts"]
    assert sorted(f.name for f in tmp_path.iterdir()) == [FILE]


def test_the_query_reads_what_the_collector_writes() -> None:
    assert {"id", "text", "why", "ranking"} <= set(QUERY.replace(",", " ").split())
