"""Entities: what was written, where, and what it stands for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nlu.data import NluData, load
from nlu.entities import EntityFinder
from nlu.text import plain

BRAND = Path(__file__).parents[2] / "brands" / "larkspur" / "nlu"


@pytest.fixture(scope="module")
def data() -> NluData:
    return load([BRAND / "nlu.yml"])


@pytest.fixture(scope="module")
def find(data: NluData) -> EntityFinder:
    return EntityFinder(data, lambda: date(2026, 11, 22))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my October bill", "2026-10"),
        ("octobers bill", "2026-10"),
        ("November's", "2026-11"),
        ("the december one", "2025-12"),
        ("december 2024", "2024-12"),
        ("last month", "2026-10"),
        ("LAST MONTH'S bill", "2026-10"),
        ("the month before last", "2026-09"),
        ("this month", "2026-11"),
        ("next month", "2026-12"),
        ("3 months ago", "2026-08"),
        ("two months back", "2026-09"),
        ("sept", "2026-09"),
        ("ocotber", "2026-10"),
        ("febuary", "2026-02"),
        ("May", "2026-05"),
        ("my may bill", "2026-05"),
        ("in march", "2026-03"),
        ("may's bill", "2026-05"),
        ("what about march?", "2026-03"),
        ("wot about mar", "2026-03"),
    ],
)
def test_months(find: EntityFinder, text: str, value: str) -> None:
    (month,) = find(text)
    assert (month.name, month.value) == ("month", value)


@pytest.mark.parametrize(
    "text", ["may i see my bill", "you may not", "can i march in", "it may be late", "marching", "deck"]
)
def test_words_that_only_look_like_months(find: EntityFinder, text: str) -> None:
    assert find(text) == ()


def test_months_count_from_the_clock(data: NluData) -> None:
    day = date(2027, 1, 3)
    find = EntityFinder(data, lambda: day)
    assert [e.value for e in find("last month and january and february")] == ["2026-12", "2027-01", "2026-02"]
    day = date(2027, 3, 1)
    assert [e.value for e in find("last month")] == ["2027-02"]


@pytest.mark.parametrize(
    ("text", "pence"),
    [
        ("£14.20", 1420),
        ("£14.2", 1420),
        ("£14", 1400),
        ("£1,250.05", 125005),
        ("£61.20p", 6120),
        ("14.20", 1420),
        ("it was 14.20.", 1420),
        ("14 pounds 20", 1420),
        ("14 pounds and 20p", 1420),
        ("fourteen pounds fifty", 1450),
        ("20 quid", 2000),
        ("twenty-five quid", 2500),
        ("a hundred pounds", 10000),
        ("a tenner", 1000),
        ("fiver", 500),
        ("50p", 50),
        ("fifty pence", 50),
        ("GBP 30", 3000),
    ],
)
def test_amounts_in_pence(find: EntityFinder, text: str, pence: int) -> None:
    (amount,) = find(text)
    assert (amount.name, amount.value, type(amount.value)) == ("amount", pence, int)


@pytest.mark.parametrize(
    "text", ["at 10.30am", "2.50gb", "1.234.567", "22.11.2026", "14", "5 people", "4g", "option 2"]
)
def test_numbers_that_are_no_sums(find: EntityFinder, text: str) -> None:
    assert [e for e in find(text) if e.name != "date"] == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cancel my DD for the phone", "mobile"),
        ("cancel phone insurance", "insurance"),
        ("the wi-fi one", "broadband"),
        ("my brodband", "broadband"),
        ("my moblie", "mobile"),
        ("the handset's", "handset"),
        ("the mobile ending in 412", "mobile ending 412"),
        ("the one ending 412", "ending 412"),
        ("the 412 one", "412"),
    ],
)
def test_services(find: EntityFinder, text: str, value: str) -> None:
    (service,) = find(text)
    assert (service.name, service.value) == ("service", value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("can u stop netflix dd", "Netflix"),
        ("cancel my Netflix's direct debit", "Netflix"),
        ("stop my spotfy payment", "Spotify"),
        ("cancel my gym direct debit", "your gym"),
        ("cancel the dd for my gym membership", "your gym"),
        ("stop my council tax dd", "council tax"),
        ("my tv license", "your TV licence"),
        ("the british gas one", "British Gas"),
        ("cancel my car insurance dd", "your car insurance"),
        ("cancel my sky broadband dd", "Sky"),
        ("stop the direct debit to my credit card", "your credit card"),
        ("stop paying my council tax by direct debit", "council tax"),
    ],
)
def test_payees_read_well_inside_a_sentence(find: EntityFinder, text: str, value: str) -> None:
    (payee,) = find(text)
    assert (payee.name, payee.value) == ("payee", value)


@pytest.mark.parametrize(
    "text",
    [
        "I'm switching to Vodafone so cancel my direct debit",
        "i'm going over to sky, cancel my dd",
        "joined o2, stop my direct debit",
        "cancel my dd, i'll pay by credit card",
        "cancel my direct debit and i'll pay it with my credit card",
        "stop the direct debit so i can pay my rent",
        "my mobile fell in the water, stop the insurance dd",
    ],
)
def test_a_company_named_in_passing_is_no_payee(find: EntityFinder, text: str) -> None:
    assert "payee" not in {e.name for e in find(text)}
    assert "aside" in {e.name for e in find(text)}


def test_our_own_services_are_no_payees(data: NluData, find: EntityFinder) -> None:
    ours = [phrase for phrase, value in data.synonyms.items() if value in data.lookups["service"]]
    assert len(ours) > 30
    for phrase in [*ours, *data.lookups["service"], "larkspur", "larkspur mobile"]:
        assert "payee" not in {e.name for e in find(f"cancel my {phrase} direct debit")}, phrase


def test_a_verb_is_not_a_misspelt_service(find: EntityFinder) -> None:
    assert find("who have i phoned") == ()


def test_reference_in_capitals(find: EntityFinder) -> None:
    (reference,) = find("what is dd-7781")
    assert (reference.name, reference.value, reference.text) == ("reference", "DD-7781", "dd-7781")


def test_several_in_order_with_spans(find: EntityFinder) -> None:
    text = "No, the mobile one, and the March bill was £14.20"
    found = find(text)
    assert [(e.name, e.value) for e in found] == [("service", "mobile"), ("month", "2026-03"), ("amount", 1420)]
    assert [text[e.start : e.end] for e in found] == ["mobile", "March", "£14.20"] == [e.text for e in found]


def test_every_annotation_of_the_brand_is_found(data: NluData, find: EntityFinder) -> None:
    annotated = [(e, s) for e in data.examples for s in e.spans]
    assert len(annotated) > 200
    for example, span in annotated:
        places = {(e.name, e.start, e.end) for e in find(example.text)}
        assert (span.entity, span.start, span.end) in places, example.where


def test_an_entity_known_by_annotation_alone(tmp_path: Path) -> None:
    file = tmp_path / "nlu.yml"
    file.write_text(
        'version: "3.1"\nnlu:\n- intent: meter\n  examples: |\n    - read my [gas](fuel) meter\n'
        '    - my [leccy]{"entity": "fuel", "value": "electricity"} reading\n- intent: other\n  examples: |\n    - no\n'
    )
    find = EntityFinder(load([file]), date.today)
    assert [(e.name, e.value) for e in find("the leccy and the GAS")] == [("fuel", "electricity"), ("fuel", "gas")]


def test_a_regex_without_groups_keeps_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "nlu.yml"
    file.write_text('version: "3.1"\nnlu:\n- regex: postcode\n  examples: |\n    - \\b[a-z]{2}\\d \\d[a-z]{2}\\b\n')
    (found,) = EntityFinder(load([file]), date.today)("at LS1 4AP now")
    assert (found.name, found.value, found.start, found.end) == ("postcode", "LS1 4AP", 3, 10)


def test_plain_takes_apostrophes_and_marks_away() -> None:
    assert plain("  Can’t — WON'T, pay!! ") == "cant wont pay"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ring 07700 900123 please", [("phone", "+447700900123", "07700 900123")]),
        ("it's +44 (0)20 7946 0018", [("phone", "+442079460018", "+44 (0)20 7946 0018")]),
        ("GB29 NWBK 6016 1331 9268 19 please", [("iban", "GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19")]),
        ("sort code is 20-00-00", [("sort_code", "200000", "20-00-00")]),
        ("write to Joe.B@Example.co.uk.", [("email", "joe.b@example.co.uk", "Joe.B@Example.co.uk")]),
        ("charged on 12/03/2026", [("date", "2026-03-12", "12/03/2026")]),
        ("since 2026-10-05", [("date", "2026-10-05", "2026-10-05")]),
        ("tomorrow", [("date", "2026-11-23", "tomorrow")]),
        ("last friday", [("date", "2026-11-20", "last friday")]),
        ("last sunday", [("date", "2026-11-15", "last sunday")]),
        ("on sunday", [("date", "2026-11-22", "on sunday")]),
        ("next sunday", [("date", "2026-11-29", "next sunday")]),
        ("this monday", [("date", "2026-11-23", "this monday")]),
        ("on the 5th", [("date", "2026-11-05", "on the 5th")]),
    ],
)
def test_contacts_and_days(find: EntityFinder, text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(e.name, e.value, e.text) for e in find(text)] == expected
    assert all(text[e.start : e.end] == e.text for e in find(text))


@pytest.mark.parametrize(
    "text",
    [
        "0800 123", "the 2nd one", "on the 31st", "31/02/2026", "GB29 NWBK 6016 1331 9268 18", "a@b", "20-00-00",
        "may i", "one moment", "my number is 12",
    ],
)  # fmt: skip
def test_what_only_looks_like_one(find: EntityFinder, text: str) -> None:
    assert not {e.name for e in find(text)} & {"phone", "iban", "sort_code", "email", "date"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no, the mobile one, and the March bill", {"service": ["mobile"], "month": ["2026-03"]}),
        ("not the mobile, the broadband", {"service": ["broadband"]}),
        ("the mobile, not the broadband one", {"service": ["mobile"]}),
        ("October, no, November bill", {"month": ["2026-11"]}),
        ("the october bill sorry i mean september", {"month": ["2026-09"]}),
        ("instead of the march bill show april", {"month": ["2026-04"]}),
        ("£20, actually £25", {"amount": [2500]}),
        ("not october", {"month": ["2026-10"]}),
        ("october and november", {"month": ["2026-10", "2026-11"]}),
        ("mobile and broadband for october", {"service": ["mobile", "broadband"], "month": ["2026-10"]}),
    ],
)
def test_several_things_and_what_is_taken_back(
    find: EntityFinder, text: str, expected: dict[str, list[object]]
) -> None:
    found: dict[str, list[object]] = {}
    for one in find(text):
        found.setdefault(one.name, []).append(one.value)
    assert found == expected
