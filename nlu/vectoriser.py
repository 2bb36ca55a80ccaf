"""TF-IDF of words (1 to 2) and of letters within words (2 to 5), in plain Python and numpy.

The same numbers as scikit-learn's `TfidfVectorizer(sublinear_tf=True)` for both kinds of terms, side by side, each
block of length 1; a test holds them equal. It is ours so that serving needs no import of scikit-learn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nlu.text import fold

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Sparse = tuple[Ints, Floats]
"""Column numbers and their values of one row."""

WORDS = (1, 2)
LETTERS = (2, 5)


def words(folded: str) -> list[str]:
    """Words and pairs of neighbours: runs of letters, digits and underscores."""
    single = _split(folded)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def letters(folded: str) -> list[str]:
    """Runs of 2 to 5 letters that do not cross a space; each word is padded with one space on both sides."""
    return [gram for word in folded.split() for gram in _grams(word)]


def _split(folded: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in folded).split()


def _grams(word: str) -> list[str]:
    padded = f" {word} "
    size = len(padded)
    out: list[str] = []
    for n in range(LETTERS[0], LETTERS[1] + 1):
        if n >= size:
            out.append(padded)  # a short word counts once, not once a length
            break
        out += [padded[i : i + n] for i in range(size - n + 1)]
    return out


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of term: its vocabulary in sorted order, and the weight of each term."""

    terms: tuple[str, ...]
    idf: Floats
    columns: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", {term: i for i, term in enumerate(self.terms)})

    @classmethod
    def fit(cls, documents: Iterable[Sequence[str]], least: int = 1) -> Block:
        """Learn from documents, each given as its terms; a term counts once in `least` documents or more."""
        seen: Counter[str] = Counter()
        count = 0
        for document in documents:
            seen.update(set(document))
            count += 1
        terms = tuple(sorted(t for t, n in seen.items() if n >= least))
        idf = [math.log((1 + count) / (1 + seen[t])) + 1 for t in terms]
        return cls(terms, np.array(idf, dtype=np.float32))

    def row(self, document: Sequence[str]) -> Sparse:
        """One document as a sparse row of length 1; all zero where no term is known."""
        counts: dict[int, int] = {}
        columns = self.columns
        for term in document:
            column = columns.get(term)
            if column is not None:
                counts[column] = counts.get(column, 0) + 1
        at = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        values = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))) * self.idf[at]
        length = float(np.sqrt(np.dot(values, values)))
        return at, values / length if length else values


@dataclass(frozen=True, slots=True)
class Vectoriser:
    """Both blocks, one after the other."""

    words: Block
    letters: Block

    @classmethod
    def fit(cls, texts: Sequence[str], least: int = 1) -> Vectoriser:
        """Learn the vocabularies of these texts."""
        folded = [fold(t) for t in texts]
        return cls(Block.fit(map(words, folded)), Block.fit(map(letters, folded), least))

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.words.terms) + len(self.letters.terms)

    def row(self, text: str) -> Sparse:
        """One text as a sparse row."""
        folded = fold(text)
        at, values = self.words.row(words(folded))
        more, others = self.letters.row(letters(folded))
        return np.concatenate([at, more + len(self.words.terms)]), np.concatenate([values, others])
