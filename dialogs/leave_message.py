"""A message for the person who is not there yet."""

from __future__ import annotations

from bot import Convo, dialog

LONGEST = 1000
"""Characters that are kept in the case; the chat itself keeps all of it."""
_NOTHING = frozenset({"", "no", "nope", "no thanks", "no thank you", "nothing"})


def words(text: str) -> str:
    """What was written, in as many characters as a case takes; `ValueError` where there is nothing to pass on."""
    if text.casefold().strip(" .!,") in _NOTHING:
        raise ValueError("nothing")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


# Everything is an answer: a wish for something else, too, is for the person to read.
words.exact = True  # type: ignore[attr-defined]


@dialog("leave_message")
async def leave_message(c: Convo) -> str:
    """Return what to pass on: the host puts it into the customer's case, and says until when somebody answers."""
    message: str = await c.ask("message", "leave_message.what", words, digress=False)
    return message
