"""Training-time noise: the same post as another hand, phone or export would have written it."""

import re
from collections.abc import Callable
from random import Random

# Neighbours on a QWERTY keyboard, whose rows are shifted against each other.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_EMOJI = ("😡", "😂", "🙏", "👍", "😭", "🙄", "❤️", "🤦")
_DEBRIS = ("RT", "1/2", "2/2", "(cont)", "Re:", "Fwd:", "FW:", ">", "...", "^JM")
_HANDLES = ("@support", "@help", "@company", "@team", "@care", "@jay_81", "@mrs_dee", "@k_alvarez")
_HANDLE = re.compile(r"(?<!\w)@\w+")
_LINK = re.compile(r"https?://\S+")
_CODE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def add_noise(text: str, random: Random) -> str:
    """One to three small alterations that leave every label as it is.

    Case, a typo by keyboard distance, punctuation dropped, a letter drawn out, an emoji, handles and links masked or
    swapped, the debris of a thread in front.

    Args:
        random: a generator of the caller's own; equal seeds give equal texts.

    Returns:
        Never an empty text.
    """
    for alteration in random.sample(_ALTERATIONS, k=random.randint(1, 3)):
        text = alteration(text, random) or text
    return text


def _change_case(text: str, random: Random) -> str:
    return text.upper() if random.random() < 0.15 else text.lower()


def _mistype(text: str, random: Random) -> str:
    """Swap, drop, double or replace one letter; one in twelve words or so, at least one."""
    for _ in range(1 + len(text) // 70):
        places = [index for index, letter in enumerate(text[:-1]) if letter.lower() in _NEIGHBOURS]
        if not places:
            return text
        at = random.choice(places)
        letter = text[at]
        typed = random.choice(("", letter * 2, text[at + 1] + letter, random.choice(_NEIGHBOURS[letter.lower()])))
        text = text[:at] + typed + text[at + (2 if typed == text[at + 1] + letter else 1) :]
    return text


def _drop_punctuation(text: str, random: Random) -> str:
    return text.rstrip(".!?") if random.random() < 0.5 else re.sub(r"[.,!?'’]+(?=\s|$)|['’]", "", text)


def _draw_out(text: str, random: Random) -> str:
    """`so` becomes `sooo`."""
    words = [found for found in re.finditer(r"\b[a-zA-Z]{2,8}\b", text) if found[0][-1] in "aeiouyshmpd"]
    if not words:
        return text
    at = random.choice(words).end()
    return text[:at] + text[at - 1] * random.randint(1, 3) + text[at:]


def _add_emoji(text: str, random: Random) -> str:
    return f"{text} {random.choice(_EMOJI) * random.randint(1, 2)}"


def _change_handles(text: str, random: Random) -> str:
    """Mask, swap or leave out each handle; give a post without one a handle now and then."""
    if not _HANDLE.search(text):
        return f"{random.choice(_HANDLES)} {text}"
    kept = random.choice(("@user", random.choice(_HANDLES), ""))
    return " ".join(_HANDLE.sub(kept, text).split(" ")).strip()


def _change_links(text: str, random: Random) -> str:
    link = "https://t.co/" + "".join(random.choices(_CODE, k=10))
    return _LINK.sub(random.choice((link, "")), text).strip() if _LINK.search(text) else f"{text} {link}"


def _add_debris(text: str, random: Random) -> str:
    return f"{random.choice(_DEBRIS)} {text}"


def _neighbours() -> dict[str, str]:
    near: dict[str, str] = {}
    for y, row in enumerate(_ROWS):
        for x, key in enumerate(row):
            beside = row[max(x - 1, 0) : x] + row[x + 1 : x + 2]
            above = _ROWS[y - 1][x : x + 2] if y > 0 else ""
            below = _ROWS[y + 1][max(x - 1, 0) : x + 1] if y + 1 < len(_ROWS) else ""
            near[key] = beside + above + below
    return near


_NEIGHBOURS = _neighbours()
_ALTERATIONS: tuple[Callable[[str, Random], str], ...] = (
    _change_case,
    _mistype,
    _drop_punctuation,
    _draw_out,
    _add_emoji,
    _change_handles,
    _change_links,
    _add_debris,
)
