"""The parse process: reads messages from standard input and answers on standard output, one by one.

It ends when the pipe does, so it never outlives its site.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path

from bot.tuning import tune
from nlu import wire
from nlu.chain import Chain
from nlu.data import load
from nlu.embedded import obtain
from nlu.entities import EntityFinder


def main() -> None:
    """Load what the first frame names, say so, then read until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to both; the site ends this one in its turn
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not stand among the answers
    first = wire.read(asked)
    if first is None:
        return
    plan = wire.plan(first)
    files = [Path(file) for file in plan.files]
    data = load(files)
    model = obtain(data, files, Path(plan.cache), lambda _: None, Path(plan.encoder) if plan.encoder else None)
    day = [date.min]
    chain = Chain(model, EntityFinder(data, lambda: day[0]))
    # What is loaded at a first message, no customer waits for.
    chain.scored("hello")
    if model.encode is not None:
        model.encode(["hello"])
    tune()
    answers.write(wire.frame(wire.Ready(model.id, model.backend)))
    answers.flush()
    while (body := wire.read(asked)) is not None:
        for ask in wire.asks(body):
            day[0] = date.fromisoformat(ask.today)
            answers.write(wire.frame(wire.Answer(ask.id, chain.scored(ask.text, ask.locale)[0])))
            answers.flush()


if __name__ == "__main__":
    main()
