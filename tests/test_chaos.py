"""Short versions of what `python -m tests.chaos` does, and whether it would notice what it looks for."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.bodies import JSON, NDJSON
from api.problems import Code, Problem
from data.errors import TriageError
from model.bundle import Bundle
from tests.api.conftest import serving_app
from tests.chaos import __main__ as command
from tests.chaos.clients import InService
from tests.chaos.known import Known, judge_refusal
from tests.chaos.questions import Question
from tests.chaos.scenarios import SCENARIOS, Result, play
from tests.chaos.tally import Tally
from tests.chaos.versions import Versions, make_versions
from tests.chaos.wire import Answer

ROUNDS = {
    "swap": 15,
    "sigterm": 2,
    "sigterm_workers": 1,
    "sigkill": 2,
    "worker": 3,
    "cut": 20,
    "slow": 12,
    "disk_full": 2,
    "clock": 1,
}
CLIENT_SECONDS = 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_service_holds(bundle: Bundle, name: str) -> None:
    found = play(bundle, {name: ROUNDS[name]}, CLIENT_SECONDS)[name]
    assert found.tally.faults == []
    assert found.tally.answered == found.tally.requests > 0
    assert found.tally.wrong == found.tally.lost == found.tally.more == 0


@pytest.fixture(scope="module")
def versions(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return make_versions(bundle, tmp_path_factory.mktemp("versions") / "models")


@pytest.fixture(scope="module")
def known(versions: Versions) -> Known:
    return Known([Bundle.load(versions.registry.resolve(reference)) for reference in versions.good], posts=60)


@pytest.fixture(scope="module")
def ask(versions: Versions) -> Iterator[Callable[[Question], Answer]]:
    """Ask a real service that serves the second version."""
    bundle = Bundle.load(versions.registry.resolve(versions.good[1]))
    with serving_app(bundle) as client:

        def ask(question: Question) -> Answer:
            headers = {"Content-Type": question.media_type, "X-Request-ID": question.id}
            found = client.post("/classify", content=b"".join(question.parts), headers=headers)
            return Answer(found.status_code, dict(found.headers), found.content)

        yield ask


Ask = Callable[[Question], Answer]
Change = Callable[[dict[str, Any]], object]


def changed(answer: Answer, change: Change) -> Answer:
    """The answer with something else in its body."""
    plain = json.loads(answer.body)
    change(plain)
    return Answer(answer.status, answer.headers, json.dumps(plain).encode())


def swap_posts(plain: dict[str, Any]) -> None:
    one, other = plain["results"][:2]
    one["labels"], other["labels"] = other["labels"], one["labels"]


def swap_results(plain: dict[str, Any]) -> None:
    plain["results"][:2] = reversed(plain["results"][:2])


def shift_confidence(by: float) -> Change:
    def shift(plain: dict[str, Any]) -> None:
        plain["results"][0]["labels"]["urgency"]["confidence"] += by

    return shift


@pytest.mark.parametrize("media_type", [JSON, NDJSON])
def test_a_right_answer_is_right_for_its_version_alone(known: Known, ask: Ask, media_type: str) -> None:
    question = known.question("q", range(40), media_type)
    answer = ask(question)
    assert known.judge(question, answer, {"1", "2"}).wrong is None
    assert "version 2" in str(known.judge(question, answer, {"1", "3"}).wrong)
    assert "another request" in str(known.judge(known.question("other", range(40), media_type), answer, {"2"}).wrong)
    other_posts = known.question("q", range(1, 41), media_type)
    assert "no version answers" in str(known.judge(other_posts, answer, {"2"}).wrong)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (swap_posts, "as no version answers"),
        (swap_results, "the result of another post"),
        (shift_confidence(2e-6), "as no version answers"),
        (lambda plain: plain["results"].pop(), "39 results for 40 posts"),
        (lambda plain: plain["results"][3].pop("route"), "as no version answers"),
        (lambda plain: plain["results"][3].update(id="q.4"), "the result of another post"),
        (lambda plain: plain["summary"].update(ok=39), "summary"),
        (lambda plain: plain["model"].update(policy="0"), "says of version 2"),
        (lambda plain: plain.pop("model"), "cannot be read"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(known: Known, ask: Ask, change: Change, wrong: str) -> None:
    question = known.question("q", range(40))
    answer = ask(question)
    assert known.judge(question, changed(answer, shift_confidence(1e-6)), {"2"}).wrong is None
    assert wrong in str(known.judge(question, changed(answer, change), {"2"}).wrong)


def test_an_answer_of_one_version_under_the_name_of_another_is_told(known: Known, ask: Ask, versions: Versions) -> None:
    """As it were if a model were replaced by halves."""
    question = known.question("q", range(40))
    first = Bundle.load(versions.registry.resolve(versions.good[0]))
    with serving_app(first) as client:
        model = client.get("/model").json()["model"]
    answer = changed(ask(question), lambda plain: plain.update(model=model))
    assert "is as version 2 answers that post" in str(known.judge(question, answer, {"1", "2"}).wrong)


def test_a_stream_that_was_cut_short_must_be_right_as_far_as_it_goes(known: Known, ask: Ask) -> None:
    question = known.question("q", range(40), NDJSON)
    answer = ask(question)
    lines = answer.body.splitlines(keepends=True)[:10]
    last = json.dumps(Problem(Code.DRAINING, "").document("q")).encode()
    cut = Answer(200, answer.headers, b"".join([*lines, last]))
    assert known.judge(question, cut, {"1", "2"}).refused == Code.DRAINING
    assert known.judge(question, cut, {"1"}).wrong
    mixed = Answer(200, answer.headers, b"".join([lines[1], *lines[1:], last]))
    assert known.judge(question, mixed, {"2"}).wrong


def refusal(status: int, request_id: str = "q", **headers: str) -> Answer:
    found = Problem(Code.DRAINING, "").response(request_id)
    return Answer(status, {**dict(found.headers), **headers}, bytes(found.body))


def test_a_refusal_must_be_as_documented() -> None:
    assert judge_refusal(refusal(503), "q").refused == Code.DRAINING
    for wrong in (refusal(429), refusal(503, "other"), refusal(503, **{"retry-after": "0"})):
        assert judge_refusal(wrong, "q").wrong
    with pytest.raises(ValueError, match="code"):
        judge_refusal(Answer(503, {}, b'{"code": "tired"}'))


def test_versions_that_were_in_service_since_a_request_began_may_answer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    in_service = InService("1")
    in_service.now("1", "2")
    now = 20.0
    in_service.now("2")
    assert in_service.since(5) == in_service.since(15) == {"1", "2"}
    assert in_service.since(25) == {"2"}


def test_torn_versions_are_refused_or_answer_with_what_is_no_number(versions: Versions) -> None:
    for reference in versions.torn:
        try:
            engine = Bundle.load(versions.registry.resolve(reference)).engine()
        except TriageError:
            continue
        scores = engine.score(["late"])
        engine.close()
        assert str(scores.logits["intent"][0, 0]) == "nan"


def test_the_clock_that_is_put_in_place_jumps_by_a_day() -> None:
    code = """
import time
import tests.chaos.jumping as jumping

now = time.time()
jumping.install()
print({round((time.time() - now) / 86_400) for _ in range(200)} | {round((time.time_ns() / 1e9 - now) / 86_400)})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("{", "[").replace("}", "]")) == [0, 1, -1]


def test_the_exit_status_says_whether_it_held(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bundle: Bundle
) -> None:
    tally = Tally(requests=3, answered=2, lost=1)
    tally.refused.update({"draining": 7})
    results = {"swap": Result(1000, 3.0, tally, {"median_seconds": 0.25})}
    monkeypatch.setattr(command, "play", lambda *args, **kwargs: results)
    assert command.main(["swap", "--model", str(bundle.path)]) == 0
    tally.fault("lost: request c1-1")
    assert command.main(["swap", "--model", str(bundle.path)]) == 1
    printed = capsys.readouterr()
    assert "draining 7" in printed.out
    assert "1000 rounds in 3 s, median seconds 0.25" in printed.out
    assert "swap: lost: request c1-1" in printed.err
    assert command.main(["swap", "--model", str(bundle.path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["scenarios"]["swap"]["lost"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sigturm"], "no scenario 'sigturm'; there are swap, sigterm"),
        (["swap", "cut", "slow", "--rounds", "1", "2"], "2 numbers of rounds for 3 scenarios"),
        (["swap", "--rounds", "0"], "expected 1 or more"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_only_the_first_faults_are_kept() -> None:
    tally = Tally()
    for number in range(25):
        tally.fault(f"{number}")
    assert (len(tally.faults), tally.more) == (20, 5)
