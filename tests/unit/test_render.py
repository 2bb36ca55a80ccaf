"""Shaping: text cut where a reader pauses, choices that all stay reachable, nothing left out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.render import Button, Limits, Opens, Part, Renderer, Words, shorten, split
from adapters.render.renderer import shape
from bot.model import Card, Choice, File, Items, Link, Outbound

PLAIN = Limits(text=300)
CHAT = Limits(text=1000, buttons=8, label=20, opens=lambda url: url.startswith("https://"))
FLEETING = Limits(
    text=500,
    buttons=5,
    label=20,
    keeps_buttons=False,
    cards=3,
    text_with_links=100,
    opens=lambda url: url.startswith("https://"),
)
ALL = {"plain": PLAIN, "chat": CHAT, "fleeting": FLEETING}


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(f"i{at}", label, f"nonce{at}") for at, label in enumerate(labels))


def ask(*labels: str, op: str = "q") -> Outbound:
    return Outbound("Which one?", choices=choices(*labels), op=op)


YES_NO = Outbound("Cancel it?", choices=(Choice("yes", "Yes, cancel it", "a"), Choice("no", "No", "b")), op="q")


# Splitting


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("short", 10, ["short"]),
        ("", 10, []),
        ("   \n ", 10, []),
        ("One two. Three four. Five six.", 22, ["One two. Three four.", "Five six."]),
        ("First line is this\nSecond. Line.", 25, ["First line is this", "Second. Line."]),
        ("A paragraph here.\n\nAnother. One.", 28, ["A paragraph here.", "Another. One."]),
        ("It costs £3.50 a month. Yes.", 24, ["It costs £3.50 a month.", "Yes."]),
        ("Call Mr. Green and Mrs. Hale now please", 26, ["Call Mr. Green and Mrs.", "Hale now please"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("He said “stop.” Then he left it.", 20, ["He said “stop.”", "Then he left it."]),
        ("What?! No. Really and truly not", 18, ["What?! No.", "Really and truly", "not"]),
    ],
)
def test_text_is_cut_at_the_best_pause(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


def test_a_sentence_does_not_end_at_an_abbreviation() -> None:
    assert split("Please ask for Mr. Green tomorrow then", 24) == ["Please ask for Mr. Green", "tomorrow then"]
    assert split("Please look at bill No. 17 of this year", 26) == ["Please look at bill No. 17", "of this year"]
    assert split("Please look at the bill No. 17", 28) == ["Please look at the bill No.", "17"]


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧‍👦", "🇬🇧", "👍🏽", "é", "❤️"])
def test_what_reads_as_one_sign_is_not_cut_apart(emoji: str) -> None:
    for piece in split(emoji * 20, 25, utf16):
        assert piece == emoji * (len(piece) // len(emoji))


@given(st.text(max_size=400), st.integers(2, 60))
def test_nothing_is_lost_and_every_piece_fits(text: str, limit: int) -> None:
    for measure in (len, utf16):
        pieces = split(text, limit, measure)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert all(piece and measure(piece) <= limit for piece in pieces)


@given(st.text(max_size=60), st.integers(2, 30))
def test_a_short_label_fits_and_stays_on_one_line(text: str, limit: int) -> None:
    made = shorten(text, limit)
    assert len(made) <= limit
    assert len(made.splitlines()) <= 1
    assert made.endswith("…") or made == " ".join(text.split())


# Choices


def test_choices_that_fit_are_buttons() -> None:
    assert shape(ask("One", "Two"), CHAT) == (Part("Which one?", (Button("One", "nonce0"), Button("Two", "nonce1"))),)


def test_long_labels_are_told_in_the_text_and_numbered_on_the_buttons() -> None:
    (part,) = shape(ask("Home broadband, £31.00", "Mobile ending 412, £23.00"), CHAT)
    assert part.text == "Which one?\n\n1. Home broadband, £31.00\n2. Mobile ending 412, £23.00"
    assert [button.label for button in part.buttons] == ["1. Home broadband…", "2. Mobile ending 41…"]


def test_many_choices_take_several_messages_where_buttons_stay() -> None:
    parts = shape(ask(*(f"Option {at}" for at in range(1, 21))), CHAT)
    assert [part.text for part in parts] == ["Which one?", "More choices:", "More choices:"]
    assert [len(part.buttons) for part in parts] == [8, 8, 4]


def test_many_choices_are_a_list_where_buttons_vanish() -> None:
    (part,) = shape(ask(*(f"Option {at}" for at in range(1, 7))), FLEETING)
    assert part.buttons == ()
    assert part.text.startswith("Which one?\n\nReply with a number, or with the words:\n1. Option 1\n2. Option 2")


def test_a_yes_or_no_asks_for_its_words_never_for_a_number() -> None:
    (part,) = shape(YES_NO, PLAIN)
    assert part.text == "Cancel it?\n\nReply with one of these:\n• Yes, cancel it\n• No"


def test_offers_ask_for_their_words() -> None:
    (part,) = shape(ask("See the calls", "When is it due?", op=""), PLAIN)
    assert part.text == "Which one?\n\nReply with one of these:\n• See the calls\n• When is it due?"


def test_labels_that_look_alike_when_shortened_are_numbered() -> None:
    long = ("Yes, cancel my contract today", "Yes, cancel my contract tomorrow")
    (part,) = shape(ask(*long, op=""), CHAT)
    assert [button.label for button in part.buttons] == ["1. Yes, cancel my c…", "2. Yes, cancel my c…"]
    assert part.text.endswith(f"1. {long[0]}\n2. {long[1]}")


def test_buttons_stand_below_the_last_piece_of_a_long_text() -> None:
    said = Outbound("A sentence that goes on. " * 60, choices=choices("One"), op="q")
    *before, last = shape(said, CHAT)
    assert before and not any(part.buttons for part in before)
    assert len(last.buttons) == 1


@pytest.mark.parametrize("blank", ["", " ", "\n \n"])
def test_buttons_without_any_text_get_some(blank: str) -> None:
    (part,) = shape(Outbound(blank, choices=choices("One"), op="q"), CHAT)
    assert part == Part("Please choose:", (Button("One", "nonce0"),))


def labels_of(part: Part) -> list[str]:
    return [button.label for button in part.buttons] + [link.label for link in part.links]


LABEL = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60).map(
    lambda text: " ".join(unicodedata.normalize("NFC", text).split()) or "x"
)


@given(
    st.lists(LABEL, max_size=40, unique=True),
    st.sampled_from(sorted(ALL)),
    st.sampled_from(["q", ""]),
    st.text("ab. \n", max_size=700),
    st.integers(0, 5),
    st.booleans(),
)
def test_no_choice_is_ever_dropped_and_no_limit_broken(
    labels: list[str], name: str, op: str, text: str, cards: int, link: bool
) -> None:
    limits = ALL[name]
    said = Outbound(text, choices=choices(*labels), op=op, items=Items((Card("Title", "about"),) * cards))
    opens = [Opens("A rather long name of a page", "https://chat.example/link/x")] if link else []
    parts = shape(said, limits, opens=opens)
    for part in parts:
        assert part.text or part.cards
        assert len(part.text) <= limits.text
        assert not part.links or len(part.text) <= (limits.text_with_links or limits.text)
        assert len(part.buttons) <= limits.buttons
        assert len(part.cards) <= limits.cards
        assert all(0 < len(label) <= limits.label for label in labels_of(part))
    nonces = [button.nonce for part in parts for button in part.buttons]
    assert nonces in ([], [choice.nonce for choice in said.choices])
    told = "".join("".join(part.text for part in parts).split())
    shown = {button.label for part in parts for button in part.buttons}
    for label in labels:
        assert label in shown or "".join(label.split()) in told
    if not limits.keeps_buttons:
        assert not any(part.buttons for part in parts[:-1])
    if link:
        assert "https://chat.example/link/x" in told or [one.url for part in parts for one in part.links]


# Everything else


def test_cards_become_lines_where_there_are_none() -> None:
    card = Card("October", "Paid", (("Total", "£61.20"), ("Due", "30 November")))
    (part,) = shape(Outbound("Here:", card=card), PLAIN)
    assert part.text == "Here:\n\nOctober\nPaid\nTotal: £61.20\nDue: 30 November"


def test_cards_stay_cards_where_there_are_some() -> None:
    cards = tuple(Card(f"c{at}") for at in range(7))
    parts = shape(Outbound("Here:", items=Items(cards), choices=choices("One"), op="q"), FLEETING)
    assert [len(part.cards) for part in parts] == [3, 3, 1]
    assert parts[0].text == "Here:"
    assert parts[-1].buttons == (Button("One", "nonce0"),)


def test_an_address_that_no_button_opens_stands_in_the_text() -> None:
    assert shape(Outbound("Sign in."), CHAT, opens=[Opens("Sign in", "http://localhost/x")]) == (
        Part("Sign in.\n\nSign in: http://localhost/x"),
    )


def test_a_link_button_without_text_gets_some() -> None:
    (part,) = shape(Outbound(), CHAT, opens=[Opens("Approve", "https://a.example/x")])
    assert (part.text, part.links) == ("Open this page:", (Opens("Approve", "https://a.example/x"),))


def test_the_text_beside_a_link_has_its_own_limit() -> None:
    parts = shape(Outbound("One more sentence. " * 20), FLEETING, opens=[Opens("Approve", "https://a.example/x")])
    assert len(parts[-1].text) <= 100
    assert [bool(part.links) for part in parts] == [False] * (len(parts) - 1) + [True]


def test_a_person_is_named_and_the_system_is_not() -> None:
    assert shape(Outbound("Hello.", author="Sam"), PLAIN) == (Part("Sam: Hello."),)
    assert shape(Outbound("Sam has joined.", author="system"), PLAIN) == (Part("Sam has joined."),)


def test_nothing_said_is_nothing_sent() -> None:
    assert shape(Outbound(), CHAT) == ()


class Minter:
    def __init__(self, url: str | None) -> None:
        self._url = url

    async def url(self, transaction: str, conversation: str) -> str | None:
        return self._url and f"{self._url}/{conversation}/{transaction}"

    async def mint(self, conversation: str, file: File) -> str:
        return f"{self._url}/{conversation}/{file.ref}"


async def test_addresses_are_minted_for_this_conversation() -> None:
    minter = Minter("https://a.example")
    said = Outbound("Here.", link=Link("t1", "Approve"), file=File("r1", "bill.pdf", "application/pdf"))
    (part,) = await Renderer(CHAT, minter, minter).parts(said, "c9")
    assert part.links == (Opens("bill.pdf", "https://a.example/c9/r1"), Opens("Approve", "https://a.example/c9/t1"))


async def test_what_has_no_address_is_said() -> None:
    said = Outbound("Here.", link=Link("t1", "Approve"), file=File("r1", "bill.pdf", "application/pdf"))
    words = Words(expired="It has ended.", no_file="Not here.")
    (part,) = await Renderer(CHAT, Minter(None), None, words).parts(said, "c9")
    assert part == Part("Here.\n\nbill.pdf\nNot here.\n\nIt has ended.")
