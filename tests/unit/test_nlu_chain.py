"""The chain on the demo brand's own data: rules first, then the classifier, and silence where nothing is sure."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml

from bot.ports import Recogniser
from nlu import build
from nlu.data import load
from nlu.evaluate import cross_validate, score
from nlu.report import render

ROOT = Path(__file__).parents[2]
BRAND = ROOT / "brands" / "larkspur" / "nlu"
NLU = BRAND / "nlu.yml"


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    # Kept from run to run by the examples' content, and apart from the one that has the encoder.
    return build([NLU], ROOT / "var" / "nlu-words", lambda: date(2026, 11, 22))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("cancel my direct debit", "cancel_direct_debit"),
        ("stop the direct debit", "cancel_direct_debit"),
        ("cancel my DD for the phone", "cancel_direct_debit"),
        ("Cancel the mobile one", "cancel_direct_debit"),
        ("why is my bill higher?", "bill_change"),
        ("hang on, what's my bill?", "bill"),
        ("actually, show my bill", "bill"),
        ("when is my bill due", "bill_due"),
        ("what did you do for me?", "receipts"),
        ("did you cancel it", "receipts"),
        ("can u stop netflix dd", "cancel_direct_debit"),
        ("cancel my gym direct debit", "cancel_direct_debit"),
        ("stop my council tax dd", "cancel_direct_debit"),
        ("I don't have an online account", "online_account"),
        ("I can't sign in because I never made an account", "online_account"),
        ("I can't sign in", "link_account"),
        ("cancel it", ""),
        ("stop", "stop"),
        ("agent please", "human"),
        ("yes please", "affirm"),
        ("no thanks", "deny"),
        ("don't cancel my direct debit", "deny"),
        ("please do not stop the dd", "deny"),
        ("cancel my dd, actually just show me the bill", "bill"),
        ("cancel the broadband dd actually no just show me the bill", "bill"),
        ("show me my bill. no wait cancel my direct debit", "cancel_direct_debit"),
        ("i don't want to cancel the direct debit i want to see the bill", "bill"),
        ("i didn't ask for a bill I want to make a complaint", "complaint"),
        ("what can you actually do", "help"),
        ("pac code pls", "leave_network"),
        ("im going to ee and keeping my number", "leave_network"),
        ("my husband has died", "bereavement"),
        ("hello", "greet"),
        ("what's the weather like", ""),
        ("zxcvb qwrty", ""),
    ],
)
async def test_reads(recogniser: Recogniser, text: str, intent: str) -> None:
    assert (await recogniser.parse(text)).intent == intent


async def test_a_rule_is_sure(recogniser: Recogniser) -> None:
    parse = await recogniser.parse("can i speak to someone")
    assert (parse.intent, parse.confidence, parse.ranking, parse.backend) == ("human", 1.0, (("human", 1.0),), "rules")


async def test_an_example_is_always_read_as_it_was_meant(recogniser: Recogniser) -> None:
    # Only where a rule knows better may an example mean something else; none of the brand's does.
    for example in load([NLU]).examples:
        wanted = "" if example.intent == "oos" else example.intent
        assert (await recogniser.parse(example.text)).intent == wanted, example.where


@pytest.mark.parametrize("lead", ["what about", "wot about", "and", "how about", "ok what about", "and for"])
@pytest.mark.parametrize("month", ["march", "May", "sept", "Decmber", "february 2025", "last month"])
async def test_a_month_with_a_lead_in_asks_for_its_bill(recogniser: Recogniser, lead: str, month: str) -> None:
    parse = await recogniser.parse(f"{lead} {month}?")
    assert (parse.intent, [e.name for e in parse.entities]) == ("bill", ["month"])


async def test_an_example_stands_for_every_month(tmp_path: Path) -> None:
    file = tmp_path / "nlu.yml"
    file.write_text(
        'version: "3.1"\nnlu:\n- intent: bill\n  examples: |\n    - the one of [june](month)\n    - now [may](month)\n'
        "- intent: calls\n  examples: |\n    - now [july](month)\n    - calls\n"
    )
    recogniser = build([file], tmp_path / "cache", lambda: date(2026, 11, 22))
    read = await recogniser.parse("The one of October!")
    assert (read.intent, read.ranking) == ("bill", (("bill", 1.0),))
    # Two intents share this wording, so another month decides nothing.
    assert (await recogniser.parse("now october")).ranking != (("bill", 1.0),)
    assert (await recogniser.parse("now july")).ranking == (("calls", 1.0),)


async def test_nothing_sure_keeps_the_ranking(recogniser: Recogniser) -> None:
    parse = await recogniser.parse("about the thing with my account")
    assert parse.intent == ""
    assert len(parse.ranking) > 5
    assert parse.ranking[0][1] == parse.confidence > parse.ranking[-1][1]
    assert "oos" not in dict(parse.ranking)


async def test_entities_come_with_the_intent(recogniser: Recogniser) -> None:
    parse = await recogniser.parse("cancel the direct debit for my phone ending in 412, the £23 one", "en-IE")
    assert parse.intent == "cancel_direct_debit"
    assert [(e.name, e.value) for e in parse.entities] == [("service", "mobile ending 412"), ("amount", 2300)]
    assert parse.locale == "en-IE"


async def test_a_bare_number_is_an_entity_and_no_intent(recogniser: Recogniser) -> None:
    parse = await recogniser.parse(" the second one ")
    assert (parse.intent, parse.ranking) == ("", ())
    assert [(e.name, e.value, e.text, e.start) for e in parse.entities] == [("number", 2, "the second one", 1)]


def test_enough_examples_of_every_intent() -> None:
    counts = Counter(e.intent for e in load([NLU]).examples)
    assert len(counts) >= 20
    assert min(counts.values()) >= 25, counts


def test_the_domain_names_the_same_intents_and_entities() -> None:
    domain, data = yaml.safe_load((BRAND / "domain.yml").read_text()), load([NLU])
    assert set(domain["intents"]) == set(data.intents)
    assert (
        set(domain["entities"]) == {*data.lookups, *data.regexes} >= {s.entity for e in data.examples for s in e.spans}
    )


async def test_held_out_floors(recogniser: Recogniser) -> None:
    examples = load([BRAND / "heldout.yml"]).examples
    trained = {re.sub(r"\W+", " ", e.text.lower()) for e in load([NLU]).examples}
    assert not [e.text for e in examples if re.sub(r"\W+", " ", e.text.lower()) in trained]
    report = await score(recogniser, examples)
    assert report.count >= 150
    assert report.in_scope_accepted_correct >= 0.90, render(report)
    assert report.in_scope_accepted_correct + report.asked >= 0.97, render(report)
    assert report.asked <= 0.10, render(report)
    assert report.out_of_scope_recall >= 0.85, render(report)


async def test_cross_validation_counts_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "nlu.yml"
    lines = ['version: "3.1"', "nlu:"]
    for intent, noun in (("bill", "bill"), ("debit", "debit"), ("oos", "pizza")):
        lines += [f"- intent: {intent}", "  examples: |"]
        lines += [
            f"    - {verb} my {noun}" for verb in ("show", "see", "get", "open", "view", "find", "check", "print")
        ]
    file.write_text("\n".join(lines))
    report = await cross_validate(load([file]).examples)
    assert report.count == 24
    assert report.in_scope_accepted_correct + report.asked + report.wrong == pytest.approx(1)
    assert {name: m.count for name, m in report.intents.items()} == {"bill": 8, "debit": 8, "oos": 8}
    assert report.in_scope_accepted_correct > 0.8 and report.out_of_scope_recall > 0.8
    wrong = await score(build([file], tmp_path / "cache", date.today), load([file]).examples)
    assert (wrong.in_scope_accepted_correct, wrong.accuracy, wrong.misread) == (1.0, 1.0, ())


async def test_a_misread_shows_in_the_report(tmp_path: Path, recogniser: Recogniser) -> None:
    file = tmp_path / "wrong.yml"
    file.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - stop\n    - hello\n')
    report = await score(recogniser, load([file]).examples)
    assert (report.in_scope_accepted_correct, report.wrong, report.accuracy) == (0.5, 0.5, 0.5)
    assert report.confusions == (("greet", "stop", 1),)
    assert "greet as stop (1): stop" in render(report)


@pytest.mark.parametrize("text", ["ana@example.com", "07700 900123.", " GB29 NWBK 6016 1331 9268 19 "])
async def test_a_detail_by_itself_is_no_wish(recogniser: Recogniser, text: str) -> None:
    parse = await recogniser.parse(text)
    assert (parse.intent, parse.ranking) == ("", ())
    assert len(parse.entities) == 1
