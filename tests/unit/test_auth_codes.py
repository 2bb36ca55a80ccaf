"""Codes: how they are made, kept, recognised in a message and taken out of it."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.codes import ALPHABET, MASK, find, redact, shown, written
from auth.keys import Keys

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_code_has_eight_characters_and_a_digit_that_no_letter_is_mistaken_for() -> None:
    codes = {Keys([OLD]).code(f"t{n}") for n in range(2000)}
    assert len(codes) == 2000
    for code in codes:
        assert len(code) == 8
        assert set(code) <= set(ALPHABET)
        assert set(code) & set("23456789")
    assert {letter for code in codes for letter in code} == set(ALPHABET)


def test_bytes_that_make_no_digit_are_asked_for_again() -> None:
    assert written(lambda n: b"\x0a" * 8 if n < 3 else b"\x0a" * 7 + b"\x02") == "AAAAAAA2"


def test_what_is_kept_of_a_code_says_nothing_without_the_servers_key() -> None:
    code = Keys([OLD]).code("t1")
    [kept] = Keys([OLD]).code_hashes(code)
    assert kept != sha256(code.encode()).digest()
    assert Keys([NEW]).code_hashes(code)[0] != kept
    # A new key still recognises what an earlier one made, and shows the same code on the page.
    assert kept in Keys([NEW, OLD]).code_hashes(code)
    assert Keys([NEW, OLD]).code_of("t1", kept) == code
    assert Keys([NEW]).code_of("t1", kept) is None
    assert Keys([OLD]).code_of("t2", kept) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("K7QM-2F9X", "K7QM2F9X"),
        ("k7qm2f9x", "K7QM2F9X"),
        (" k7qm  2f9x.", "K7QM2F9X"),
        ("K 7 Q M 2 F 9 X", "K7QM2F9X"),
        ("K7QM_2F9X", "K7QM2F9X"),
        ("O7IM-2L9U", "071M219V"),
        ("Ｋ７ＱＭ２Ｆ９Ｘ", "K7QM2F9X"),
    ],
)
def test_what_is_forgiven(text: str, code: str) -> None:
    assert [one.code for one in find(text)] == [code]
    assert "7" not in redact(text, find(text))


@pytest.mark.parametrize(
    "text", ["actually", "goodness gracious", "call me", "", "12345", "K7QM-2F9XX", "ten digits 0123456789", "ÄÖÜß2345"]
)
def test_what_is_no_code(text: str) -> None:
    assert find(text) == []
    assert redact(text, []) == text


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 10_000), st.sampled_from(["", "-", " ", " - "]))
def test_a_code_is_found_and_taken_out_wherever_it_stands(before: str, after: str, n: int, between: str) -> None:
    code = Keys([OLD]).code(f"t{n}")
    text = f"{before} : {code[:4]}{between}{code[4:]} ; {after}"
    found = find(text)
    assert code in [one.code for one in found]
    left = redact(text, found)
    assert MASK in left
    assert code not in [one.code for one in find(left)]
    assert shown(code) == f"{code[:4]}-{code[4:]}"
