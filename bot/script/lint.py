"""What can be seen of a dialog before it runs: texts that are missing, and code that a replay cannot repeat."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.script.catalogue import Dialogs
from bot.script.convo import Convo
from bot.script.lint_names import twice
from bot.script.registry import DialogSpec, Script
from bot.script.texts import Texts, message_id

_VERBS = frozenset({"say", "show", "ask", "choose", "confirm", "do", "once", "call", "step_up", "handoff", "now"})
_TEXT_AT = {"say": 0, "ask": 1, "choose": 1, "confirm": 1}
_OPTIONS = frozenset({"offers", "label", "guess", "write", "secret", "digress", "expires", "parse"})
_BANNED_CALLS = {
    "datetime.now": "the clock", "datetime.utcnow": "the clock",
    "date.today": "the clock", "datetime.today": "the clock",
}  # fmt: skip
_BANNED_MODULES = {
    "time": "the clock",
    "random": "randomness",
    "secrets": "randomness",
    "uuid": "randomness",
    "os": "the environment",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a dialog, where it stands, and what to do."""

    dialog: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.dialog}, line {self.line}: {self.message}"


def lint(dialogs: Dialogs, texts: Texts) -> list[Finding]:
    """All findings, by dialog and line."""
    found: list[Finding] = []
    for spec in dialogs.by_id.values():
        found.extend(_title(spec, texts))
        for fn in functions_of(spec.fn):
            found.extend(_function(spec, fn, texts))
    return sorted(set(found), key=lambda f: (f.dialog, f.line, f.message))


def functions_of(fn: Script) -> list[Any]:
    """The dialog and the helpers of its own module that it calls."""
    seen: dict[str, Any] = {}
    waiting: list[Any] = [fn]
    while waiting:
        one = waiting.pop()
        if not inspect.isfunction(one) or one.__qualname__ in seen:
            continue
        seen[one.__qualname__] = one
        for node in ast.walk(_tree(one)[0]):
            if isinstance(node, ast.Name):
                called = one.__globals__.get(node.id)
                if inspect.isfunction(called) and called.__module__ == fn.__module__:
                    waiting.append(called)
    return list(seen.values())


def _tree(fn: Any) -> tuple[ast.Module, int]:
    lines, first = inspect.getsourcelines(fn)
    return ast.parse(textwrap.dedent("".join(lines))), first


def _title(spec: DialogSpec, texts: Texts) -> Iterator[Finding]:
    line = inspect.getsourcelines(spec.fn)[1]
    for locale in texts.locales():
        for missing in (f"dialog.{spec.id}",):
            if message_id(missing) not in texts.messages[locale]:
                yield Finding(
                    spec.id, line, f"the text {message_id(missing)} (what the dialog is called) is missing in {locale}"
                )


def _function(spec: DialogSpec, fn: Any, texts: Texts) -> Iterator[Finding]:
    tree, first = _tree(fn)
    takes_c = "c" in inspect.signature(fn).parameters
    for at, name in twice(tree.body[0].body, _verb) if isinstance(tree.body[0], ast.AsyncFunctionDef) else ():
        yield Finding(spec.id, first + at - 1, f'the name {name} is used twice; give one its own: `.named("…")`')
    for node in ast.walk(tree):
        line = first + getattr(node, "lineno", 1) - 1
        if isinstance(node, ast.Try) and node.finalbody:
            yield Finding(spec.id, line, "`finally` would run at every wait; write what follows after the `try`")
        elif isinstance(node, ast.AsyncWith):
            yield Finding(spec.id, line, "`async with` would be left at every wait; use c.do with one call")
        elif isinstance(node, ast.ExceptHandler) and _catches_all(node):
            yield Finding(spec.id, line, "catch the domain errors by name; a wait ends the coroutine by an exception")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ":
            yield Finding(spec.id, line, "the environment differs at every replay; use c.do with a service")
        elif isinstance(node, ast.Await) and _is_raw(node.value):
            yield Finding(spec.id, line, "only c's verbs may be awaited: put the call into c.do(…) or c.once(…)")
        elif isinstance(node, ast.Call):
            banned = _banned(node)
            if banned:
                yield Finding(spec.id, line, f"{banned} differs at every replay; use c.now(), or c.do with a service")
            yield from _texts_of(spec, node, line, texts)
            if takes_c:
                yield from _no_such_verb(spec, node, line)
        elif isinstance(node, (ast.For, ast.While, ast.AsyncFor)):
            yield from _loop(spec, node, first)


def _catches_all(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(kind, ast.Name) and kind.id == "BaseException" for kind in kinds)


def _is_raw(awaited: ast.expr) -> bool:
    """A call of something's method that is neither a verb nor a helper which is handed the conversation."""
    if not isinstance(awaited, ast.Call) or not isinstance(awaited.func, ast.Attribute):
        return False
    root = awaited.func.value
    while isinstance(root, (ast.Attribute, ast.Call)):
        root = root.func if isinstance(root, ast.Call) else root.value
    helped = any(isinstance(given, ast.Name) and given.id == "c" for given in awaited.args)
    return not helped and not (isinstance(root, ast.Name) and root.id == "c")


def _banned(node: ast.Call) -> str:
    called = ast.unparse(node.func)
    for name, why in _BANNED_CALLS.items():
        if called == name or called.endswith("." + name):
            return why
    head = called.split(".")[0]
    return _BANNED_MODULES.get(head, "") if "." in called else ""


def _no_such_verb(spec: DialogSpec, node: ast.Call, line: int) -> Iterator[Finding]:
    func = node.func
    if not (isinstance(func, ast.Attribute) and ast.unparse(func.value) == "c") or hasattr(Convo, func.attr):
        return
    near = difflib.get_close_matches(func.attr, [one for one in dir(Convo) if not one.startswith("_")], n=1, cutoff=0.5)
    hint = f"did you mean c.{near[0]}?" if near else f"there are {', '.join(sorted(_VERBS))}"
    yield Finding(spec.id, line, f"c.{func.attr} does not exist; {hint}")


def _verb(node: ast.Call) -> str:
    func = node.func
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "c":
        return func.attr if func.attr in _VERBS else ""
    return ""


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _texts_of(spec: DialogSpec, node: ast.Call, line: int, texts: Texts) -> Iterator[Finding]:
    verb = _verb(node)
    if isinstance(node.func, ast.Name) and node.func.id == "Offer" and node.args:
        yield from _text(spec, line, _constant(node.args[0]), None, texts)
    if verb == "step_up" and node.args and (action := _constant(node.args[0])):
        yield from _text(spec, line, f"action.{action}", None, texts)
    if verb == "choose":
        label = next((k.value for k in node.keywords if k.arg == "label"), None)
        yield from _text(spec, line, _constant(label), None, texts)
    if verb in _TEXT_AT and len(node.args) > _TEXT_AT[verb]:
        given = {k.arg.replace("_", "-") for k in node.keywords if k.arg and k.arg not in _OPTIONS}
        open_ended = any(k.arg is None for k in node.keywords)
        yield from _text(spec, line, _constant(node.args[_TEXT_AT[verb]]), None if open_ended else given, texts)


def _text(spec: DialogSpec, line: int, text: str | None, given: set[str] | None, texts: Texts) -> Iterator[Finding]:
    if text is None:
        return
    for locale in texts.locales():
        if message_id(text) not in texts.messages[locale]:
            yield Finding(spec.id, line, f"the text {message_id(text)} is missing in {locale}")
        elif given is not None:
            for variable in sorted(texts.variables(text, locale)):
                if not any(variable == name or variable.startswith(name + "-") for name in given):
                    yield Finding(spec.id, line, f"the text {message_id(text)} uses ${variable}, which is not given")


def _loop(spec: DialogSpec, loop: ast.For | ast.While | ast.AsyncFor, first: int) -> Iterator[Finding]:
    named = {
        id(node.func.value)
        for node in ast.walk(loop)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "named"
    }
    for node in ast.walk(loop):
        if isinstance(node, ast.Call) and _verb(node) and id(node) not in named:
            own = _verb(node) in ("ask", "choose", "confirm") and node.args and _constant(node.args[0]) is None
            if not own:
                line = first + node.lineno - 1
                yield Finding(
                    spec.id, line, f'c.{_verb(node)} in a loop needs a name of its own: `.named(f"…{{item.id}}")`'
                )
