"""Builds the sentence encoder: all-MiniLM-L6-v2's weights as an int8 ONNX graph. Set-up only.

`python -m nlu.minilm FOLDER --weights WEIGHTS` verifies the weights by hash, quantises and writes; after that serving
needs onnxruntime and tokenizers alone. The graph is BERT's (Devlin et al. 2018, section 3) with six layers, mean
pooling over the tokens and length 1.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.errors import ParleyError
from nlu import onnx_file as onnx
from nlu.encoder import ENCODER, TOKENIZER, WIDTH
from nlu.quantised import by_column, by_row
from nlu.weights import verified

LAYERS, HEADS = 6, 12
EPSILON = 1e-12

Weights = dict[str, NDArray[np.float32]]


def prepare(folder: Path, weights: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The encoder's file in `folder`, made from the files in `weights`; about a second. Raises `NoWeights`."""
    found = verified(weights)
    progress("weights verified, building the encoder")
    folder.mkdir(parents=True, exist_ok=True)
    # The encoder last: its presence says that both are whole.
    for name, data in ((TOKENIZER, found["tokenizer.json"]), (ENCODER, graph(_tensors(found["model.safetensors"])))):
        draft = folder / f".{name}"
        draft.write_bytes(data)
        draft.replace(folder / name)
    return folder / ENCODER


def _tensors(data: bytes) -> Weights:
    """A safetensors file: eight bytes of header length, a JSON header of offsets, then the numbers."""
    (length,) = struct.unpack_from("<Q", data)
    header: dict[str, dict[str, Any]] = msgspec.json.decode(data[8 : 8 + length])
    out: Weights = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            out[name] = np.frombuffer(data[8 + length + begin : 8 + length + end], np.float32).reshape(entry["shape"])
    return out


class _Graph:
    """Collects nodes and constants; each call returns the name of a node's output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[bytes] = []
        self.constants: dict[str, bytes] = {}

    def __call__(self, kind: str, *inputs: str, **settings: Any) -> str:
        name = f"{kind}.{len(self.nodes)}"
        self.nodes.append(onnx.node(kind, inputs, name, settings))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self.constants:
            self.constants[name] = onnx.tensor(name, value)
        return name

    def linear(self, x: str, *prefixes: str) -> str:
        """Rows times weights, quantised by what the rows hold (dynamic) and by column of the weights; several layers
        of the same input are one, side by side."""
        name = prefixes[0]
        whole = np.concatenate([self.weights[f"{p}.weight"] for p in prefixes]).T
        levels, scales = by_column(whole)
        quantised = [f"{name}.{part}" for part in ("levels", "scale", "zero")]
        self.nodes.append(onnx.multi("DynamicQuantizeLinear", [x], quantised))
        product = self(
            "MatMulInteger", quantised[0], self.constant(f"{name}.weight", levels), quantised[2],
            self.constant("no shift", np.array(0, np.int8)),
        )  # fmt: skip
        scale = self("Mul", quantised[1], self.constant(f"{name}.scales", scales))
        scaled = self("Mul", self("Cast", product, to=onnx.FLOAT), scale)
        bias = np.concatenate([self.weights[f"{p}.bias"] for p in prefixes])
        return self("Add", scaled, self.constant(f"{name}.bias", bias))

    def normal(self, x: str, prefix: str) -> str:
        scale, shift = (self.constant(f"{prefix}.{p}", self.weights[f"{prefix}.{p}"]) for p in ("weight", "bias"))
        return self("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)


def graph(weights: Weights) -> bytes:
    """The ONNX file: `input_ids` and `attention_mask` (texts by tokens) in, `embedding` (texts by 384) out."""
    g = _Graph(weights)
    x, mask = _embedded(g), g("Cast", "attention_mask", to=onnx.FLOAT)
    # A padded token gets no attention: its score is lowered beyond reach.
    heads = g.constant("heads and queries", np.array([1, 2]))
    hidden = g("Sub", g("Unsqueeze", mask, heads), g.constant("one", np.array([1], np.float32)))
    bias = g("Mul", hidden, g.constant("beyond reach", np.array([1e4], np.float32)))
    for layer in range(LAYERS):
        x = _layer(g, x, bias, f"encoder.layer.{layer}")
    weight = g("Unsqueeze", mask, g.constant("width", np.array([2])))
    tokens = g.constant("tokens", np.array([1]))
    total = g("ReduceSum", g("Mul", x, weight), tokens, keepdims=0)
    mean = g("Div", total, g("ReduceSum", weight, tokens, keepdims=0))
    g.nodes.append(onnx.node("LpNormalization", [mean], "embedding", {"axis": -1, "p": 2}))
    return onnx.model(
        g.nodes,
        list(g.constants.values()),
        [onnx.value(name, onnx.INT64, ("texts", "tokens")) for name in ("input_ids", "attention_mask")],
        [onnx.value("embedding", onnx.FLOAT, ("texts", WIDTH))],
    )


def _embedded(g: _Graph) -> str:
    """Word, place and sentence: all texts are of one sentence, so its vector joins the places'."""
    levels, scales = by_row(g.weights["embeddings.word_embeddings.weight"])
    coded = g("Cast", g("Gather", g.constant("words", levels), "input_ids"), to=onnx.FLOAT)
    words = g("Mul", coded, g("Gather", g.constant("word scales", scales), "input_ids"))
    first_sentence = g.weights["embeddings.token_type_embeddings.weight"][0]
    places = g.constant("places", g.weights["embeddings.position_embeddings.weight"] + first_sentence)
    length = g("Slice", g("Shape", "input_ids"), g.constant("from", np.array([1])), g.constant("to", np.array([2])))
    zero = g.constant("zero", np.array([0]))
    return g.normal(g("Add", words, g("Slice", places, zero, length, zero)), "embeddings.LayerNorm")


def _layer(g: _Graph, x: str, bias: str, prefix: str) -> str:
    size = WIDTH // HEADS
    apart = g.constant("apart", np.array([0, 0, 3, HEADS, size]))
    together = g.constant("together", np.array([0, 0, WIDTH]))
    three = g.linear(x, *(f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")))
    # query, key or value × text × head × token × number
    three = g("Transpose", g("Reshape", three, apart), perm=[2, 0, 3, 1, 4])
    query, key, value = (g("Gather", three, g.constant(f"part {i}", np.array(i)), axis=0) for i in range(3))
    scale = g.constant("scale", np.array([size**-0.5], np.float32))
    scores = g("MatMul", g("Mul", query, scale), g("Transpose", key, perm=[0, 1, 3, 2]))
    attention = g("Softmax", g("Add", scores, bias), axis=-1)
    mixed = g("Reshape", g("Transpose", g("MatMul", attention, value), perm=[0, 2, 1, 3]), together)
    x = g.normal(
        g("Add", g.linear(mixed, f"{prefix}.attention.output.dense"), x), f"{prefix}.attention.output.LayerNorm"
    )
    wide = g("Gelu", g.linear(x, f"{prefix}.intermediate.dense"))
    return g.normal(g("Add", g.linear(wide, f"{prefix}.output.dense"), x), f"{prefix}.output.LayerNorm")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m nlu.minilm", description="Build the sentence encoder.")
    parser.add_argument("folder", type=Path, help="where it goes")
    parser.add_argument("--weights", type=Path, required=True, help="a folder with model.safetensors, tokenizer.json")
    given = parser.parse_args(arguments)
    try:
        prepare(given.folder, given.weights, _say)
    except ParleyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
