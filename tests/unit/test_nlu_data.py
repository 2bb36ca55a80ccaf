"""Rasa YAML: what is read, and how errors name their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.annotation import Span, read, write
from nlu.data import fingerprint, load
from nlu.errors import BadExamples

HEAD = 'version: "3.1"\nnlu:\n'


def put(folder: Path, text: str, name: str = "nlu.yml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_reads_all_kinds(tmp_path: Path) -> None:
    file = put(
        tmp_path,
        HEAD + "- intent: bill\n  examples: |\n    - my [october](month) bill\n\n    - £9 [extra](what:more)\n"
        "- synonym: mobile\n  examples: |\n    - phone\n"
        "- lookup: service\n  examples: |\n    - mobile\n"
        "- regex: ref\n  examples: |\n    - \\bX\\d+\\b\n"
        "- intent: greet\n  examples:\n  - text: |\n      hello\n  - text: hi\n    metadata: {tone: warm}\n",
    )
    data = load([file])
    assert [(e.text, e.intent, e.where.rpartition(":")[2]) for e in data.examples] == [
        ("my october bill", "bill", "5"),
        ("£9 extra", "bill", "7"),
        ("hello", "greet", "20"),
        ("hi", "greet", "21"),
    ]
    assert data.examples[0].spans == (Span("month", "october", 3, 10),)
    assert data.synonyms == {"phone": "mobile", "extra": "more"}
    assert (data.lookups, data.regexes) == ({"service": ["mobile"]}, {"ref": [r"\bX\d+\b"]})
    assert data.intents == ("bill", "greet")


def test_merges_files_and_drops_repeats(tmp_path: Path) -> None:
    one = put(tmp_path, HEAD + "- intent: a\n  examples: |\n    - one\n", "1.yml")
    two = put(
        tmp_path,
        HEAD + "- intent: a\n  examples: |\n    - One!\n    - two\n- intent: b\n  examples: |\n    - x\n",
        "2.yml",
    )
    assert [(e.intent, e.text) for e in load([one, two]).examples] == [("a", "one"), ("a", "two"), ("b", "x")]
    assert fingerprint([one, two]) != fingerprint([one])


def test_an_empty_file_teaches_nothing(tmp_path: Path) -> None:
    assert load([put(tmp_path, "")]).examples == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("version: '3.1'\nnlu: [\n", 3, "not YAML"),
        ("version: '2.0'\nnlu: []\n", 1, "version 2.0"),
        ("version: '3.1'\nstories: []\n", 2, "unknown key stories"),
        ("- a\n", 1, "expected keys and values"),
        ("version: '3.1'\nnlu: {}\n", 2, "not a list"),
        (HEAD + "- intent: a\n  example: |\n    - x\n", 3, "unknown key example"),
        (HEAD + "- intent: a\n", 3, "has one of intent"),
        (HEAD + "- intent: a\n  lookup: b\n  examples: |\n    - x\n", 3, "has one of intent"),
        (HEAD + "- intent:\n  examples: |\n    - x\n", 3, "intent has no name"),
        (HEAD + "- intent: a\n  intent: b\n  examples: |\n    - x\n", 4, "stands twice"),
        (HEAD + "- intent: a\n  examples: |\n    - x\n    y\n", 6, 'starts with "- "'),
        (HEAD + "- intent: a\n  examples: |\n    - x\n    - my [october bill\n", 6, "marks nothing"),
        (HEAD + "- intent: a\n  examples: |\n    - my [october] bill\n", 5, "marks nothing"),
        (HEAD + '- intent: a\n  examples: |\n    - [x]{"entity": 1}\n', 5, "not JSON"),
        (HEAD + '- intent: a\n  examples: |\n    - [x]{"entity": "y", "colour": "z"}\n', 5, "unknown key: colour"),
        (HEAD + '- intent: a\n  examples: |\n    - [x]{"value": "y"}\n', 5, "names no entity"),
        (HEAD + "- regex: a\n  examples: |\n    - ok\n    - (\n", 6, "not a regular expression"),
        (
            HEAD + "- synonym: a\n  examples: |\n    - x\n- synonym: b\n  examples: |\n    - x\n",
            8,
            "stands for b, and for a",
        ),
        (HEAD + "- intent: a\n  examples: |\n    - x\n- intent: b\n  examples: |\n    - X?\n", 8, "and of a at"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = put(tmp_path, text)
    with pytest.raises(BadExamples) as raised:
        load([file])
    assert f"{file}:{line}: " in str(raised.value)
    assert says in str(raised.value)


@pytest.mark.parametrize("own_first", [False, True])
def test_an_intent_of_one_file_takes_what_another_leaves_out_of_scope(tmp_path: Path, own_first: bool) -> None:
    shipped, own = tmp_path / "shipped.yml", tmp_path / "own.yml"
    shipped.write_text(HEAD + "- intent: oos\n  examples: |\n    - change my email\n    - pizza\n", "utf-8")
    own.write_text(HEAD + "- intent: change_email\n  examples: |\n    - Change my email!\n", "utf-8")
    data = load([own, shipped] if own_first else [shipped, own])
    assert {(e.text, e.intent) for e in data.examples} == {("Change my email!", "change_email"), ("pizza", "oos")}


def test_one_file_may_not_both_know_an_utterance_and_leave_it_out(tmp_path: Path) -> None:
    both = "- intent: oos\n  examples: |\n    - x\n- intent: a\n  examples: |\n    - x\n"
    with pytest.raises(BadExamples, match="and of oos at"):
        load([put(tmp_path, HEAD + both)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadExamples, match="nowhere"):
        load([tmp_path / "nowhere.yml"])


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "latin.yml"
    file.write_bytes(b"nlu: \xff\xfe\xe9")
    with pytest.raises(BadExamples, match="latin"):
        load([file])


@pytest.mark.parametrize(
    "line",
    [
        "plain",
        "[a](x) and [b c](y)",
        '[phoen]{"entity":"service","value":"mobile"} bill',
        '[a]{"entity":"x","role":"from"}',
    ],
)
def test_annotation_reads_what_it_writes(line: str) -> None:
    assert write(*read(line)) == line
