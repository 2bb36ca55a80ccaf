"""The sentence encoder: its graph, its weights' hashes, and a recogniser with it and without it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nlu import build, embedded, weights
from nlu.data import Example, load
from nlu.encoder import WIDTH
from nlu.errors import BadModel, NoWeights
from nlu.evaluate import cross_validate
from nlu.lesson import Lesson
from nlu.minilm import EPSILON, HEADS, LAYERS, graph, prepare
from nlu.model import NEVER, Fit, Model
from nlu.quantised import by_column, by_row
from nlu.training import SLIPS, SOME, Unseen, learn, softmax, train, trust
from nlu.vectoriser import Floats
from nlu.vectors import vectors

EXAMPLES = [
    Example(text, intent)
    for intent, said in {
        "bill": [
            "show my bill",
            "how much do i owe",
            "my statement please",
            "what was i charged",
            "amount due",
            "view bill",
        ],
        "leave": ["cancel my direct debit", "stop the dd", "end my debit", "no more payments", "revoke it", "cease it"],
        "oos": ["what is the weather", "tell me a joke", "order a pizza", "sing a song", "who won", "how old are you"],
    }.items()
    for text in said
]
YAML = "\n".join(
    ['version: "3.1"', "nlu:"]
    + [
        line
        for intent in ("bill", "leave", "oos")
        for line in (
            f"- intent: {intent}",
            "  examples: |",
            *(f"    - {e.text}" for e in EXAMPLES if e.intent == intent),
        )
    ]
)
TOPICS = {"sense": "bill", "meaning": "leave"}


class Fake:
    """Knows two words that no example has: what a meaning would be to a true encoder."""

    id = "fake"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        meant = {e.text: e.intent for e in EXAMPLES}
        out = np.zeros((len(texts), 4), dtype=np.float32)
        out[:, 3] = 0.1
        for i, text in enumerate(texts):
            topic = meant.get(text) or next((t for word, t in TOPICS.items() if word in text), "oos")
            out[i, ["bill", "leave", "oos"].index(topic)] = 1.0
        return out


def test_the_encoder_is_a_block_beside_words_and_letters(tmp_path: Path) -> None:
    coder = Fake()
    model = train(EXAMPLES, "with", code=coder)
    assert model.backend == "hybrid"
    assert model.ranking("zzz sense zzz")[0][0] == "bill"
    assert model.ranking("zzz meaning zzz")[0][0] == "leave"
    model.save(tmp_path / "with")
    again = Model.load(tmp_path / "with", coder)
    assert again.ranking("zzz sense zzz") == model.ranking("zzz sense zzz")
    alone = train(EXAMPLES, "without")
    assert (alone.backend, alone.near) == ("embedded", None)


def test_what_words_make_plain_needs_no_encoder(tmp_path: Path) -> None:
    coder = Fake()
    lesson = Lesson.of(EXAMPLES, coder)
    fit = Fit(threshold=0.1, factors=(1.0, 10.0), alone=20.0, enough=0.9)
    learn(lesson, "brief", fit).save(tmp_path / "brief")
    model = Model.load(tmp_path / "brief", coder)
    coder.asked.clear()
    plain = model.reading("please stop the dd")
    assert (plain.ranking[0][0], coder.asked) == ("leave", [])
    assert plain.score == plain.ranking[0][1] >= 0.9
    assert sum(chance for _, chance in plain.ranking) == pytest.approx(1)
    model.reading("tell me a joke please")
    assert coder.asked == ["tell me a joke please"], "that something is out of scope, words alone never say"
    assert model.reading("zzz sense zzz").ranking[0][0] == "bill"
    assert coder.asked[1:] == ["zzz sense zzz"]
    never = replace(learn(lesson, "never", replace(fit, enough=NEVER)), encode=coder)
    never.reading("please stop the dd")
    assert coder.asked[2:] == ["please stop the dd"]


def test_words_alone_are_enough_where_they_seldom_slip() -> None:
    draw = np.random.default_rng(2)
    said = [Example(f"text {n}", ("bill", "leave", "oos")[n % 3]) for n in range(900)]
    lesson = Lesson(tuple(said), (), np.zeros((900, 4), np.float32))
    meant = np.arange(900) % 3
    words = draw.normal(0, 0.1, (900, 3))
    # The first 600 are told apart clearly, the others by a coin.
    words[np.arange(900), meant] += np.where(np.arange(900) < 600, 4.0, 0.0)
    held = Unseen((words, words.copy()), np.ones((900, 3)))
    fit = trust(held, lesson)
    chance = softmax(fit.alone * words)
    plain = (chance.max(axis=1) >= fit.enough) & (chance.argmax(axis=1) != 2)
    slips = (chance.argmax(axis=1) != meant)[plain].mean()
    assert 0 < slips <= SLIPS
    assert 400 <= plain.sum() < 420
    few = Unseen(tuple(table[: SOME - 1] for table in held.margins), held.near[: SOME - 1])
    assert trust(few, Lesson(tuple(said[: SOME - 1]), (), lesson.vectors)).enough == NEVER


async def test_a_change_of_mind_among_the_examples_is_coded_too() -> None:
    changed = "order a pizza, no wait, show me the sense of it"
    people = [Example("can i speak to someone", "human"), Example("get me a person", "human")]
    coder = Fake()
    found = await cross_validate([*EXAMPLES, *people, Example(changed, "bill")], 2, code=coder)
    assert found.count == len(EXAMPLES) + 3
    assert "show me the sense of it" in coder.asked


def test_a_model_without_its_encoder_says_so(tmp_path: Path) -> None:
    train(EXAMPLES, "with", code=Fake()).save(tmp_path / "with")
    with pytest.raises(BadModel, match="sentence encoder"):
        Model.load(tmp_path / "with").ranking("show my bill")


def test_only_new_utterances_are_coded_again(tmp_path: Path) -> None:
    coder, said = Fake(), list[str]()
    first = vectors(coder, ["show my bill", "stop the dd"], tmp_path, said.append)  # type: ignore[arg-type]
    coder.asked.clear()
    again = vectors(coder, ["stop the dd", "who won", "show my bill"], tmp_path, said.append)  # type: ignore[arg-type]
    assert coder.asked == ["who won"]
    np.testing.assert_array_equal(again[[2, 0]], first)
    vectors(coder, ["what is tried out"], tmp_path, print)  # type: ignore[arg-type]
    coder.asked.clear()
    vectors(coder, ["who won", "show my bill"], tmp_path, print)  # type: ignore[arg-type]
    assert coder.asked == []
    beside = tmp_path / "beside"
    beside.mkdir()
    vectors(coder, ["another one"], tmp_path, print, beside)  # type: ignore[arg-type]
    vectors(coder, ["who won"], tmp_path, print)  # type: ignore[arg-type]
    assert coder.asked == ["another one", "who won"], "a site forgets what is no example any more"
    assert said == ["coding 2 utterances", "coding 1 utterances"]


def test_what_one_folder_coded_another_need_not(tmp_path: Path) -> None:
    coder, shared = Fake(), tmp_path / "encoder"
    shared.mkdir()
    first = vectors(coder, ["show my bill", "stop the dd"], tmp_path / "a", print, shared)  # type: ignore[arg-type]
    coder.asked.clear()
    again = vectors(coder, ["stop the dd", "who won"], tmp_path / "b", print, shared)  # type: ignore[arg-type]
    assert coder.asked == ["who won"]
    np.testing.assert_array_equal(again[0], first[1])
    coder.asked.clear()
    vectors(coder, ["who won", "show my bill"], tmp_path / "c", print, shared)  # type: ignore[arg-type]
    assert coder.asked == []


def test_what_one_folder_learnt_another_need_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, file, said = tmp_path / "encoder", tmp_path / "nlu.yml", list[str]()
    beside.mkdir()
    file.write_text(YAML)
    monkeypatch.setattr(embedded, "_encoder", lambda *_: Fake())
    made = [embedded.obtain(load([file]), [file], tmp_path / name, said.append, beside) for name in "ab"]
    assert len([line for line in said if line.startswith("learning")]) == 1
    assert made[0].ranking("show my bill") == made[1].ranking("show my bill")
    (beside / "learnt" / made[0].id / "weights.npz").write_bytes(b"broken")
    embedded.obtain(load([file]), [file], tmp_path / "c", said.append, beside)
    assert len([line for line in said if line.startswith("learning")]) == 2


def test_damaged_vectors_are_made_again(tmp_path: Path) -> None:
    coder = Fake()
    first = vectors(coder, ["show my bill"], tmp_path, print)  # type: ignore[arg-type]
    (tmp_path / "vectors-fake.npz").write_bytes(b"\x93NUMPY broken")
    np.testing.assert_array_equal(vectors(coder, ["show my bill"], tmp_path, print), first)  # type: ignore[arg-type]


async def test_without_weights_tfidf_goes_on_and_says_so(tmp_path: Path) -> None:
    file, said = tmp_path / "nlu.yml", list[str]()
    file.write_text(YAML)
    recogniser = build([file], tmp_path / "cache", date.today, said.append, encoder=tmp_path / "nothing")
    assert any("TF-IDF alone" in line and "make run" in line for line in said), said
    parse = await recogniser.parse("show my bill")
    assert (parse.intent, parse.backend) == ("bill", "embedded")


def test_only_the_official_weights_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"model.safetensors": b"numbers", "tokenizer.json": b"{}"}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(NoWeights, match="not the official file"):
        prepare(tmp_path / "made", tmp_path)
    assert not (tmp_path / "made").exists()
    monkeypatch.setattr(weights, "FILES", {n: hashlib.sha256(d).hexdigest() for n, d in data.items()})
    assert weights.verified(tmp_path) == data
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(NoWeights, match="tokenizer"):
        weights.verified(tmp_path)


def random_weights(words: int, places: int) -> dict[str, Floats]:
    draw = np.random.default_rng(0)

    def some(*shape: int, around: float = 0.0) -> Floats:
        return np.asarray(around + draw.normal(0, 0.08, shape), dtype=np.float32)

    out = {
        "embeddings.word_embeddings.weight": some(words, WIDTH),
        "embeddings.position_embeddings.weight": some(places, WIDTH),
        "embeddings.token_type_embeddings.weight": some(2, WIDTH),
    }
    shapes = {f"attention.self.{p}": (WIDTH, WIDTH) for p in ("query", "key", "value")}
    shapes |= {
        "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (4 * WIDTH, WIDTH),
        "output.dense": (WIDTH, 4 * WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
        for name, (high, wide) in shapes.items():
            out |= {f"{prefix}{name}.weight": some(high, wide), f"{prefix}{name}.bias": some(high)}
    for name in norms:
        out |= {f"{name}.weight": some(WIDTH, around=1), f"{name}.bias": some(WIDTH)}
    return out


def by_hand(w: dict[str, Floats], ids: list[int]) -> Floats:
    """BERT for one text without padding, as the paper has it."""

    def linear(x: Floats, name: str) -> Floats:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    def normal(x: Floats, name: str) -> Floats:
        centred = x - x.mean(-1, keepdims=True)
        return np.asarray(
            centred / np.sqrt(x.var(-1, keepdims=True) + EPSILON) * w[f"{name}.weight"] + w[f"{name}.bias"]
        )

    erf = np.vectorize(math.erf)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = normal(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        q, k, v = (
            linear(x, f"{prefix}attention.self.{p}").reshape(len(ids), HEADS, -1).swapaxes(0, 1)
            for p in ("query", "key", "value")
        )
        scores = np.exp(q @ k.swapaxes(1, 2) / math.sqrt(WIDTH // HEADS))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), WIDTH)
        x = normal(linear(mixed, f"{prefix}attention.output.dense") + x, f"{prefix}attention.output.LayerNorm")
        wide = linear(x, f"{prefix}intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = normal(linear(wide, f"{prefix}output.dense") + x, f"{prefix}output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean))


def session_of(w: dict[str, Floats]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph(w), options, providers=["CPUExecutionProvider"])


@pytest.mark.slow
def test_the_graph_is_the_papers() -> None:
    w = random_weights(words=30, places=16)
    session = session_of(w)
    for ids in ([3, 7, 1, 20], [5, 5, 9, 2, 8, 29]):
        rows = np.array([ids], dtype=np.int64)
        (found,) = session.run(["embedding"], {"input_ids": rows, "attention_mask": np.ones_like(rows)})
        right = by_hand(w, ids)
        # int8: alike, not equal; another text is further off than the rounding.
        assert float(found[0] @ right) > 0.99
        assert float(found[0] @ by_hand(w, [*ids[1:], 4])) < float(found[0] @ right) - 0.01
        assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_padding_counts_for_nothing() -> None:
    w = random_weights(words=30, places=16)
    ids = np.array([[3, 7, 1, 20, 0, 0]], dtype=np.int64)
    mask = np.array([[1, 1, 1, 1, 0, 0]], dtype=np.int64)
    session = session_of(w)
    (padded,) = session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})
    (seen,) = session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    right = by_hand(w, [3, 7, 1, 20])
    assert float(padded[0] @ right) > 0.98 > float(seen[0] @ right)


@pytest.mark.slow
def test_the_same_weights_make_the_same_file() -> None:
    w = random_weights(words=30, places=16)
    assert graph(w) == graph(w)


def test_bytes_and_a_scale_are_near_the_number() -> None:
    numbers = np.random.default_rng(1).normal(0, 3, (20, 5)).astype(np.float32)
    for levels, scale in (by_column(numbers), by_row(numbers)):
        assert levels.dtype == np.int8
        np.testing.assert_allclose(levels * scale, numbers, atol=float(scale.max()) * 0.501)
    assert by_column(np.zeros((3, 2), np.float32))[0].tolist() == [[0, 0]] * 3
