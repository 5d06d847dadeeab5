"""How many CPUs this process may really use: not the host's count, which containers show too."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def available_cpus(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """The lesser of the CPUs in the affinity mask and the quota of the control group, a part of a CPU counted as one.

    Args:
        cgroups, membership: where Linux mounts the control groups and lists those of this process.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = list(_quotas(cgroups, membership))
    return max(1, min([cpus, *map(math.ceil, quotas)]))


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """CPUs granted to the group of this process and to each group above it, under version 2 and version 1."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top = cgroups
        elif "cpu" in controllers.split(","):
            top = cgroups / "cpu"
        else:
            continue
        here = top / group.lstrip("/")
        # Inside a container the path may be the host's, which is not mounted there: then only the top is found.
        for folder in [here, *here.parents]:
            quota = _quota(folder)
            if quota is not None:
                yield quota
            if folder == top:
                break


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):
        return None  # no such file, or "max": no limit
