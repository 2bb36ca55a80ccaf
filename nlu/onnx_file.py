"""Writes an ONNX file: the few messages of its protobuf schema (onnx.proto3) that a plain graph needs.

Written by hand so that a machine which sets the encoder up needs neither the package onnx nor its compiler.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION, OPSET = 9, 20
FLOAT, INT64 = 1, 7
"""TensorProto.DataType"""
_KINDS = {"float32": FLOAT, "uint8": 2, "int8": 3, "int32": 6, "int64": INT64}
_ATTRIBUTE = {"f": 2, "i": 3, "ints": 8}


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number takes ten bytes, as protobuf has it
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def node(kind: str, inputs: Sequence[str], output: str, settings: Mapping[str, Any]) -> bytes:
    """NodeProto: one operation. Settings are integers, floats or lists of integers."""
    parts = [_bytes(1, name) for name in inputs]
    parts += [_bytes(2, output), _bytes(3, output), _bytes(4, kind)]
    parts += [_bytes(5, _attribute(name, value)) for name, value in settings.items()]
    return b"".join(parts)


def multi(kind: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """NodeProto: one operation of several outputs, without settings."""
    named = [_bytes(1, name) for name in inputs] + [_bytes(2, name) for name in outputs]
    return b"".join([*named, _bytes(3, outputs[0]), _bytes(4, kind)])


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    head = _bytes(1, name)
    if isinstance(value, float):
        return head + _varint(_ATTRIBUTE["f"] << 3 | 5) + struct.pack("<f", value) + _int(20, 1)
    if isinstance(value, int):
        return head + _int(_ATTRIBUTE["i"], value) + _int(20, 2)
    return head + b"".join(_int(_ATTRIBUTE["ints"], one) for one in value) + _int(20, 7)


def tensor(name: str, value: NDArray[Any]) -> bytes:
    """TensorProto: a constant."""
    value = np.asarray(value)
    sizes = b"".join(_int(1, size) for size in value.shape)
    return sizes + _int(2, _KINDS[value.dtype.name]) + _bytes(8, name) + _bytes(9, value.tobytes())


def value(name: str, kind: int, sizes: Iterable[str | int]) -> bytes:
    """ValueInfoProto: an input or output of the graph; a size is a number or the name of one that varies."""
    dims = b"".join(_bytes(1, _int(1, s) if isinstance(s, int) else _bytes(2, s)) for s in sizes)
    return _bytes(1, name) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, dims)))


def model(
    nodes: Sequence[bytes], constants: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> bytes:
    """ModelProto: the whole file."""
    graph = [_bytes(1, one) for one in nodes] + [_bytes(2, "encoder")]
    graph += [_bytes(5, one) for one in constants]
    graph += [_bytes(11, one) for one in inputs] + [_bytes(12, one) for one in outputs]
    opset = _bytes(1, "") + _int(2, OPSET)
    return _int(1, IR_VERSION) + _bytes(2, "parley") + _bytes(7, b"".join(graph)) + _bytes(8, opset)
