"""Open questions: put, answered, asked again, given up, grown old."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

from bot.errors import DialogError, NotPlain
from bot.model import Choice, Outbound
from bot.script.answers import Match, fold, match_choice, near, yes_no
from bot.script.drive import Drive, put_private
from bot.script.frame import op_id, wait_for
from bot.script.ops import Op
from bot.script.outcomes import Done, Wait
from bot.script.scope import Feed, Waiting
from bot.script.sealed import hidden, seal
from bot.script.values import from_plain, return_type, to_plain


async def put(op: Op[Any], entry: Any, run: Drive) -> Done | Wait:
    """Answer the question with what was fed, or ask it (again) and wait."""
    if entry is None:
        early = _without_asking(op, run)
        if early is not None:
            return early
    choices = _choices(op, run)
    if entry is not None and run.feed is not None:
        feed, run.feed = run.feed, None
        return await _fed(op, entry, run, choices, feed)
    ask(op, entry, run, choices)
    return Wait()


def ask(op: Op[Any], entry: Any, run: Drive, choices: tuple[Choice, ...], hint: str = "") -> None:
    """Say the question, with its buttons, and record that it is open."""
    scope = run.scope
    op_name = wait_for(run.frame, op.name)
    text = scope.text(op.text, **op.values)
    said = Outbound(f"{hint}\n{text}" if hint else text, choices=choices, op=op_name)
    if run.private:
        put_private(run, said)
    else:
        scope.put(said)
    if entry is None:
        entry = {"s": "o", "at": scope.now.timestamp(), "n": 0, "q": op.verb, "x": _seconds(op, run)}
        if choices:
            entry["c"] = [[c.nonce, c.id] for c in choices]
        run.journal[op.name] = entry
    entry["at"] = scope.now.timestamp()


async def _fed(op: Op[Any], entry: dict[str, Any], run: Drive, choices: tuple[Choice, ...], feed: Feed) -> Done | Wait:
    match = _match(op, feed, choices)
    waiting = Waiting(op.verb, op.digress, entry["n"], op.write)
    decision = await run.scope.route(waiting, match)
    if decision.kind == "answer" and match is not None:
        return _settle(op, run, match)
    if decision.kind == "deny":
        return _settle(op, run, Match(False, False, "no"))
    if decision.kind == "again" and (named := _named(op, run, choices)) is not None:
        return _settle(op, run, named)
    if decision.kind == "again":
        entry["n"] += 1
        ask(op, entry, run, choices, hint=_hint(op, run, choices))
        return Wait()
    if decision.kind == "give_up":
        entry["n"] = 0
    run.scope.decision = decision
    return Wait()


def _named(op: Op[Any], run: Drive, choices: tuple[Choice, ...]) -> Match | None:
    """The one choice that the message names among other words ("cancel my broadband direct debit, please")."""
    if op.verb != "choose" or run.scope.parse is None:
        return None
    for entity in run.scope.parse.entities:
        for said in (entity.text, str(entity.value)):
            at = near(said, [choice.label for choice in choices])
            if at is not None:
                return Match(choices[at].id, False, choices[at].id)
    return None


def _settle(op: Op[Any], run: Drive, match: Match) -> Done:
    scope = run.scope
    scope.settles = (run.frame["op"], match.chosen)
    if op.verb == "choose":
        run.done(op, match.value, q="choose")
        return Done(chosen(op, match.value))
    where = f"{run.spec.id}: {op.name}"
    plain = to_plain(match.value, where)
    value = from_plain(plain, answer_type(op), where) if op.verb == "ask" else plain
    if value != match.value:
        kind = type(match.value).__name__
        raise NotPlain(f"{where}: give `parse` a return annotation, so that its {kind} can be read back")
    if op.secret:
        scope.changes.extend(hidden(scope.claim))
        run.done(op, seal(scope.host.secret, plain), q="secret")
    else:
        run.done(op, plain, q=op.verb)
    return Done(value)


def answer_type(op: Op[Any]) -> Any:
    """The type of an answer: what `parse` is annotated to return."""
    return return_type(op.parse) if op.parse is not None else Any


def _without_asking(op: Op[Any], run: Drive) -> Done | None:
    """A choice among one, a guess that fits one, or the answer given in an earlier run."""
    guesses = run.frame.get("g", {})
    if op.verb == "choose":
        if not op.items:
            raise DialogError(f"{run.spec.id}: {op.name} has nothing to choose from")
        picked = guesses.get(op.name) if guesses.get(op.name) in {item.id for item in op.items} else None
        if picked is None and len(op.items) == 1:
            picked = op.items[0].id
        if picked is None and op.guess:
            at = near(op.guess, [_label(op, item, run) for item in op.items])
            picked = op.items[at].id if at is not None else None
        if picked is not None:
            run.done(op, picked, q="choose")
            return Done(chosen(op, picked))
    elif op.verb == "ask" and op.name in guesses and not op.secret:
        try:
            value = from_plain(guesses[op.name], answer_type(op), op.name)
        except NotPlain:  # the answer of an older version, of another type: asked anew
            return None
        run.done(op, guesses[op.name], q="ask")
        return Done(value)
    return None


def chosen(op: Op[Any], picked: str) -> Any:
    """The item with this id; raises `LookupError` if it is no longer among them."""
    for item in op.items:
        if item.id == picked:
            return item
    raise LookupError(f"{op.name}: the item {picked!r} is no longer offered; journal the list with c.do.")


def _choices(op: Op[Any], run: Drive) -> tuple[Choice, ...]:
    if op.verb == "ask":
        return ()
    scope, name = run.scope, op_id(run.frame, op.name)
    if op.verb == "choose":
        return tuple(Choice(i.id, _label(op, i, run), scope.nonce(name, i.id)) for i in op.items)
    return tuple(Choice(side, _side(op, run, side), scope.nonce(name, side)) for side in ("yes", "no"))


def _side(op: Op[Any], run: Drive, side: str) -> str:
    if run.scope.host.texts.has(op.text, side):
        return run.scope.text(op.text, side, **op.values)
    return run.scope.text(f"host.{side}")


def _label(op: Op[Any], item: Any, run: Drive) -> str:
    if callable(op.label):
        return op.label(item)
    return run.scope.text(op.label, None, **{f.name: getattr(item, f.name) for f in fields(item)})


def _match(op: Op[Any], feed: Feed, choices: tuple[Choice, ...]) -> Match | None:
    if feed.edited:
        return None
    if feed.kind == "press":
        for choice in choices:
            if choice.nonce == feed.nonce:
                return Match(choice.id == "yes" if op.verb == "confirm" else choice.id, True, choice.id)
        return None
    if feed.kind == "file":
        return None
    if op.verb == "choose":
        return match_choice(feed.text, choices)
    if op.verb == "confirm":
        return _confirmed(op, feed.text, choices)
    assert op.parse is not None
    try:
        value = op.parse(feed.text.strip())
    except ValueError:
        return None
    return Match(value, bool(getattr(op.parse, "exact", False)))


def _confirmed(op: Op[Any], text: str, choices: tuple[Choice, ...]) -> Match | None:
    said = fold(text)
    for choice in choices:
        if fold(choice.label) == said:
            return Match(choice.id == "yes", True, choice.id)
    plain = yes_no(text)
    if plain is None or (plain and op.write):
        return None
    return Match(plain, True, "yes" if plain else "no")


def _hint(op: Op[Any], run: Drive, choices: tuple[Choice, ...]) -> str:
    scope, texts = run.scope, run.scope.host.texts
    if texts.has(op.text, "hint"):
        return scope.text(op.text, "hint", **op.values)
    if op.verb == "confirm" and op.write:
        return scope.text("host.hint.exact", phrase=choices[0].label)
    return scope.text(f"host.hint.{op.verb}")


def _seconds(op: Op[Any], run: Drive) -> float:
    limits = run.scope.host.limits
    default: timedelta = limits.confirm if op.verb == "confirm" else limits.question
    return (op.expires or default).total_seconds()
