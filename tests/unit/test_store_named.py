"""`:named` statements as PostgreSQL wants them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model import Assurance
from bot.store.faults import StatementWrong
from bot.store.named import NOW, positional


@pytest.mark.parametrize(
    ("text", "values", "wanted", "arguments"),
    [
        ("SELECT a FROM t WHERE b = :b", {"b": "x"}, "SELECT a FROM t WHERE b = $1::text", ["x"]),
        ("SELECT :a, :b, :a", {"a": 1, "b": 2.5}, "SELECT $1::bigint, $2::float8, $1::bigint", [1, 2.5]),
        ("SET a = :a, b = :b", {"a": None, "b": b"x"}, "SET a = NULL, b = $1::bytea", [b"x"]),
        ("SET a = :a", {"a": True}, "SET a = $1::bigint", [1]),
        ("SET a = :a", {"a": Assurance.KNOWN}, "SET a = $1::bigint", [2]),
        ("SELECT ':a', \":b\", x::text -- :c", {}, "SELECT ':a', \":b\", x::text -- :c", []),
        ("SELECT 'it''s :a', :a", {"a": 1}, "SELECT 'it''s :a', $1::bigint", [1]),
        ("UPDATE t SET held = :db_now + :d", {"d": 1.0}, f"UPDATE t SET held = {NOW} + $1::float8", [1.0]),
        ("SELECT 1 /*lock*/", {}, "SELECT 1 FOR UPDATE SKIP LOCKED", []),
        ("SELECT 1 /* :a */", {"unused": 3}, "SELECT 1 /* :a */", []),
    ],
)
def test_statements(text: str, values: dict[str, Any], wanted: str, arguments: list[Any]) -> None:
    assert positional(text, values) == (wanted, arguments)


def test_one_statement_is_translated_by_the_values_it_gets() -> None:
    text = "SELECT 1 WHERE :a IS NULL OR :a = :b"
    assert positional(text, {"a": None, "b": "x"}) == ("SELECT 1 WHERE NULL IS NULL OR NULL = $1::text", ["x"])
    assert positional(text, {"a": "y", "b": "x"}) == (
        "SELECT 1 WHERE $1::text IS NULL OR $1::text = $2::text",
        ["y", "x"],
    )


def test_a_missing_value_is_named() -> None:
    with pytest.raises(StatementWrong, match=":b"):
        positional("SELECT :a, :b", {"a": 1})


def test_a_value_of_another_kind_is_named() -> None:
    with pytest.raises(StatementWrong, match=":a is list"):
        positional("SELECT :a", {"a": [1]})
