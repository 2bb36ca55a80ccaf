"""The confusion matrix as a PNG: a row for what was meant, a column for what it was read as."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from nlu.report import Report

PAPER, INK, LINE = (255, 255, 255), (32, 32, 32), (225, 225, 225)
RIGHT, WRONG, ASKED = (34, 112, 84), (190, 46, 46), (120, 120, 120)
ASKED_COLUMN = "(asked)"


def draw(found: Report, file: Path) -> None:
    """Write the picture. The darker a field, the larger its share of the row: green is right, red wrong, grey asked."""
    names = list(found.intents)
    columns = [*names, ASKED_COLUMN]
    cell = 22 if len(names) <= 40 else 12
    font = ImageFont.load_default(size=min(13, cell - 1))
    margin = 12 + int(max((font.getlength(name) for name in columns), default=0))
    image = Image.new("RGB", (margin + cell * len(columns) + 12, margin + cell * len(names) + 12), PAPER)
    pen = ImageDraw.Draw(image)
    for at, name in enumerate(names):
        top = margin + at * cell
        pen.text((margin - 6, top + cell / 2), name, INK, font, anchor="rm")
        pen.line((margin, top, margin + cell * len(columns), top), LINE)
    for at, name in enumerate(columns):
        _upright(image, name, (margin + at * cell, margin - 6), cell, font)
    for row, name in enumerate(names):
        for column, share in _shares(found, name, columns):
            colour = RIGHT if columns[column] == name else ASKED if columns[column] == ASKED_COLUMN else WRONG
            left, top = margin + column * cell, margin + row * cell
            pen.rectangle((left + 1, top + 1, left + cell - 1, top + cell - 1), _tint(colour, share))
    image.save(file, "PNG")


def _shares(found: Report, meant: str, columns: Sequence[str]) -> list[tuple[int, float]]:
    counts = {read: n for other, read, n in found.confusions if other == meant}
    missed = sum(1 for one in found.misread if one.meant == meant and not one.read)
    whole = found.intents[meant].count
    counts |= {meant: whole - missed - sum(counts.values()), ASKED_COLUMN: missed}
    return [(columns.index(read), n / whole) for read, n in counts.items() if n and whole and read in columns]


def _tint(colour: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    depth = 0.15 + 0.85 * min(1.0, share) ** 0.5  # a single confusion must still be seen
    red, green, blue = (round(255 + (part - 255) * depth) for part in colour)
    return red, green, blue


def _upright(
    image: Image.Image, name: str, foot: tuple[int, int], cell: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    """A column's name, read from below; `foot` is where it begins, at the left of its column."""
    label = Image.new("RGB", (int(font.getlength(name)) + 2, cell), PAPER)
    ImageDraw.Draw(label).text((0, cell / 2), name, INK, font, anchor="lm")
    turned = label.rotate(90, expand=True)
    image.paste(turned, (foot[0], foot[1] - turned.height))
