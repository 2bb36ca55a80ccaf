"""Builds the sentence encoder: all-MiniLM-L6-v2's weights as an int8 ONNX graph. Set-up only; needs the package onnx.

`python -m nlu.minilm FOLDER` fetches, builds and quantises; after that serving needs onnxruntime and tokenizers alone.
The graph is BERT's (Devlin et al. 2018, section 3) with six layers, mean pooling over the tokens and length 1.
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

from nlu.encoder import ENCODER, WIDTH
from nlu.errors import NoWeights
from nlu.weights import fetch

LAYERS, HEADS = 6, 12
EPSILON = 1e-12

Weights = dict[str, NDArray[np.float32]]


def prepare(folder: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The encoder's file in `folder`, made if it is not there; about 20 s. Raises `NoWeights`."""
    made = folder / ENCODER
    if made.is_file():
        return made
    try:
        import onnx  # set-up only, so that a server need not carry it
        from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped, unused-ignore]
    except ImportError as missing:
        raise NoWeights(f"building it needs the package onnx ({missing})") from missing
    fetch(folder, progress)
    progress("building the encoder")
    whole, draft = folder / "minilm-fp32.onnx", folder / f".{ENCODER}"
    onnx.save(_model(_tensors(folder / "model.safetensors")), str(whole))
    progress("quantising it to int8")
    quantize_dynamic(
        str(whole), str(draft), weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gather"]
    )
    draft.replace(made)
    for done in (whole, folder / "model.safetensors"):  # 180 MB that nobody reads again
        done.unlink()
    return made


def _tensors(file: Path) -> Weights:
    """A safetensors file: eight bytes of header length, a JSON header of offsets, then the numbers."""
    data = file.read_bytes()
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
        from onnx import helper, numpy_helper

        self._make, self._pack = helper.make_node, numpy_helper.from_array
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def __call__(self, kind: str, *inputs: str, **settings: Any) -> str:
        name = f"{kind}.{len(self.nodes)}"
        self.nodes.append(self._make(kind, list(inputs), [name], name=name, **settings))
        return name

    def constant(self, name: str, value: Any) -> str:
        self.constants.setdefault(name, self._pack(np.ascontiguousarray(value), name))
        return name

    def linear(self, x: str, prefix: str) -> str:
        weight = self.constant(f"{prefix}.weight", self._weights[f"{prefix}.weight"].T)
        return self("Add", self("MatMul", x, weight), self._own(f"{prefix}.bias"))

    def normal(self, x: str, prefix: str) -> str:
        scale, shift = self._own(f"{prefix}.weight"), self._own(f"{prefix}.bias")
        return self("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def _own(self, name: str) -> str:
        return self.constant(name, self._weights[name])


def _model(weights: Weights) -> Any:
    from onnx import TensorProto, checker, helper

    g = _Graph(weights)
    x, mask = _embedded(g, weights), g("Cast", "attention_mask", to=TensorProto.FLOAT)
    # A padded token gets no attention: its score is lowered beyond reach.
    hidden = g(
        "Sub", g("Unsqueeze", mask, g.constant("heads and queries", np.array([1, 2]))), g.constant("one", np.float32(1))
    )
    bias = g("Mul", hidden, g.constant("beyond reach", np.float32(1e4)))
    for layer in range(LAYERS):
        x = _layer(g, x, bias, f"encoder.layer.{layer}")
    weight = g("Unsqueeze", mask, g.constant("width", np.array([2])))
    tokens = g.constant("tokens", np.array([1]))
    total = g("ReduceSum", g("Mul", x, weight), tokens, keepdims=0)
    mean = g("Div", total, g("ReduceSum", weight, tokens, keepdims=0))
    g.nodes.append(helper.make_node("LpNormalization", [mean], ["embedding"], axis=-1, p=2))
    graph = helper.make_graph(
        g.nodes,
        "minilm",
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "tokens"])
            for n in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", WIDTH])],
        list(g.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(model)
    return model


def _embedded(g: _Graph, weights: Weights) -> str:
    """Word, place and sentence: all texts are of one sentence, so its vector joins the places'."""
    words = g("Gather", g.constant("words", weights["embeddings.word_embeddings.weight"]), "input_ids")
    first_sentence = weights["embeddings.token_type_embeddings.weight"][0]
    places = g.constant("places", weights["embeddings.position_embeddings.weight"] + first_sentence)
    length = g("Slice", g("Shape", "input_ids"), g.constant("from", np.array([1])), g.constant("to", np.array([2])))
    zero = g.constant("zero", np.array([0]))
    here = g("Slice", places, zero, length, zero)
    return g.normal(g("Add", words, here), "embeddings.LayerNorm")


def _layer(g: _Graph, x: str, bias: str, prefix: str) -> str:
    per_head = g.constant("per head", np.array([0, 0, HEADS, WIDTH // HEADS]))
    together = g.constant("together", np.array([0, 0, WIDTH]))

    def heads(part: str, order: list[int]) -> str:
        split = g("Reshape", g.linear(x, f"{prefix}.attention.self.{part}"), per_head)
        return g("Transpose", split, perm=order)

    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    scale = g.constant("scale", np.float32((WIDTH // HEADS) ** -0.5))
    attention = g("Softmax", g("Add", g("Mul", g("MatMul", query, key), scale), bias), axis=-1)
    mixed = g("Reshape", g("Transpose", g("MatMul", attention, value), perm=[0, 2, 1, 3]), together)
    x = g.normal(
        g("Add", g.linear(mixed, f"{prefix}.attention.output.dense"), x), f"{prefix}.attention.output.LayerNorm"
    )
    wide = g("Gelu", g.linear(x, f"{prefix}.intermediate.dense"))
    return g.normal(g("Add", g.linear(wide, f"{prefix}.output.dense"), x), f"{prefix}.output.LayerNorm")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m nlu.minilm", description="Fetch and build the sentence encoder.")
    parser.add_argument("folder", type=Path)
    prepare(parser.parse_args().folder, _say)


if __name__ == "__main__":
    main()
