"""What `python -m tests.load` makes of what it sees; the figures themselves are the machine's."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from data.normalise import normalise
from evaluation.speed import BANKING77
from model.bundle import Bundle
from tests.load.__main__ import main, table, with_bars
from tests.load.posts import bodies, make_posts, words_of, write_bodies
from tests.load.scenarios import BARS, SCENARIOS, Bar, answered_in, measure, over_rounds, posts_per_second
from tests.load.service import QUEUED, Service, parse_metrics, total, watching
from tests.load.wrk import Answer, Load, Traffic, WrkError, drive, parse, percentile, rate

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def output(*threads: tuple[Sequence[float], Sequence[tuple[int | None, float, int]]]) -> str:
    """What wrk prints for threads of which each gives what it sent and what was answered."""
    records = [{"sent": sent, "answers": answers} for sent, answers in threads]
    counts = {"answered": 7, "refused": 2, "broken": 1, "cpu_seconds": 0.25}
    return f"Running 2s test\n  Latency 3ms {{}}\n{json.dumps({**counts, 'threads': records})}\n"


def traffic(times: list[float], answered: int = 0, refused: int = 0, answers: list[Answer] | None = None) -> Traffic:
    return Traffic(times, times, answers or [], answered, refused, broken=0, cpu_seconds=0.0)


def test_of_a_load_that_is_not_watched_each_further_request_of_a_connection_stands_for_an_answer() -> None:
    found = parse(output(([1.0, 1.1, 2.0, 4.0], []), ([1.0, 1.2, 3.0], [])), Load(4, 2, threads=2))
    assert found.sent == [1.0, 1.0, 1.1, 1.2, 2.0, 3.0, 4.0]
    assert found.completed == [2.0, 3.0, 4.0]
    assert (found.answered, found.refused, found.broken, found.failed) == (7, 2, 1, 3)


def test_of_a_watched_load_each_answer_is_found_by_the_number_of_its_request() -> None:
    one = [1.0, 2.0], [(2, 2.5, 200), (1, 3.0, 504)]
    other = [1.5], [(1, 1.75, 429), (None, 5.0, 400)]
    found = parse(output(one, other), Load(2, 2, threads=2, watched=True))
    assert found.completed == [1.75, 2.5, 3.0, 5.0]
    assert found.took_ms(200) == [500]
    assert found.took_ms(429, 504) == [2000, 250]
    assert found.took_ms() == [500, 2000, 250]
    assert [answer.status for answer in found.answers if answer.took is None] == [400]


@pytest.mark.parametrize("printed", ["", "unable to connect to 127.0.0.1:1\n"])
def test_wrk_without_a_result_is_an_error_with_what_it_printed(printed: str) -> None:
    with pytest.raises(WrkError, match=printed.strip() or "it printed nothing"):
        parse(printed, Load(1, 1))


def test_wrk_is_told_what_the_load_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    load = Load(8, 1.5, Path("b.jsonl"), threads=4, rate=80, patience=2, deadline_ms=900, watched=True)
    command = " ".join(load.command("http://127.0.0.1:1/classify"))
    assert command.startswith("/bin/wrk --connections 8 --threads 4 --duration 4s --timeout ")
    arguments = "threads=4 seconds=1.5 bodies=b.jsonl deadline=900 interval=0.05 watched=1"
    assert command.endswith(f" http://127.0.0.1:1/classify -- {arguments}")
    assert Load(1, 2).command("http://127.0.0.1:1/")[-3:] == ["--", "threads=1", "seconds=2"]


def test_the_rate_is_that_of_the_answers_whether_they_come_evenly_or_together() -> None:
    evenly = [0.25 * number for number in range(40)]
    together = [float(number) for number in range(10) for _ in range(4)]
    assert rate(evenly) == pytest.approx(4)
    assert rate(together) == pytest.approx(4)
    assert rate(evenly[:3]) == pytest.approx(4)
    assert rate([7.0]) == rate([]) == rate([7.0] * 9) == 0


def test_percentiles_of_nothing_are_no_numbers() -> None:
    assert percentile([1, 2, 3, 4, 5], 50) == 3
    assert percentile([0, 100], 99) == 99
    assert math.isnan(percentile([], 50))


def test_only_posts_that_were_answered_count() -> None:
    times = [0.5 * number for number in range(21)]
    assert posts_per_second(traffic(times, answered=20), 32) == pytest.approx(64)
    assert posts_per_second(traffic(times, answered=20, refused=5), 32) == pytest.approx(48)
    assert posts_per_second(traffic([], answered=0), 32) == 0


def test_answers_are_counted_within_a_time_after_the_first_request() -> None:
    answers = [Answer(status, 100 + at, 0.5) for status, at in ((200, 3), (200, 1), (429, 2), (200, 2), (200, 4))]
    assert answered_in(traffic([100, 101], answers=answers), 2, 4) == [102, 103]
    assert answered_in(traffic([]), 0, 9) == []


def test_posts_are_distinct_of_known_words_and_as_long_as_banking77(bundle: Bundle) -> None:
    posts = make_posts(bundle, 3000)
    assert len({normalise(post) for post in posts}) == len(posts) == 3000
    assert {len(post.ids) for post in bundle.tokenizer().encode(posts)} == set(BANKING77)
    assert {word for post in posts for word in post.split()} == set(words_of(bundle))
    assert make_posts(bundle, 3000) == posts


def test_no_post_is_in_two_requests(bundle: Bundle, tmp_path: Path) -> None:
    posts = make_posts(bundle, 700)
    batches = [json.loads(body)["posts"] for body in bodies(posts, 32)]
    assert [len(batch) for batch in batches] == [32] * 21
    assert len({post["text"] for batch in batches for post in batch}) == 21 * 32
    single = [json.loads(line) for line in write_bodies(posts, 1, tmp_path).read_text().splitlines()]
    assert single == [{"text": post} for post in posts]


def test_metrics_are_read_and_added_up_over_their_labels() -> None:
    values = f'{QUEUED}{{pid="1"}} 3.0\n{QUEUED}{{pid="2"}} 4.0\n{QUEUED}_more 9.0\n'
    metrics = parse_metrics(f'# HELP {QUEUED} Posts\n{values}\na{{b="c d"}} 1e3\n')
    assert metrics['a{b="c d"}'] == 1000
    assert total(metrics, QUEUED) == 7


def test_rounds_are_put_together_without_those_that_had_nothing_to_measure() -> None:
    rounds = [{"ms": 3.0, "none": math.nan}, {"ms": math.nan, "none": math.nan}, {"ms": 1.0, "none": math.nan}]
    assert over_rounds(rounds) == {"ms": {"median": 2.0, "min": 1.0, "max": 3.0, "rounds": [3.0, 1.0]}}


def test_bars_are_for_scenarios_that_there_are_and_judge_the_median() -> None:
    assert BARS.keys() <= SCENARIOS.keys()
    assert Bar(0.9, least=True).met(0.9)
    assert not Bar(0.9, least=True).met(0.89)
    assert Bar(40).met(40)
    assert not Bar(40).met(41)
    figures = {"p99_excess_ms": {"median": 41.0, "min": 3.0, "max": 50.0}, "p99_ms_busy": {"median": 1234.5}}
    found = with_bars({"fairness": figures})["fairness"]
    assert (found["p99_excess_ms"]["bar"], found["p99_excess_ms"]["met"]) == ("≤ 40", False)
    assert "bar" not in found["p99_ms_busy"]


def test_the_table_shows_figures_spreads_and_bars() -> None:
    scenarios = {
        "raw": over_rounds([{"posts_per_second": 1500.0}, {"posts_per_second": 1700.0}]),
        "throughput": over_rounds([{"4x32_share_of_raw": 0.5, "4x32_failed": 0}]),
    }
    facts = {"bundle": "toy@1", "precision": "int8", "cpus": 2, "rounds": 2, "seconds": 1, "workers": 3}
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table({**facts, "scenarios": with_bars(scenarios)}))
    printed = capture.get()
    for wanted in ("toy@1", "--workers 3", "1,600 (1,500 to 1,700)", "0.500", "≥ 0.85", "missed", "met"):
        assert wanted in printed


def test_without_wrk_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert main([]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "apt-get install wrk" in line


def test_a_scenario_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["overlaod"])
    assert "no scenario 'overlaod'; there are raw, throughput" in capsys.readouterr().err


@pytest.mark.slow
@needs_wrk
def test_the_service_answers_all_that_it_is_sent_in_batches_and_alone(bundle: Bundle) -> None:
    measured = measure(bundle, ["throughput"], rounds=1, seconds=1)
    assert measured.keys() == {"raw", "throughput"}
    figures = measured["throughput"]
    assert figures["1x1_p50_ms"]["median"] > 0
    for load in ("4x256", "4x32", "64x1"):
        assert figures[f"{load}_posts_per_second"]["median"] > 0
        assert figures[f"{load}_share_of_raw"]["median"] == pytest.approx(
            figures[f"{load}_posts_per_second"]["median"] / measured["raw"]["posts_per_second"]["median"]
        )
    for load in ("4x256", "4x32", "64x1", "1x1"):
        assert figures[f"{load}_failed"]["median"] == 0


@pytest.mark.slow
@needs_wrk
def test_a_schedule_is_kept_and_every_answer_is_seen(bundle: Bundle, tmp_path: Path) -> None:
    texts = write_bodies(make_posts(bundle, 400), 4, tmp_path)
    with Service(bundle.path) as service, watching(service) as most:
        load = Load(8, 1, texts, threads=2, rate=100, patience=1, deadline_ms=9000, watched=True)
        found = drive(service.classify, load)
        impossible = drive(service.classify, Load(1, 1, texts, deadline_ms=0, watched=True))
        service.settle()
    assert len(found.sent) == 100
    assert found.sent[-1] - found.sent[0] == pytest.approx(0.99, abs=0.2)
    assert [answer.status for answer in found.answers] == [200] * 100
    assert 0 < min(found.took_ms()) <= max(found.took_ms()) < 2000
    assert {answer.status for answer in impossible.answers} == {422}
    assert most.memory_mb > 20
    assert most.missed == 0
