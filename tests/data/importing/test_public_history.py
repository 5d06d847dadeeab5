"""X-FINCORP (Das et al., complaints in tweets on banking), imported from its CSV as it was published."""

from pathlib import Path

import pytest

from data.checking.check import findings_of
from data.checking.survey import survey
from data.examples import LabelledFile
from data.found_taxonomy import find_taxonomy
from data.importing.engine import ImportJob, import_posts
from data.importing.mapping import ColumnMapping
from data.importing.sources.source import Source
from data.splitting.dealing import deal

PUBLISHED = Path(__file__).parents[4] / "shared" / "benchmarks" / "x_fincorp" / "x_fincorp.csv"
HEADS = ("complaint", "severity", "sentiment", "emotion", "domain")


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the public data lies outside this repository")
def test_its_heads_come_in_and_its_faults_are_told(tmp_path: Path) -> None:
    mapping = ColumnMapping().updated(
        labels={head: head for head in HEADS}, rename={"severity": {"Non-Complaint": "null"}}, keep=()
    )
    report = import_posts(ImportJob((Source(str(PUBLISHED)),), mapping, tmp_path / "history.jsonl"))
    assert (report.kept, report.dropped) == (6172, 0)
    assert report.labels["complaint"] == {"0": 3087, "1": 3085}
    assert report.labels["severity"][None] == 3087
    assert set(report.labels["severity"]) == {None, "No explicit reproach", "Blame", "Disapproval", "Accusation"}
    assert report.masked["link"] > 1500
    assert report.masked["phone"] > 50

    history = [tmp_path / "history.jsonl"]
    heads = find_taxonomy(history, "x_fincorp")
    assert {head.name for head in heads} == set(HEADS)
    findings = findings_of(survey({"history": LabelledFile(history[0], heads)}, heads), heads)
    assert findings.counts["near_duplicate"] > 100
    assert findings.counts["near_conflict"] > 20
    spellings = [fault.message for fault in findings.cautions if fault.kind == "label_spelling"]
    assert any("Credit Card" in said and "Credit card" in said for said in spellings)
    assert any(fault.kind == "rare_label" and "Retail Banking" in fault.message for fault in findings.cautions)

    shares = {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}
    dealt = deal({"history": LabelledFile(history[0], heads)}, heads, "group", shares, 13)
    assert dealt.largest < 0.05 * report.kept
