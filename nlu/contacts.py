"""Telephone numbers, IBANs, sort codes and e-mail addresses, each in the one form that machines take.

A span is found by its shape here; `phonenumbers` and `schwifty` (ISO 13616) then say whether it is one. Both are loaded
at the first span, since most messages have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model import Entity

REGION = "GB"
"""Whose numbers are written without a country's code."""

_PHONE = re.compile(r"(?<![\w£.+-])(?:\+|0)\d(?:[ ()-]{0,2}\d){8,13}(?![\w-])")
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}\b", re.IGNORECASE)
_SORT_CODE = re.compile(r"\bsort\s?code\W*(?:is\W+)?(?P<code>\d{2}([ -]?)\d{2}\2\d{2})\b", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")


def find(text: str) -> Iterator[Entity]:
    """`phone` as E.164, `iban` without spaces, `sort_code` as six digits, `email` in small letters."""
    for match in _EMAIL.finditer(text):
        yield Entity("email", match[0].lower(), match[0], *match.span())
    for match in _IBAN.finditer(text):
        yield from _iban(match)
    for match in _SORT_CODE.finditer(text):
        yield Entity("sort_code", re.sub(r"\D", "", match["code"]), match["code"], *match.span("code"))
    for match in _PHONE.finditer(text):
        if value := _phone(match[0]):
            yield Entity("phone", value, match[0], *match.span())


def _phone(said: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(said, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _iban(match: re.Match[str]) -> Iterator[Entity]:
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    # Words behind an IBAN have its letters too, so the longest beginning that is one counts.
    said = match[0]
    while len(said) > 14:
        try:
            yield Entity("iban", IBAN(said).compact, said, match.start(), match.start() + len(said))
            return
        except SchwiftyException:
            said = said.rpartition(" ")[0]
