"""Reading an answer to an open question: a press, an exact label, a number, a close match, yes or no."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import utils
from rapidfuzz.distance import DamerauLevenshtein

from bot.model import Choice

_YES = frozenset(
    [
        "yes",
        "y",
        "yep",
        "yeah",
        "yea",
        "ya",
        "yup",
        "sure",
        "ok",
        "okay",
        "k",
        "kk",
        "correct",
        "right",
        "that's right",
        "thats right",
        "please do",
        "do it",
        "go ahead",
        "go on",
        "go for it",
        "of course",
        "absolutely",
        "definitely",
        "yes please",
        "please",
        "fine",
        "aye",
        "yes do it",
        "yes that's right",
        "yes thats right",
        "that one",
        "sounds good",
        "confirm",
        "confirmed",
        "i do",
        "indeed",
        "certainly",
        "ye",
        "yess",
        "yes pls",
        "pls do",
    ]
)
_NO = frozenset(
    [
        "no",
        "n",
        "nope",
        "nah",
        "no thanks",
        "no thank you",
        "not now",
        "don't",
        "dont",
        "do not",
        "cancel that",
        "leave it",
        "never",
        "negative",
        "no way",
        "not really",
        "i'd rather not",
        "no don't",
        "no dont",
        "rather not",
        "not yet",
        "no leave it",
        "keep it",
        "no keep it",
        "changed my mind",
        "i changed my mind",
        "no ta",
        "naw",
        "wrong",
    ]
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "last": -1}
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_FILLER = re.compile(
    r"^(?:the|my|a|an|um|er|uh|it's|its|i think|i mean|no,|sorry|please)\s+|\s+(?:one|please|pls|thanks|ta)$"
)
CLOSE = 80.0
"""How near (0 to 100) the words must be to one label for them to mean it; and the nearest other at least 8 further
off."""


@dataclass(frozen=True, slots=True)
class Match:
    """An answer found. `exact`: nothing but an answer; otherwise a confident other intent goes before it."""

    value: Any
    exact: bool
    chosen: str = ""


def fold(text: str) -> str:
    """Lower case, one space between words, no accents on quotes, no closing punctuation."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold().strip()
    return re.sub(r"\s+", " ", plain).strip(" .!?,;")


def yes_no(text: str) -> bool | None:
    """Plain yes or no in many wordings, else None."""
    said = fold(text)
    if said in _YES:
        return True
    return False if said in _NO else None


def nonce(secret: bytes, conversation: str, op: str, choice: str) -> str:
    """What a button carries: opaque, bound to the conversation, the question and the choice."""
    raw = f"{conversation}\0{op}\0{choice}".encode()
    return hashlib.blake2b(raw, key=secret[:64], digest_size=12).hexdigest()


def match_choice(text: str, choices: Sequence[Choice]) -> Match | None:
    """The choice that the text means, or None when none or several fit."""
    said = fold(text)
    if not said:
        return None
    for choice in choices:
        if fold(choice.label) == said:
            return Match(choice.id, True, choice.id)
    at = _position(said, len(choices))
    if at is not None:
        return Match(choices[at].id, True, choices[at].id)
    found = near(said, [choice.label for choice in choices])
    if found is None:
        return None
    return Match(choices[found].id, len(said.split()) <= 4, choices[found].id)


def near(said: str, labels: Sequence[str]) -> int | None:
    """The index of the one label these words are near to, by words in common; None when none or several are."""
    short = fold(said)
    while (cut := _FILLER.sub("", short)) != short:
        short = cut
    if not short:
        return None
    scores = sorted(
        ((_score(short, utils.default_process(label)), index) for index, label in enumerate(labels)), reverse=True
    )
    best, index = scores[0]
    second = scores[1][0] if len(scores) > 1 else 0.0
    return index if best >= CLOSE and best - second >= 8 else None


def _score(said: str, label: str) -> float:
    """How well each word said is found among the label's words, typos forgiven; the mean over the words said."""
    words, there = utils.default_process(said).split(), label.split()
    if not words or not there:
        return 0.0
    return sum(max(_word(word, other) for other in there) for word in words) / len(words)


def _word(word: str, other: str) -> float:
    if word == other:
        return 100.0
    if len(word) < 4 or word.isdecimal():
        return 0.0
    return 100.0 * DamerauLevenshtein.normalized_similarity(word, other)


def _ordinal(word: str) -> int | None:
    """An ordinal's number, one slip of the keyboard forgiven ("secnod")."""
    if len(word) < 5:
        return _ORDINALS.get(word)
    return next((at for name, at in _ORDINALS.items() if DamerauLevenshtein.distance(word, name) <= 1), None)


def _position(said: str, count: int) -> int | None:
    word = re.sub(r"^(?:option|number|#|no\.?(?=\s*\d))\s*", "", said)
    word = re.sub(r"^the\s+|\s+one$|\s+option$|(?<=\d)(?:st|nd|rd|th)$", "", re.sub(r"\s+one$", "", word))
    at = int(word) if word.isdecimal() and len(word) <= 3 else _NUMBERS.get(word) or _ordinal(word)
    if at is None:
        return None
    index = count - 1 if at == -1 else at - 1
    return index if 0 <= index < count else None
