"""Near copies among texts in memory, as plainly as they can be had: what `near_pairs` of a survey is held to."""

from collections.abc import Sequence

import numpy as np

from data.checking.duplicates import NearIndex, letters
from data.checking.signatures import band_hashes, shared_bands
from data.normalise import same_text


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places of posts that are near copies, in order."""
    lines = [letters(same_text(text)) for text in texts]
    bands = shared_bands(band_hashes(lines))
    index = NearIndex()
    return sorted(
        (other, number)
        for number in np.flatnonzero(bands.any(axis=1)).tolist()
        for other in index.add(number, lines[number], bands[number])
    )
