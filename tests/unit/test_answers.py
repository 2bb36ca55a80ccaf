"""Answers: positions, labels, near matches and what is too ambiguous to be one; yes and no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Choice
from bot.script.answers import fold, match_choice, near, nonce, yes_no

SERVICES = ["Home broadband, £31.00", "Mobile ending 412, £23.00", "Handset plan, £14.00", "One at another company"]
MOBILES = ["Mobile ending 412, £23.00", "Mobile ending 980, £23.00"]
MONTHS = ["October 2026", "September 2026", "October 2025"]


def choices(labels: list[str]) -> list[Choice]:
    """Choices with their index as id."""
    return [Choice(str(at), label) for at, label in enumerate(labels)]


def chosen(said: str, labels: list[str]) -> int | None:
    """The index that was understood."""
    match = match_choice(said, choices(labels))
    return None if match is None else int(match.value)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("Mobile ending 412, £23.00", 1), ("mobile ending 412, £23.00.", 1), ("the mobile one", 1), ("mobile", 1),
        ("mobile please", 1), ("my mobile", 1), ("412", 1), ("£23", 1), ("home broadband", 0), ("handset", 2),
        ("it's the handset one", 2), ("1", 0), ("2", 1), ("#2", 1), ("number three", 2), ("option 4", 3), ("two", 1),
        ("the second one", 1), ("second", 1), ("the last one", 3), ("last", 3), ("no 2", 1), ("no, the mobile", 1),
        ("moblie", 1), ("the mobil one", 1), ("broadbnad", 0), ("handest plan", 2),
        ("2nd", 1), ("the 3rd one", 2), ("the secnod one", 1),
    ],
)  # fmt: skip
def test_one_is_meant(said: str, at: int) -> None:
    assert chosen(said, SERVICES) == at


@pytest.mark.parametrize(
    "said",
    [
        "", "   ", "?", "both", "none", "none of them", "neither", "no one", "noone", "nobody", "0", "5", "99", "-1",
        "broadband or mobile", "mobile and broadband", "not the mobile one", "no mobile", "anything but mobile",
        "1000", "what is a mandate", "what's the difference between them", "👍", "yes", "no", "november", "5th",
    ],
)  # fmt: skip
def test_none_is_meant(said: str) -> None:
    assert chosen(said, SERVICES) is None


@pytest.mark.parametrize(
    ("said", "labels", "at"),
    [
        ("mobile", MOBILES, None), ("the mobile one", MOBILES, None), ("mobile ending", MOBILES, None),
        ("£23.00", MOBILES, None), ("980", MOBILES, 1), ("ending 980", MOBILES, 1), ("mobile 412", MOBILES, 0),
        ("412 or 980", MOBILES, None), ("421", MOBILES, None), ("981", MOBILES, None),
        ("october", MONTHS, None), ("october 2026", MONTHS, 0), ("september", MONTHS, 1), ("2025", MONTHS, 2),
        ("october 2024", MONTHS, None), ("octobre 2025", MONTHS, 2),
        ("one", ["Two", "One"], 1), ("2", ["2", "1"], 0), ("second", ["Second line", "First line"], 1),
    ],
)  # fmt: skip
def test_words_that_several_labels_share_mean_none_of_them(said: str, labels: list[str], at: int | None) -> None:
    assert chosen(said, labels) == at


def test_a_number_with_a_typo_never_picks_another_number() -> None:
    labels = ["Mandate 10001", "Mandate 10002", "Mandate 20001"]
    assert chosen("mandate 10003", labels) is None
    assert chosen("10011", labels) is None


def test_an_exact_label_or_position_is_exact_and_a_long_sentence_is_not() -> None:
    found = match_choice("Mobile ending 412, £23.00", choices(SERVICES))
    assert found is not None
    assert found.exact
    assert (found.value, found.chosen) == ("1", "1")
    for said in ("mobile mobile mobile mobile mobile", "the mobile ending 412 £23 please"):
        long = match_choice(said, choices(SERVICES))
        assert long is None or not long.exact


@given(st.text(max_size=60), st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_text_is_matched_or_not_without_an_error(said: str, labels: list[str]) -> None:
    match = match_choice(said, choices(labels))
    assert match is None or 0 <= int(match.value) < len(labels)
    at = near(said, labels)
    assert at is None or 0 <= at < len(labels)


@given(st.sampled_from(range(4)), st.sampled_from(range(4)))
def test_naming_two_labels_at_once_means_neither(one: int, other: int) -> None:
    if one != other:
        assert chosen(f"{SERVICES[one]} and {SERVICES[other]}", SERVICES) is None


@pytest.mark.parametrize(
    "said",
    ["yes", "Yes!", "YES.", "yep", "yeah", "y", "ok", "Okay", "sure", "go ahead", "do it", "yes please", "That’s right",
     "please do", "of course", "aye", "  yes  "],
)  # fmt: skip
def test_a_yes(said: str) -> None:
    assert yes_no(said) is True


@pytest.mark.parametrize(
    "said",
    ["no", "No.", "nope", "nah", "n", "no thanks", "No thank you", "not now", "don't", "Don’t", "do not", "leave it",
     "keep it", "never", "no way", "changed my mind", "I'd rather not", "cancel that"],
)  # fmt: skip
def test_a_no(said: str) -> None:
    assert yes_no(said) is False


@pytest.mark.parametrize(
    "said",
    ["", "👍", "maybe", "yes but", "yes and no", "no idea", "not sure", "I don't know", "yesterday", "know", "nobody",
     "yes, cancel it", "what happens if I say yes?", "🚫"],
)  # fmt: skip
def test_neither(said: str) -> None:
    assert yes_no(said) is None


def test_folding() -> None:
    assert fold("  Don’t   STOP.!? ") == "don't stop"
    assert fold("ＹＥＳ") == "yes"
    assert fold("£23.00") == "£23.00"


def test_a_nonce_is_bound_to_conversation_question_and_choice() -> None:
    one = nonce(b"k", "conversation", "op", "yes")
    assert one == nonce(b"k", "conversation", "op", "yes")
    others = [
        nonce(b"k", "other", "op", "yes"), nonce(b"k", "conversation", "other", "yes"),
        nonce(b"k", "conversation", "op", "no"), nonce(b"l", "conversation", "op", "yes"),
    ]  # fmt: skip
    assert one not in others
    assert len(one) == 24
    assert "yes" not in one
