"""Numbers as signed bytes and a scale: the symmetric int8 of the encoder's weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.int8]
Floats = NDArray[np.float32]


def by_column(weights: Floats) -> tuple[Bytes, Floats]:
    """Levels (as `weights`) and a scale for each column."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def by_row(weights: Floats) -> tuple[Bytes, Floats]:
    """Levels (as `weights`) and a scale for each row, as rows of one."""
    levels, scale = by_column(weights.T)
    return np.ascontiguousarray(levels.T), scale[:, None]
