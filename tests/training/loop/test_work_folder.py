from pathlib import Path

import pytest

from data.errors import BusyError
from training.loop.work_folder import work_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".runs" / "job-0123"


def test_a_second_run_of_the_same_job_is_refused_until_the_first_has_ended(path: Path) -> None:
    with work_in(path, resume=False):
        with pytest.raises(BusyError, match=r"job-0123: a run of just this job is at work there; .*--resume"):
            work_in(path, resume=True).__enter__()
        with work_in(path.with_name("job-4567"), resume=False):
            pass  # another job has another folder
    with work_in(path, resume=True):
        pass


def test_a_run_that_has_done_nothing_leaves_no_folder(path: Path) -> None:
    with pytest.raises(ValueError, match="no such encoder"), work_in(path, resume=False):
        raise ValueError("no such encoder")
    assert list(path.parent.iterdir()) == []


def test_a_run_keeps_its_name_when_it_is_resumed_and_a_new_one_has_another(path: Path) -> None:
    runs = []
    for resume in (False, True, False, True):
        with work_in(path, resume=resume) as work:
            (path / "checkpoints").mkdir(exist_ok=True)
            runs.append(work.run)
    assert runs[0] == runs[1] != runs[2] == runs[3]


def test_a_new_run_goes_on_with_nothing_that_another_has_left(path: Path) -> None:
    with work_in(path, resume=False):
        (path / "checkpoints" / "checkpoint-7").mkdir(parents=True)
    with work_in(path, resume=True):
        assert (path / "checkpoints" / "checkpoint-7").is_dir()
    with work_in(path, resume=False):
        assert [each.name for each in path.iterdir()] == ["run"]


def test_to_resume_where_there_was_nothing_begins_a_run(path: Path) -> None:
    with work_in(path, resume=True) as work:
        assert work.run
        assert work.path == path
        assert path.is_dir()


def test_what_is_removed_leaves_nothing_and_the_next_run_begins_anew(path: Path) -> None:
    with work_in(path, resume=False) as first:
        (path / "checkpoints").mkdir()
        (path / "checkpoints" / "weights").write_bytes(b"many")
        first.remove()
    assert list(path.parent.iterdir()) == []
    with work_in(path, resume=True) as second:
        assert second.run != first.run


def test_a_run_that_begins_while_another_removes_the_folder_has_one_of_its_own(path: Path) -> None:
    with work_in(path, resume=False) as first:
        first.remove()
        with work_in(path, resume=False):
            assert path.is_dir()
            with pytest.raises(BusyError):
                work_in(path, resume=False).__enter__()


def test_what_a_killed_removal_has_left_is_removed_by_the_next_run(path: Path) -> None:
    grave = path.with_name(f".{path.name}.incomplete-abcdefgh")
    (grave / path.name / "checkpoints").mkdir(parents=True)
    with work_in(path, resume=True):
        assert [each.name for each in path.parent.iterdir()] == [path.name]
