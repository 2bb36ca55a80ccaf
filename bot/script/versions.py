"""Versions of dialogs: what becomes of a journal whose dialog has changed."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import lru_cache

from bot.errors import NewerJournal
from bot.script.cases import now_unknown, open_for, title
from bot.script.frame import Frame, answers, effects_done, new_frame, unsettled
from bot.script.registry import DialogSpec, Script
from bot.script.scope import Scope
from bot.script.values import digest


@lru_cache(maxsize=1024)
def code_hash(fn: Script) -> str:
    """A hash of a dialog's code without its docstrings, and of the helpers of its own module that it calls."""
    seen: dict[str, str] = {}
    _collect(fn, seen)
    return digest(*(f"{name}={seen[name]}" for name in sorted(seen)))[:16]


def code_of(spec: DialogSpec) -> str:
    """The hash that a new journal carries."""
    return code_hash(spec.fn)


def _collect(fn: object, seen: dict[str, str]) -> None:
    name = getattr(fn, "__qualname__", "")
    if not inspect.isfunction(fn) or name in seen:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    # Python 3.12 added the field; a lock written under one release of Python must hold under the other.
    seen[name] = ast.dump(tree).replace(", type_params=[]", "")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            called = fn.__globals__.get(node.id)
            if inspect.isfunction(called) and called.__module__ == fn.__module__:
                _collect(called, seen)


def at_version(spec: DialogSpec, frame: Frame, scope: Scope) -> DialogSpec | None:
    """The code to finish this journal with; None when it is handed to a person. Raises `NewerJournal`.

    Same version: by name. Another: on the retired one, else upgraded, else begun anew with the old answers as guesses
    if no effect was begun, else to a person with the summary.
    """
    if frame["v"] == spec.version and frame["h"] == code_of(spec):
        return spec
    if frame["v"] > spec.version:
        raise NewerJournal(f"{spec.id} v{frame['v']}")
    if frame["v"] == spec.version and scope.host.dialogs.released(spec):
        return spec
    retired = scope.host.dialogs.retired.get((spec.id, frame["v"]))
    if retired is not None and frame["v"] != spec.version:
        return retired
    if spec.upgrade is not None and frame["v"] != spec.version:
        frame["j"] = dict(spec.upgrade(frame["j"]))
        frame["v"], frame["h"] = spec.version, code_of(spec)
        return spec
    if not effects_done(frame):
        begun = new_frame(
            version=spec.version,
            code=code_of(spec),
            run=digest(frame["run"], code_of(spec))[:16],
            args=frame["args"],
            guesses=answers(frame),
        )
        kept = frame.get("who")
        frame.clear()
        frame.update(begun)
        if kept:
            frame["who"] = kept
        return spec
    summary = f"Dialog: {title(scope, spec.id)} ({spec.id}), changed while it was open, with an effect begun."
    scope.changes.extend(now_unknown(entry["key"]) for entry in unsettled(frame).values())
    case = open_for(scope, "dialog_changed", about={"answers": answers(frame)}, op=frame.get("op", ""), summary=summary)
    scope.tell(case.opened.text, **{**case.opened.values, "reference": case.reference})
    return None
