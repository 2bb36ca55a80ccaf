"""The embedded classifier: same terms as scikit-learn, saved without pickle, cached, trained again when it must be."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bot.settings import NluSettings
from nlu import build
from nlu.chain import Chain
from nlu.data import Example, load
from nlu.embedded import KEPT, identity
from nlu.errors import BadModel
from nlu.lesson import Lesson
from nlu.model import Model
from nlu.text import fold
from nlu.training import folds, learn, train
from nlu.vectoriser import LETTERS, WORDS, Block, letters, words

ROOT = Path(__file__).parents[2]
SAMPLE = {
    "bill": [
        "show my bill",
        "how much is my bill",
        "what do i owe",
        "my latest bill please",
        "see the bill",
        "bill for may",
    ],
    "stop_debit": [
        "cancel my direct debit",
        "stop the direct debit",
        "end my dd",
        "cancel dd",
        "no more direct debits",
    ],
    "oos": ["what is the weather", "tell me a joke", "order a pizza", "who won the match", "sing a song"],
}


def sentences(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    letter = "aábcdeéfghiïjklmnoøpqrstuüvwxyz0123456789'’-_.,!£€?\t  \u00a0ßİſ漢字😀"
    known = [
        "bill",
        "direct",
        "debit",
        "cancel",
        "my",
        "a",
        "I",
        "can't",
        "£14.20",
        "DD-7781",
        "hellooo",
        "OCTOBER's",
        "x",
    ]
    return [
        " ".join(
            draw.choice(known) if draw.random() < 0.6 else "".join(draw.choices(letter, k=draw.randint(1, 9)))
            for _ in range(draw.randint(0, 12))
        )
        for _ in range(count)
    ]


def put(file: Path, sample: dict[str, list[str]]) -> Path:
    lines = ['version: "3.1"', "nlu:"]
    for intent, said in sample.items():
        lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in said)]
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize(
    ("kind", "span", "least"), [("word", WORDS, 1), ("char_wb", LETTERS, 1), ("char_wb", LETTERS, 2)]
)
def test_the_same_numbers_as_scikit_learn(kind: str, span: tuple[int, int], least: int) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    seen, unseen = sentences(200, 1), sentences(100, 2)
    theirs = TfidfVectorizer(
        analyzer=kind,
        preprocessor=fold,
        token_pattern=r"\b\w+\b" if kind == "word" else None,
        ngram_range=span,
        min_df=least,
        sublinear_tf=True,
    ).fit(seen)
    terms = words if kind == "word" else letters
    ours = Block.fit([terms(fold(t)) for t in seen], least)
    assert list(ours.terms) == sorted(theirs.vocabulary_, key=theirs.vocabulary_.__getitem__)
    assert len(ours.terms) > 300
    for text in unseen:
        at, values = ours.row(terms(fold(text)))
        row = np.zeros(len(ours.terms), dtype=np.float32)
        row[at] = values
        np.testing.assert_allclose(row, theirs.transform([text]).toarray()[0], atol=2e-6)


def test_a_saved_model_reads_the_same(tmp_path: Path) -> None:
    examples = [Example(t, i) for i, said in SAMPLE.items() for t in said]
    model = train(examples, "one")
    model.save(tmp_path / "one")
    again = Model.load(tmp_path / "one")
    assert (again.id, again.labels, again.exact, again.fit) == ("one", model.labels, model.exact, model.fit)
    for text in [*sentences(50, 3), "cancel the debit", ""]:
        assert again.ranking(text) == model.ranking(text)
    assert sorted(f.name for f in (tmp_path / "one").iterdir()) == ["model.json", "weights.npz"]


def test_probabilities_of_a_reading() -> None:
    model = learn(Lesson.of([Example(t, i) for i, said in SAMPLE.items() for t in said]))
    ranking = model.ranking("please cancel the debit")
    assert ranking[0][0] == "stop_debit"
    assert sum(chance for _, chance in ranking) == pytest.approx(1)
    assert [c for _, c in ranking] == sorted((c for _, c in ranking), reverse=True)
    assert model.ranking("漢字") == ()


@pytest.mark.parametrize("intents", [0, 1, 2])
def test_few_intents_are_no_error(tmp_path: Path, intents: int) -> None:
    chosen = dict(list(SAMPLE.items())[:intents])
    model = train([Example(t, i) for i, said in chosen.items() for t in said], "few")
    model.save(tmp_path / "few")
    assert Model.load(tmp_path / "few").exact == model.exact
    assert [i for i, _ in model.ranking("show my bill")][:1] == (["bill"] if intents == 2 else [])


def test_one_example_an_intent_is_no_error() -> None:
    model = train([Example("show my bill", "bill"), Example("hello", "greet")], "tiny")
    assert model.ranking("my bill")[0][0] == "bill"


def test_folds_part_every_label_evenly() -> None:
    labels = ["a"] * 10 + ["b"] * 7
    parts = folds(labels)
    assert sorted(i for _, test in parts for i in test) == list(range(17))
    for train_at, test_at in parts:
        assert not set(train_at) & set(test_at)
        assert sum(labels[i] == "a" for i in test_at) == 2
        assert sum(labels[i] == "b" for i in test_at) in (1, 2)
    assert folds(labels) == parts != folds(labels, seed=1)


async def test_trained_once_then_from_the_cache(tmp_path: Path) -> None:
    file, said = put(tmp_path / "nlu.yml", SAMPLE), list[str]()
    first = build([file], tmp_path / "cache", date.today, said.append)
    assert any("learning 3 intents" in line for line in said)
    said.clear()
    second = build([file], tmp_path / "cache", date.today, said.append)
    assert said == []
    assert (await first.parse("cancel the dd")).model == (await second.parse("cancel the dd")).model


@pytest.mark.slow
async def test_a_new_intent_is_learnt_in_a_couple_of_seconds(tmp_path: Path) -> None:
    brand = ROOT / "brands" / "larkspur" / "nlu" / "nlu.yml"
    build([brand], tmp_path / "cache", date.today)  # pays the one import of scikit-learn
    new = put(
        tmp_path / "more.yml", {"change_address": ["i've moved house", "change my address", "i have a new address"]}
    )
    began = time.process_time()
    recogniser = build([brand, new], tmp_path / "cache", date.today)
    assert time.process_time() - began < 6  # about two; the processor's time, so that a busy machine does not matter
    assert (await recogniser.parse("I've moved house!")).intent == "change_address"
    assert (await recogniser.parse("i want to change my address please")).ranking[0][0] == "change_address"


def test_a_broken_cache_is_trained_again(tmp_path: Path) -> None:
    file, cache, said = put(tmp_path / "nlu.yml", SAMPLE), tmp_path / "cache", list[str]()
    build([file], cache, date.today)
    folder = cache / identity([file])
    (folder / "weights.npz").write_bytes(b"PK not really")
    with pytest.raises(BadModel):
        Model.load(folder)
    build([file], cache, date.today, said.append)
    assert any("training it again" in line for line in said)
    assert Model.load(folder).labels == ("bill", "oos", "stop_debit")


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    examples = [Example(t, i) for i, said in SAMPLE.items() for t in said]
    learn(Lesson.of(examples)).save(tmp_path / "a")
    learn(Lesson.of(examples[:8])).save(tmp_path / "b")
    (tmp_path / "b" / "weights.npz").replace(tmp_path / "a" / "weights.npz")
    with pytest.raises(BadModel, match="differ in size"):
        Model.load(tmp_path / "a")


def test_the_cache_keeps_only_the_latest(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for n in range(KEPT + 3):
        build([put(tmp_path / "nlu.yml", {"a": [f"word{n}", "hello"], "b": ["bye"]})], cache, date.today)
    assert len([m for m in cache.iterdir() if m.is_dir()]) == KEPT
    assert (cache / identity([tmp_path / "nlu.yml"])).is_dir()


@pytest.mark.slow
def test_importing_and_serving_do_without_scikit_learn(tmp_path: Path) -> None:
    file = put(tmp_path / "nlu.yml", SAMPLE)
    build([file], tmp_path / "cache", date.today)
    code = (
        "import asyncio, sys\nfrom datetime import date\nfrom pathlib import Path\nimport nlu\n"
        f"r = nlu.build([Path({str(file)!r})], Path({str(tmp_path / 'cache')!r}), date.today)\n"
        "print(asyncio.run(r.parse('cancel the direct debit')).intent)\n"
        "loaded = {m.partition('.')[0] for m in sys.modules}\n"
        "print(sorted(loaded & {'sklearn', 'scipy', 'botbuilder', 'onnxruntime'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["stop_debit", "[]"]


def test_the_parse_process_starts_without_what_only_a_site_needs() -> None:
    code = (
        "import sys, nlu.worker\n"
        "loaded = {m.partition('.')[0] for m in sys.modules}\n"
        "print(sorted(loaded & {'aiohttp', 'pydantic', 'prometheus_client', 'structlog', 'asyncio', 'sklearn'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_examples_of_the_brand_load() -> None:
    assert len(load([ROOT / "brands" / "larkspur" / "nlu" / "nlu.yml"]).examples) > 2000


def test_a_changed_model_is_believed_as_the_one_before_and_fitted_meanwhile(tmp_path: Path) -> None:
    cache, said = tmp_path / "cache", list[str]()
    given = NluSettings(backend="embedded", trust="kept", encoder="", apart=False)
    first = build([put(tmp_path / "a.yml", SAMPLE)], cache, date.today, said.append, given)
    assert not any("model before" in line for line in said), "there was none before"
    changed = put(tmp_path / "b.yml", {**SAMPLE, "bill": [*SAMPLE["bill"], "my invoice please"]})
    quick = build([changed], cache, date.today, said.append, given)
    assert isinstance(first, Chain)
    assert isinstance(quick, Chain)
    assert any("model before" in line for line in said)
    assert quick.model.fit == first.model.fit
    for thread in threading.enumerate():
        if thread.name == "nlu-trust":
            thread.join(60)
    fitted = Model.load(cache / identity([changed]))
    assert fitted.fit != quick.model.fit
    assert fitted.labels == quick.model.labels
    other = put(tmp_path / "c.yml", {"greet": ["hello", "hi"], "thanks": ["ta", "cheers"]})
    said.clear()
    build([other], cache, date.today, said.append, given)
    assert not any("model before" in line for line in said), "another brand's trust is not ours"
