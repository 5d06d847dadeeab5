"""The arithmetic of 8 bits: ranges of activations, steps that stand for their values, and what is done about channels
that are far larger than the others.

Such channels would use up the range that all share. Channels are therefore evened out between activation and weight
(SmoothQuant, Xiao et al. 2023, https://arxiv.org/abs/2211.10438), and one that still sticks out is spread over several
columns of the product (as in outlier channel splitting, Zhao et al. 2019, https://arxiv.org/abs/1901.09504): each
column takes one piece of its range and is saturated outside it, so that the pieces add up to the value.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

MIGRATION = 0.85
"""Strength of the evening out: 1 moves the whole spread of an activation's channels into the weights."""

OUTLIER = 2.5
"""Channels above the 99th percentile are spread where the largest of them is so many times that percentile."""

_SMALL = 1e-4
_ROUNDING = 1 / 255  # a channel that leaves the range by less than a step needs no piece


@dataclass(frozen=True, slots=True)
class Range:
    """Least and greatest value of each channel of an activation, `(channels,)`."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def largest(self) -> NDArray[np.float32]:
        """Of each channel, without its sign."""
        return np.maximum(np.maximum(-self.low, self.high), _SMALL)

    def outliers(self) -> NDArray[np.int64]:
        """The channels that stick out."""
        largest = self.largest()
        usual = np.quantile(largest, 0.99)
        return np.flatnonzero(largest > (usual if largest.max() > OUTLIER * usual else np.inf))

    def without_outliers(self) -> "Range":
        """The same, the channels that stick out cut to the largest of the others."""
        edge = np.delete(self.largest(), self.outliers()).max()
        return Range(np.maximum(self.low, -edge), np.minimum(self.high, edge))

    def __truediv__(self, spread: NDArray[np.float32]) -> "Range":
        return Range(self.low / spread, self.high / spread)


@dataclass(frozen=True, slots=True)
class Piece:
    """A further column for a channel: its value less `start`, in steps of which number `zero` stands for nothing."""

    channel: int
    start: float
    zero: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The 256 steps of an activation: `x` is `round(x / scale) + zero`, saturated."""

    scale: np.float32
    zero: int

    @staticmethod
    def over(values: Range) -> "Grid":
        """The finest one that holds all values, and zero."""
        low, high = min(float(values.low.min()), 0.0), max(float(values.high.max()), 0.0)
        scale = np.float32(max(high - low, _SMALL) / 255)
        return Grid(scale, int(np.clip(round(-low / scale), 0, 255)))

    def pieces(self, values: Range) -> list[Piece]:
        """What lies beyond the steps, in pieces of 255 more steps each."""
        width = 255 * float(self.scale)
        bottom, top = -self.zero * float(self.scale), (255 - self.zero) * float(self.scale)
        found = []
        for channel, (low, high) in enumerate(zip(values.low, values.high, strict=True)):
            above = ceil((high - top) / width - _ROUNDING)
            found += [Piece(channel, top + number * width, 0) for number in range(above)]
            below = ceil((bottom - low) / width - _ROUNDING)
            found += [Piece(channel, bottom - (number + 1) * width, 255) for number in range(below)]
        return found


def even_out(activation: Range, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """By what each channel of the activation is divided, and its row of the weight multiplied; geometric mean 1."""
    heaviest = np.maximum(np.abs(weight).max(axis=1), _SMALL)
    spread = activation.largest() ** MIGRATION / heaviest ** (1 - MIGRATION)
    even: NDArray[np.float32] = (spread / np.exp(np.log(spread).mean())).astype(np.float32)
    return even


def to_int8(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Steps in -127..127 and the size of a step, by column."""
    scale = np.maximum(np.abs(matrix).max(axis=0), _SMALL * _SMALL).astype(np.float32) / 127
    return np.round(matrix / scale).astype(np.int8), scale
