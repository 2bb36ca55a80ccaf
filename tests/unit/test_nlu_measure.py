"""Measuring: files of labelled utterances, the report's figures, its picture, and the commands on top."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

import app
from bot.ports import Sql
from bot.settings import NluSettings
from bot.store import migrate, open_store
from nlu.data import Example
from nlu.errors import BadExamples
from nlu.evaluate import few
from nlu.labelled import labelled
from nlu.live import LIVE
from nlu.picture import RIGHT, WRONG, draw
from nlu.report import Read, render, report
from nlu.workbench import Workbench, difference, side_by_side

SAID = {
    "bill": ["show my bill", "how much do i owe", "my statement please", "what was i charged", "amount due", "view"],
    "leave": ["cancel my direct debit", "stop the dd", "end my debit", "no more payments", "revoke it", "cease debit"],
    "oos": ["what is the weather", "tell me a joke", "order a pizza", "sing a song", "who won", "how old are you"],
}  # fmt: skip


def put_csv(file: Path, rows: Sequence[tuple[str, str]], columns: Sequence[str] = ("text", "category")) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerows([columns, *rows])
    return file


def put_yaml(file: Path, said: dict[str, list[str]]) -> Path:
    lines = ['version: "3.1"', "nlu:"]
    for intent, texts in said.items():
        lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in texts)]
    file.write_text("\n".join(lines) + "\n")
    return file


def read(text: str, meant: str, said: str, best: str = "", score: float = 0.9) -> Read:
    return Read(Example(text, meant), said, best or said, score, score)


def test_csv_and_yaml_are_read_alike(tmp_path: Path) -> None:
    rows = [(text, intent) for intent, texts in SAID.items() for text in texts]
    one = labelled([put_csv(tmp_path / "a.csv", rows)])
    other = labelled([put_yaml(tmp_path / "a.yml", SAID)])
    assert [(e.text, e.intent) for e in one] == [(e.text, e.intent) for e in other] == rows
    twice = labelled([put_csv(tmp_path / "b.csv", [('hi, "you"\nthere', "a"), ("hi", "a"), ("hi", "b")])])
    assert [e.text for e in twice] == ['hi, "you"\nthere', "hi", "hi"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"utterance,label\nhi,a\n", "no column text or category"),
        (b"text,category\nhi,\n", ":2: text or category is empty"),
        (b"text,category\n\xff\xfe,a\n", "UTF-8"),
        (b"text,category\n", "no utterance"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(BadExamples, match=said):
        labelled([tmp_path / "bad.csv"])
    with pytest.raises(BadExamples, match=r"nowhere\.csv"):
        labelled([tmp_path / "nowhere.csv"])


def test_the_figures_of_a_report() -> None:
    found = report(
        [
            [read("a", "bill", "bill"), read("b", "bill", "", "bill", 0.3), read("c", "oos", "", "leave", 0.2)],
            [read("d", "leave", "bill"), read("e", "oos", "leave", score=0.6), read("f", "leave", "leave")],
        ]
    )
    assert found.count == 6
    assert found.runs == (1.0, pytest.approx(1 / 3)) and found.accuracy == pytest.approx(2 / 3)
    assert found.spread == pytest.approx(0.4714, abs=1e-3)
    assert (found.right, found.asked, found.wrong, found.out_of_scope_recall) == (0.5, 0.25, 0.25, 0.5)
    bill = found.intents["bill"]
    assert (bill.count, bill.precision, bill.recall) == (2, 0.5, 0.5)
    assert found.confusions == (("leave", "bill", 1), ("oos", "leave", 1))
    at = {step.threshold: step for step in found.curve}
    assert (at[0.0].in_scope_accepted_correct, at[0.0].out_of_scope_recall) == (0.75, 0.0)
    assert (at[0.5].in_scope_accepted_correct, at[0.5].out_of_scope_recall) == (0.5, 0.5)
    assert (at[1.0].in_scope_accepted_correct, at[1.0].out_of_scope_recall) == (0.0, 1.0)
    assert "leave as bill (1): d" in render(found)
    keys = msgspec.json.decode(msgspec.json.encode(found))
    assert {"accuracy", "macro_f1", "in_scope_accepted_correct", "out_of_scope_recall"} <= keys.keys()


def test_the_picture_shows_right_wrong_and_asked(tmp_path: Path) -> None:
    runs = [[read("a", "bill", "bill"), read("b", "leave", "bill"), read("c", "leave", "", "leave")]]
    draw(report(runs), tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        shown = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert RIGHT in shown, "bill was right every time"
    assert WRONG not in shown, "half of a row is paler"
    assert len([c for c in shown if c[0] > c[1] + 40]) >= 1, "some red"


@pytest.mark.slow
async def test_few_examples_are_drawn_and_the_rest_is_read() -> None:
    examples = [Example(f"{word} {n}", word) for word in ("bill", "debit", "gas") for n in range(8)]
    found = await few(examples, 3, draws=4)
    assert (found.count, len(found.runs)) == (4 * (24 - 9), 4)
    assert found.accuracy > 0.9
    assert (await few(examples, 3, draws=4)).runs == found.runs


def test_better_and_worse() -> None:
    before = [read("a", "bill", "leave"), read("b", "bill", "bill"), read("c", "oos", ""), read("d", "bill", "")]
    after = [read("a", "bill", "bill"), read("b", "bill", "", "bill"), read("c", "oos", "bill"), read("d", "bill", "")]
    found = difference(before, after)
    assert found.better == (("a", "bill", "leave", "bill"),)
    assert [row[0] for row in found.worse] == ["b", "c"]
    assert "b  (bill: bill → asked)" in side_by_side(("one", "two"), found)


def bench(tmp_path: Path, said: dict[str, list[str]] = SAID) -> Workbench:
    file = put_yaml(tmp_path / "nlu.yml", said)
    return Workbench([file], tmp_path / "cache", NluSettings(encoder=""), lambda _: None)


@pytest.mark.slow
async def test_retraining_shows_the_change_and_goes_live_by_name(tmp_path: Path) -> None:
    held = put_csv(tmp_path / "held.csv", [("i moved house", "move"), ("my bill", "bill"), ("stop my debit", "leave")])
    made = bench(tmp_path)
    first, found = await made.retrain([held])
    assert found is None and made.live() == first, "there was nothing to compare with"
    bench(tmp_path, {**SAID, "move": ["i have moved house", "we moved house", "moving house", "house move please"]})
    second, found = await made.retrain([held])
    assert found is not None and second != first
    assert [row[0] for row in found.better] == ["i moved house"]
    made.take_live(first)
    assert made.live() == first
    made.take_live(second)
    assert (made.live(), (tmp_path / "cache" / LIVE).read_text()) == (second, second)


@pytest.mark.slow
async def test_another_files_labels_are_cross_validated(tmp_path: Path) -> None:
    other = put_csv(tmp_path / "o.csv", [(f"{w} number {n}", w) for w in ("card", "loan") for n in range(10)])
    assert len((await bench(tmp_path).test([other])).runs) == 5
    trained = await bench(tmp_path).test([other], train=[other])
    assert (trained.accuracy, len(trained.runs)) == (1.0, 1)


def brand(tmp_path: Path) -> Path:
    (tmp_path / "nlu").mkdir()
    put_yaml(tmp_path / "nlu" / "nlu.yml", SAID)
    put_yaml(tmp_path / "nlu" / "heldout.yml", {"bill": ["my bill please"], "leave": ["cancel the debit"]})
    config = tmp_path / "config.yml"
    config.write_text("brand:\n  folder: .\nnlu:\n  encoder: ''\n  backend: embedded\n")
    return config


@pytest.mark.slow
def test_the_commands(tmp_path: Path) -> None:
    config, run = brand(tmp_path), CliRunner()

    def call(*given: str) -> str:
        done = run.invoke(app.cli, ["nlu", *given, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "trained and not live" not in call("train", "--yes")
    assert msgspec.json.decode(call("test", "--json"))["accuracy"] == 1.0
    folder = tmp_path / "var" / "nlu" / "report"
    assert sorted(f.name for f in folder.iterdir()) == ["confusion.png", "report.json"]
    assert msgspec.json.decode(call("parse", "show my bill").splitlines()[0])["intent"] == "bill"
    assert "in scope right" in call("compare", "words", "embedded")
    shots = msgspec.json.decode(call("test", "--data", str(tmp_path / "nlu" / "nlu.yml"), "--shots", "3", "--json"))
    assert (shots["count"], len(shots["runs"])) == (45, 5)


@pytest.mark.slow
def test_review_from_the_database_to_the_examples(tmp_path: Path) -> None:
    config, run = brand(tmp_path), CliRunner()
    row = {"id": "c:1", "text": "wots owing", "ranking": '[["bill",0.4],["leave",0.3]]'}

    async def keep() -> None:
        url = f"sqlite:///{tmp_path}/var/parley.db"
        await migrate(url)
        store = await open_store(url)
        values = "(:id, 'c', NULL, :text, 'unsure', :ranking, 'm', 0)"
        columns = "(id, conversation, person, text, why, ranking, model, at)"
        await store.change([Sql(f"INSERT INTO unsure {columns} VALUES {values}", row)])
        await store.close()

    asyncio.run(keep())
    done = run.invoke(app.cli, ["nlu", "review", "--config", str(config)], input="1\n")
    assert done.exit_code == 0, done.output
    assert '"wots owing"  (unsure)' in done.stdout and "1 added" in done.stdout
    assert [(e.text, e.intent) for e in labelled([tmp_path / "nlu" / "nlu-reviewed.yml"])] == [("wots owing", "bill")]
    again = run.invoke(app.cli, ["nlu", "review", "--config", str(config)], input="")
    assert "Nothing was added" in again.stdout


def test_a_wrong_name_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app.cli, ["nlu", "compare", "words", "nonsense", "--config", str(brand(tmp_path))])
    assert done.exit_code == 1
    assert "nonsense" in done.stderr and "Traceback" not in done.output
