import pytest

from data.taxonomy import Taxonomy
from evaluation.agreement import agreement


def test_kappa_is_as_worked_by_hand(taxonomy: Taxonomy) -> None:
    """Nominal: 3 of 4 agree where chance gives a half; ordinal: one of 4 is a level off."""
    intents = [("refund", "refund"), ("refund", "refund"), ("spam", "spam"), ("spam", "refund")]
    urgencies = [("low", "low"), ("low", "normal"), ("high", "high"), ("high", "high")]
    owners = [("support", "support"), ("support", "support"), (None, None), (None, None)]
    readings = [
        tuple({"intent": intent[side], "urgency": urgency[side], "department": owner[side]} for side in (0, 1))
        for intent, urgency, owner in zip(intents, urgencies, owners, strict=True)
    ]
    kappas = agreement([(one, other) for one, other in readings], taxonomy)
    assert kappas["intent"] == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    # The first said low, low, high, high, the second low, normal, high, high: low and normal, low and high, and so on.
    expected = (2 * 1 * 1 + 2 * 2 * 4 + 2 * 1 * 4 + 2 * 1 * 1) / 16
    assert kappas["urgency"] == pytest.approx(1 - (1 / 4) / expected)
    assert kappas["department"] == 1.0
