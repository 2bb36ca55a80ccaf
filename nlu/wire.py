"""What goes over the pipe between a site and its parse process: frames of MessagePack, each after its length."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec

from bot.model import Parse

LENGTH = struct.Struct(">I")
LARGEST = 1 << 24
"""Bytes of a frame; more is no frame of ours."""
_encode = msgspec.msgpack.Encoder().encode


class Plan(msgspec.Struct, frozen=True):
    """The first frame: what to read with. Paths are absolute; `encoder` "" is TF-IDF alone."""

    files: list[str]
    cache: str
    encoder: str


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """One message to be read; `today` is the brand's date."""

    id: int
    text: str
    locale: str | None
    today: str


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """How message `id` was read."""

    id: int
    parse: Parse


class Ready(msgspec.Struct, frozen=True):
    """The process reads now: by which model, and whether words alone or meaning too."""

    model: str
    backend: str


def frame(value: Any) -> bytes:
    """A value with its length before it."""
    body = _encode(value)
    return LENGTH.pack(len(body)) + body


def read(stream: BinaryIO) -> bytes | None:
    """The next frame's body; None where the other end is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def whole(heard: bytearray) -> list[bytes]:
    """The bodies of all frames that stand whole at the front of `heard`, which keeps the rest; raises `ValueError` for
    what is no frame of ours."""
    bodies: list[bytes] = []
    at = 0
    while len(heard) - at >= LENGTH.size:
        (length,) = LENGTH.unpack_from(heard, at)
        if length > LARGEST:
            raise ValueError(f"A frame of {length} bytes.")
        end = at + LENGTH.size + length
        if end > len(heard):
            break
        bodies.append(bytes(heard[at + LENGTH.size : end]))
        at = end
    del heard[:at]
    return bodies


asks = msgspec.msgpack.Decoder(list[Ask]).decode
plan = msgspec.msgpack.Decoder(Plan).decode
ready = msgspec.msgpack.Decoder(Ready).decode
answer = msgspec.msgpack.Decoder(Answer).decode
