from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from training.curve.drawing import draw
from training.curve.learning_curve import Point
from training.curve.outlook import Gain, Outlook

HEADS = {
    "intent": {"macro_f1": 0.8, "macro_f1_ci95": [0.75, 0.85]},
    "urgency": {"macro_f1": 0.7, "macro_f1_ci95": [0.6, 0.8], "qwk": 0.65},
}
NOTHING_KNOWN = Outlook("unknown", None, None, None, {}, "")


def texts(path: Path) -> list[str]:
    """The comments in which the writer of SVG leaves what each text says."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314  # our own file
    root = ET.parse(path, parser).getroot()  # noqa: S314
    assert root.tag.endswith("svg")
    return [(element.text or "").strip() for element in root.iter() if not isinstance(element.tag, str)]


def test_the_picture_names_heads_and_sizes_and_is_the_same_each_time(tmp_path: Path) -> None:
    points = [Point(size, HEADS, {"intent": np.zeros(3, np.int64)}) for size in (1250, 2500)]
    outlooks = {
        "intent": Outlook("rising", 0.8, Gain(0.02, 0.01, 0.03), (0.0, 0.1), {}, ""),
        "urgency": NOTHING_KNOWN,
    }
    picture = tmp_path / "new" / "curve.svg"
    draw(points, outlooks, picture)
    shown = texts(picture)
    for text in ("intent, macro F1", "urgency, macro F1", "urgency, quadratic kappa", "1,250", "2,500", "twice"):
        assert text in shown
    before = picture.read_bytes()
    draw(points, outlooks, picture)
    assert picture.read_bytes() == before


def test_nothing_is_foreseen_where_nothing_is_known(tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    draw([Point(30, {"intent": HEADS["intent"]}, {})], {"intent": NOTHING_KNOWN, "urgency": NOTHING_KNOWN}, picture)
    assert "twice" not in texts(picture)


def test_a_head_that_some_point_has_no_figures_of_is_drawn_from_the_others(tmp_path: Path) -> None:
    points = [Point(30, {"intent": HEADS["intent"]}, {}), Point(60, HEADS, {})]
    picture = tmp_path / "curve.svg"
    draw(points, dict.fromkeys(HEADS, NOTHING_KNOWN), picture)
    assert "urgency, macro F1" in texts(picture)
