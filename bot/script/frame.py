"""A dialog's frame on the stack: its journal and what it waits for, as plain JSON that botbuilder's stack carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.script.values import digest

Frame = dict[str, Any]
"""Keys: v version, h code hash, run, gen, args, who (customer), j journal {name: entry}, w awaited op's name, op its
id, gate the login it waits for, g guesses from an earlier run, said (rows said since it began), lost (messages that
were not understood while it waited for a sign-in).

Journal entries: `1` said; `{"s": "d", "r": value, "a": argument hash}` done; `{"s": "e", …}` domain error;
`{"s": "o", …}` open question; `{"s": "w", …}` parked wait; `{"s": "t", "n": tries}` read to be tried again;
`{"s": "i", "key": …, "dl": …}` effect intended; `{"s": "c"}` sub-dialog running.
"""

MAX_OPS = 200


def new_frame(*, version: int, code: str, run: str, args: Mapping[str, Any], guesses: Mapping[str, Any]) -> Frame:
    """A fresh frame. `run` is the hash of the inbound that began it and its place on the stacks."""
    frame: Frame = {"v": version, "h": code, "run": run, "gen": 0, "args": dict(args), "j": {}}
    if guesses:
        frame["g"] = dict(guesses)
    return frame


def run_id(conversation: str, seq: int, place: str, dialog: str) -> str:
    """The run's id: the same whenever the same inbound begins the same dialog at the same place."""
    return digest(conversation, str(seq), place, dialog)[:16]


def op_id(frame: Frame, name: str) -> str:
    """The id by which a signal or a press names an awaited operation."""
    return digest(frame["run"], str(frame["gen"]), name)[:20]


def wait_for(frame: Frame, name: str) -> str:
    """Mark the frame as waiting for the op `name`; returns the op's id."""
    frame["w"] = name
    frame["op"] = op_id(frame, name)
    return str(frame["op"])


def stop_waiting(frame: Frame) -> None:
    """Clear the mark."""
    frame.pop("w", None)
    frame.pop("op", None)


def awaited(frame: Frame) -> Any:
    """The journal entry the frame waits for, or None."""
    name = frame.get("w")
    return frame["j"].get(name) if name else None


def waits_for_person(frame: Frame) -> bool:
    """Whether this frame is parked with a hand-over."""
    entry = awaited(frame)
    return bool(entry) and entry["s"] == "w" and "ref" in entry


def effects_done(frame: Frame) -> bool:
    """Whether this run has begun or done an effect."""
    return any(isinstance(e, dict) and "key" in e for e in frame["j"].values())


def unsettled(frame: Frame) -> dict[str, Any]:
    """The effects that were begun and whose outcome is not known yet: their entries by name."""
    return {name: e for name, e in frame["j"].items() if isinstance(e, dict) and e.get("s") == "i"}


def answers(frame: Frame) -> dict[str, Any]:
    """The answers given so far, by question name; never a confirmation, never a secret."""
    return {
        name: entry["r"]
        for name, entry in frame["j"].items()
        if isinstance(entry, dict) and entry.get("s") == "d" and entry.get("q") in ("ask", "choose")
    }
