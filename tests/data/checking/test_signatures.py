import numpy as np
from datasketch import MinHash, MinHashLSH

from data.checking.duplicates import NEAR, letters
from data.checking.signatures import BANDS, band_hashes, shared_bands
from data.examples import posts_of
from data.starter_corpus import read_starter

POST = "the parcel was left in the rain again and nobody rang the bell at all"


def test_bands_are_those_of_the_library_that_the_signatures_come_from() -> None:
    texts = [text for text in posts_of(read_starter())[:300] if letters(text.lower())]
    texts += [f"{text} {text} ünï 𝓪𝓫𝓬" for text in texts[:20]]
    lines = [letters(text.lower()) for text in texts]
    index = MinHashLSH(threshold=NEAR, num_perm=128)
    ours = band_hashes(lines)
    assert ours.shape == (len(lines), BANDS) == (len(lines), index.b)
    bands: dict[tuple[int, bytes], int] = {}
    for line, hashes in zip(lines, ours.tolist(), strict=True):
        minhash = MinHash(num_perm=128, seed=13)
        minhash.update_batch([line[at : at + 4].encode() for at in range(len(line) - 3)])
        for band, (start, end) in enumerate(index.hashranges):
            assert bands.setdefault((band, minhash.hashvalues[start:end].tobytes()), hashes[band]) == hashes[band]
    assert len(set(bands.values())) == len(bands) > len(lines)


def test_the_bands_of_a_line_depend_on_it_alone() -> None:
    lines = [letters(text) for text in (POST, f"{POST} again", POST[:-10])]
    together = band_hashes([lines[0], "", *lines[1:]])
    alone = np.concatenate([band_hashes([line]) for line in lines])
    assert (together[[0, 2, 3]] == alone).all()
    assert not together[1].any()
    assert band_hashes([]).shape == (0, BANDS)


def test_only_bands_that_two_posts_share_are_kept() -> None:
    bands = np.array([[1, 5], [2, 5], [1, 6], [0, 7], [0, 0]], np.uint32)
    assert shared_bands(bands).tolist() == [[1, 5], [0, 5], [1, 0], [0, 0], [0, 0]]
