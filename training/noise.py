"""Training-time noise: the same post as another hand, phone or export would have written it."""

import re
from collections.abc import Callable
from random import Random

# Neighbours on a QWERTY keyboard, whose rows are shifted against each other.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_EMOJI = ("😡", "😂", "🙏", "👍", "😭", "🙄", "❤️", "🤦")
_DEBRIS = ("RT", "1/2", "2/2", "(cont)", "Re:", "Fwd:", "FW:", ">", "...", "^JM")
_HASHTAGS = ("#fail", "#help", "#customerservice", "#annoyed", "#travel", "#thanks", "#tech", "#monday", "#uk", "#wow")
_HANDLE = re.compile(r"(?<!\w)@\w+")
_HASHTAG = re.compile(r"(?<!\w)#\w+")
_LEADING_HANDLES = re.compile(r"^(?:\.?@\w+[\s,:]*)+")
_LINK = re.compile(r"https?://\S+")
_CODE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_WORDS = (
    "nova orbit maple harbor summit cedar pixel lumen atlas river falcon amber metro echo luna oscar ruby felix max "
    "anna tom sam lee north blue delta crown star bright first"
)
_NAMES = _WORDS.split()
_SUFFIXES = ("", "", "", "uk", "help", "care", "air", "bank", "_81", "mobile", "shop", "support")
# How many handles a post begins with: written posts tie their number to what is said far more than real ones do.
_LEADING_COUNTS = (0, 0, 1, 1, 1, 1, 1, 2, 2, 4)


def add_noise(text: str, random: Random) -> str:
    """Alter what leaves every label as it is.

    Handles and hashtags are drawn anew, and up to two of these come on top: case, a typo by keyboard distance, other
    punctuation or none, a letter drawn out, an emoji, links swapped or left out, the debris of a thread in front.

    Args:
        random: a generator of the caller's own; equal seeds give equal texts.

    Returns:
        Never an empty text, but for one that was empty.
    """
    for alteration in (_redraw_handles, *random.sample(_ALTERATIONS, k=random.randint(0, 2))):
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


def _repunctuate(text: str, random: Random) -> str:
    """Other marks at the end, or hardly any at all."""
    if random.random() < 0.3:
        return re.sub(r"[.,!?'’]+(?=\s|$)|['’]", "", text)
    end = random.choice(("", "!", "!", "!!", ".", "...", "!!!"))
    asks = text.rstrip().endswith("?")
    return text.rstrip(" .!") + ("??" if asks and end else "" if asks else end)


def _draw_out(text: str, random: Random) -> str:
    """`so` becomes `sooo`."""
    words = [found for found in re.finditer(r"\b[a-zA-Z]{2,8}\b", text) if found[0][-1] in "aeiouyshmpd"]
    if not words:
        return text
    at = random.choice(words).end()
    return text[:at] + text[at - 1] * random.randint(1, 3) + text[at:]


def _add_emoji(text: str, random: Random) -> str:
    return f"{text} {random.choice(_EMOJI) * random.randint(1, 2)}"


def _redraw_handles(text: str, random: Random) -> str:
    """Other handles in front, and other ones or none within; hashtags left out or put at the end now and then."""
    body = _LEADING_HANDLES.sub("", text)
    body = _HANDLE.sub(lambda found: _handle(random) if random.random() < 0.5 else found[0], body)
    if random.random() < 0.3:
        body = _HASHTAG.sub("", body)
    elif random.random() < 0.2:
        body = " ".join([body, *random.sample(_HASHTAGS, k=random.randint(1, 3))])
    leading = [_handle(random) for _ in range(random.choice(_LEADING_COUNTS))]
    return " ".join([*leading, *body.split()])


def _handle(random: Random) -> str:
    return f"@{random.choice(_NAMES)}{random.choice(_SUFFIXES)}"


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
    _repunctuate,
    _draw_out,
    _add_emoji,
    _change_links,
    _add_debris,
)
