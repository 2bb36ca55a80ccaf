"""Labelled utterances from a file: Rasa YAML, or CSV with the columns `text` and `category`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from nlu.data import Example, load
from nlu.errors import BadExamples

COLUMNS = ("text", "category")


def labelled(files: Sequence[Path]) -> list[Example]:
    """The utterances of these files; raises `BadExamples` with file and line. The label `oos` is out of scope.

    A text may stand under two labels in a CSV: such files are for measuring, and data sets have such lines.
    """
    rasa = [file for file in files if file.suffix.lower() != ".csv"]
    found = load(rasa).examples if rasa else []
    for file in files:
        if file not in rasa:
            found += _csv(file)
    if not found:
        raise BadExamples(f"{', '.join(map(str, files))}: there is no utterance in it.")
    return found


def _csv(file: Path) -> list[Example]:
    try:
        rows = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
            raise BadExamples(f"{file}:1: there is no column {' or '.join(missing)}")
        found = []
        for row in rows:
            text, label = ((row[name] or "").strip() for name in COLUMNS)
            if not text or not label:
                raise BadExamples(f"{file}:{rows.line_num}: text or category is empty")
            found.append(Example(text, label, where=f"{file}:{rows.line_num}"))
    except OSError as wrong:
        raise BadExamples(f"{file}: {wrong.strerror}") from wrong
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise BadExamples(f"{file}: not CSV in UTF-8: {wrong}") from wrong
    return found
