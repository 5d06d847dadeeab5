from pathlib import Path

import pytest

from model.cpus import available_cpus


def limited(tmp_path: Path, membership: str, files: dict[str, str]) -> int:
    """What is available where these are the control groups."""
    (tmp_path / "membership").write_text(membership)
    for name, content in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(content)
    return available_cpus(tmp_path / "cgroup", tmp_path / "membership")


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))


def test_without_limits_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path, tmp_path / "nowhere") == 8
    assert limited(tmp_path, "0::/\n", {"cpu.max": "max 100000\n"}) == 8


@pytest.mark.parametrize(("quota", "cpus"), [("200000", 2), ("150000", 2), ("20000", 1), ("1600000", 8)])
def test_a_quota_of_version_2_counts_and_a_part_of_a_cpu_is_one(tmp_path: Path, quota: str, cpus: int) -> None:
    assert limited(tmp_path, "0::/\n", {"cpu.max": f"{quota} 100000\n"}) == cpus


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    files = {"cpu.max": "max 100000", "pod/cpu.max": "300000 100000", "pod/box/cpu.max": "max 100000"}
    assert limited(tmp_path, "0::/pod/box\n", files) == 3


def test_a_quota_of_version_1_counts(tmp_path: Path) -> None:
    files = {"cpu/pod/cpu.cfs_quota_us": "400000\n", "cpu/pod/cpu.cfs_period_us": "100000\n"}
    assert limited(tmp_path, "3:cpuset:/\n2:cpu,cpuacct:/pod\n0::/\n", files) == 4
    assert limited(tmp_path, "2:cpu:/pod\n", files | {"cpu/pod/cpu.cfs_quota_us": "-1\n"}) == 8


def test_a_path_of_the_host_falls_back_to_what_is_mounted(tmp_path: Path) -> None:
    assert limited(tmp_path, "0::/host/kubepods/pod1\n", {"cpu.max": "200000 100000"}) == 2
