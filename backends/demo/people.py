"""The seed file: who the demo brand's customers are. Their bills are made from it (`seed.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from backends.demo.errors import SeedError
from bot.yaml_loader import Loader


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line on the latest bill. `{mon}` in its label is the bill's month; `charges` are (day, what, pence)."""

    service: str
    kind: str
    label: str
    charges: list[tuple[int, str, int]]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One service with its own mandate. Days count from the day the file is first seeded."""

    label: str
    monthly: int
    locked_days: int | None = None
    cancelled_at_bank_days_ago: int | None = None
    payment_moving: bool = False


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer one can sign in as with one tap."""

    sub: str
    name: str
    story: str


class Billed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer with monthly bills. `steady`: no charges on top but those given; `overdue`: how many bills are."""

    ref: str
    name: str
    services: list[Line]
    steady: bool = False
    extras: list[Extra] = []
    overdue: int = 0
    persona: Story | None = None


class Topped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pay-as-you-go customer. Credit is pence."""

    ref: str
    name: str
    number: str
    credit: int
    bundle: str = ""
    bundle_left: str = ""
    bundle_days: int | None = None
    online: bool = True
    persona: Story | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    payee: str
    billed: list[Billed]
    payg: list[Topped]


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the demo sign-in page offers: `sub` is the identity provider's, `customer_ref` the brand's own reference."""

    sub: str
    name: str
    story: str
    customer_ref: str


def read_seed(path: Path) -> Seed:
    """Read a seed file; raises `SeedError` naming what is wrong."""
    try:
        raw: Any = yaml.load(path.read_bytes(), Loader=Loader)
        return msgspec.convert(raw, Seed)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise SeedError(f"{path.name}: {error}") from error


def personas_of(seed: Seed) -> tuple[Persona, ...]:
    """The customers with a story, in the file's order."""
    everyone: list[Billed | Topped] = [*seed.billed, *seed.payg]
    return tuple(
        Persona(p.persona.sub, p.persona.name, p.persona.story, p.ref) for p in everyone if p.persona is not None
    )
