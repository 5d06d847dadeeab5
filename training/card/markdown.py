"""The few forms of Markdown that a card is written in."""

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """Anything as one line that no table, tag or heading breaks on."""
    return " ".join(str(value).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").split())


def code(value: object) -> str:
    """Anything between backticks, in which nothing but backticks and the bars of tables means anything."""
    return "`" + " ".join(str(value).replace("`", "'").replace("|", "\\|").split()) + "`"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; no rows, no table."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines])


def folded(title: str, content: str) -> str:
    """What is opened with a click."""
    return f"<details><summary>{cell(title)}</summary>\n\n{content}\n\n</details>" if content else ""


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines if line)


def section(title: str, *paragraphs: str) -> str:
    """A heading with what stands below it; without anything, nothing."""
    filled = [paragraph for paragraph in paragraphs if paragraph]
    return "\n\n".join([title, *filled]) if filled else ""


def number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def interval(bounds: Sequence[float] | None, digits: int = 3) -> str:
    return "" if bounds is None else f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
