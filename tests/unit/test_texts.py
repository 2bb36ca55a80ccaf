"""The catalogue: money, days, months, the quick way and the whole one alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SettingsError, UnknownText
from bot.model import Choice
from bot.script.texts import Texts, flatten, message_id, numbered

FTL = """
plain = Just words.
one = Hello { $name }!
both = { $first } and { $second-name }, { $first } again.
money = { MONEY($pence) }
day = { DATE($on) }
short = { DATE($on, style: "short") }
weekday = { DATE($on, style: "weekday") }
month = { MONTH($month) }
time = { TIME($at) }
list = { LIST($things) }
many = { $count ->
    [one] one thing
   *[other] { $count } things
}
flag = { $on ->
    [yes] on
   *[no] off
}
thing = { $item-name }: { MONEY($item-pence) }, { $item-note }.
brand = Call { $brand-phone }.
long =
    First line,
      indented { $name },
    last.
attr = Value
    .yes = Yes, { $name }
    .money = { MONEY($pence) }
empty = { $name }
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A value."""

    name: str
    pence: int
    note: str | None = None


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    file = tmp_path_factory.mktemp("texts") / "en.ftl"
    file.write_text(FTL, "utf-8")
    return Texts({"en-GB": [file]}, {"phone": "0800 1", "name": "B"}, lambda: date(2026, 11, 16))


def whole(texts: Texts, text: str, attribute: str | None = None, **values: Any) -> str:
    """Formatted without the quick way."""
    quick = texts._plainly
    try:
        texts._plainly = lambda *_: None  # type: ignore[method-assign]
        return texts.format(text, attribute, values, "en-GB")
    finally:
        texts._plainly = quick  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("pence", "said"),
    [
        (0, "£0.00"), (5, "£0.05"), (100, "£1.00"), (3100, "£31.00"), (123456789, "£1,234,567.89"), (-5, "−£0.05"),
        (-3100, "−£31.00"), (-150, "−£1.50"),
    ],
)  # fmt: skip
def test_money_is_pence(texts: Texts, pence: int, said: str) -> None:
    assert texts.say("money", pence=pence) == said


@given(st.integers(-(10**9), 10**9))
def test_money_reads_back(pence: int) -> None:
    from bot.script.texts import _money

    said = _money(pence)
    digits = int("".join(c for c in said if c.isdigit()))
    assert digits == abs(pence)
    assert said.startswith("−") == (pence < 0)


@pytest.mark.parametrize(
    ("text", "on", "said"),
    [
        ("day", date(2026, 11, 30), "30 November"), ("day", date(2025, 2, 28), "28 February 2025"),
        ("day", date(2027, 1, 1), "1 January 2027"), ("short", date(2026, 3, 5), "5 Mar"),
        ("short", date(2024, 2, 29), "29 Feb 2024"), ("weekday", date(2026, 11, 30), "Monday 30 November"),
        ("day", datetime(2026, 11, 30, 23, 59, tzinfo=UTC), "30 November"), ("day", "2026-11-30", "30 November"),
    ],
)  # fmt: skip
def test_days(texts: Texts, text: str, on: Any, said: str) -> None:
    assert texts.say(text, on=on) == said


@pytest.mark.parametrize(
    ("month", "said"), [("2026-11", "November"), ("2025-11", "November 2025"), ("2027-01", "January 2027")]
)
def test_months(texts: Texts, month: str, said: str) -> None:
    assert texts.say("month", month=month) == said


def test_times_lists_plurals_and_flags(texts: Texts) -> None:
    assert texts.say("time", at=datetime(2026, 11, 3, 8, 5, tzinfo=UTC)) == "08:05"
    assert texts.say("list", things=["a", "b", "c"]) == "a, b and c"
    assert texts.say("list", things=("a",)) == "a"
    assert texts.say("many", count=1) == "one thing"
    assert texts.say("many", count=2) == "2 things"
    assert texts.say("flag", on=True) == "on"
    assert texts.say("flag", on=False) == "off"


def test_a_dataclass_is_its_fields_and_none_is_nothing(texts: Texts) -> None:
    assert texts.say("thing", item=Item("Mobile", 2300)) == "Mobile: £23.00, ."
    assert flatten({"item": Item("a", 1), "other_name": 2}) == {
        "item-name": "a", "item-pence": 1, "item-note": "", "other-name": 2
    }  # fmt: skip


def test_brand_values_are_in_reach(texts: Texts) -> None:
    assert texts.say("brand") == "Call 0800 1."


def test_what_is_missing_is_an_error_that_names_it(texts: Texts) -> None:
    with pytest.raises(UnknownText, match="absent-text"):
        texts.say("absent.text")
    with pytest.raises(UnknownText, match="one"):
        texts.say("one")
    with pytest.raises(UnknownText, match="money"):
        texts.say("money")
    with pytest.raises(UnknownText, match=r"plain\.button"):
        texts.format("plain", "button", {}, "en-GB")


def test_ids_are_dotted_in_code(texts: Texts) -> None:
    assert message_id("debit.before_you_go") == "debit-before-you-go"
    assert texts.has("attr", "yes")
    assert not texts.has("attr", "no")
    assert not texts.has("nothing")
    assert texts.variables("attr", "en-GB") == {"name", "pence"}
    assert texts.variables("brand", "en-GB") == set()


def test_a_mistake_in_a_file_names_the_file_and_the_line(tmp_path: Path) -> None:
    file = tmp_path / "en.ftl"
    file.write_text("good = Good\nbad = { $name\n", "utf-8")
    with pytest.raises(SettingsError, match=r"en\.ftl line 2"):
        Texts({"en": [file]}, {}, date.today)


def test_later_files_win_and_the_nearest_language_is_taken(tmp_path: Path) -> None:
    files = {"a.ftl": "hi = Ours { $name }\nonly = Ours", "b.ftl": "hi = Theirs", "c.ftl": "hi = Hallo"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    made = Texts({"en-GB": [tmp_path / "a.ftl", tmp_path / "b.ftl"], "de": [tmp_path / "c.ftl"]}, {}, date.today)
    assert made.say("hi", name="x") == "Theirs"
    assert made.say("only") == "Ours"
    assert made.say("hi", "de-AT") == "Hallo"
    assert made.say("hi", "fr") == "Theirs"
    assert (made.locale("en-US"), made.locale("de"), made.locale(None)) == ("en-GB", "de", "en-GB")
    with pytest.raises(UnknownText, match="only"):
        made.say("only", "de")


class Colour(StrEnum):
    RED = "red"


class Old(str, Enum):  # noqa: UP042 - as botbuilder's own are
    RED = "red"


VALUES = st.one_of(
    st.text(max_size=30),
    st.integers(-(10**7), 10**7),
    st.booleans(),
    st.none(),
    st.dates(),
    st.floats(-1000, 1000, width=32),
)


@given(first=VALUES, second=VALUES)
def test_the_quick_way_says_what_the_whole_way_says(texts: Texts, first: Any, second: Any) -> None:
    for text in ("one", "long", "empty"):
        assert texts.say(text, name=first) == whole(texts, text, name=first)
    assert texts.say("both", first=first, second_name=second) == whole(texts, "both", first=first, second_name=second)
    assert texts.format("attr", "yes", {"name": first}, "en-GB") == whole(texts, "attr", "yes", name=first)


@pytest.mark.parametrize("value", [Colour.RED, Old.RED])
def test_an_enum_is_its_value_either_way(texts: Texts, value: Any) -> None:
    assert texts.say("one", name=value) == whole(texts, "one", name=value) == "Hello red!"


def test_choices_as_numbered_lines() -> None:
    assert numbered([Choice("a", "Mobile"), Choice("b", "Broadband")]) == "1. Mobile\n2. Broadband"
