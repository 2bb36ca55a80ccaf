"""Whether two operations of one path through a dialog share a name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

Verb = Callable[[ast.Call], str]
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_NAMED_FIRST = frozenset({"ask", "choose", "confirm"})


def twice(body: Sequence[ast.stmt], verb: Verb) -> list[tuple[int, str]]:
    """(line, name) of each operation whose name another one on the same path has already."""
    found: list[tuple[int, str]] = []
    _block(body, set(), verb, found)
    return found


def _block(body: Sequence[ast.stmt], seen: set[str], verb: Verb, found: list[tuple[int, str]]) -> bool:
    """Adds the block's names to `seen`; True if what follows the block is never reached from its end."""
    for statement in body:
        if isinstance(statement, ast.If):
            _names([statement.test], seen, verb, found)
            if _branches([statement.body, statement.orelse], seen, verb, found):
                return True
        elif isinstance(statement, ast.Try):
            _block(statement.body, seen, verb, found)
            _branches([[], *(handler.body for handler in statement.handlers)], seen, verb, found)
            _block(statement.orelse, seen, verb, found)
        elif isinstance(statement, ast.Match):
            _branches([[], *(case.body for case in statement.cases)], seen, verb, found)
        elif isinstance(statement, (ast.For, ast.While, ast.With)):
            _block(statement.body, seen, verb, found)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            _names([statement], seen, verb, found)
            if isinstance(statement, _ENDS):
                return True
    return False


def _branches(bodies: Sequence[Sequence[ast.stmt]], seen: set[str], verb: Verb, found: list[tuple[int, str]]) -> bool:
    after: list[set[str]] = []
    for body in bodies:
        taken = set(seen)
        if not _block(body, taken, verb, found):
            after.append(taken)
    seen.update(*after)
    return not after


def _names(nodes: Sequence[ast.AST], seen: set[str], verb: Verb, found: list[tuple[int, str]]) -> None:
    given: dict[int, str | None] = {}
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "named":
                given[id(inner.func.value)] = _text(inner.args[0]) if inner.args else None
            if isinstance(inner, ast.IfExp):
                given.update({id(call): None for call in ast.walk(inner) if isinstance(call, ast.Call)})
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and verb(inner):
                name = given[id(inner)] if id(inner) in given else _default(inner, verb(inner))
                if name is not None and name in seen:
                    found.append((inner.lineno, name))
                if name is not None:
                    seen.add(name)


def _default(call: ast.Call, verb: str) -> str | None:
    if verb == "now":
        return "now"
    first = call.args[0] if call.args else None
    if verb in ("do", "once"):
        return f"{verb}:{first.attr}" if isinstance(first, ast.Attribute) else None
    text = _text(first)
    if text is None:
        return None
    return text if verb in _NAMED_FIRST else f"{verb}:{text}"


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
