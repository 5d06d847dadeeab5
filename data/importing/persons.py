"""Whether a name is a person's, and what is written in its place."""

import hashlib
from functools import lru_cache

from data.importing.masking.masker import Kind, Masker

_PERSONAL = Masker({Kind.EMAIL, Kind.PHONE, Kind.CARD, Kind.IBAN})
"""What no label and no name of a thread may be. A number alone is none: so are tickets and teams named."""


@lru_cache(maxsize=10_000)  # labels, channels and languages are few
def is_personal(name: str) -> bool:
    """Whether a label or the name of a thread is somebody's address or number."""
    return not name.isdigit() and bool(_PERSONAL.find(name))


def pseudonym(name: str) -> str:
    """What stands for a person: the same for the same name or address, in every import.

    It tells two persons apart and does not tell who they are; but somebody with a list of addresses can look one up.
    """
    return "person-" + hashlib.sha256(name.strip().lower().encode(errors="surrogatepass")).hexdigest()[:16]
