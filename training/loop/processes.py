"""Several processes that train one network: `torchrun` and `accelerate launch` start the same command several times.

They say who is who in the environment. Each process reads the data and draws the fresh layers by itself, alike by their
seeds; what is decided, written or printed is the main process's. Once the weights are there it goes on alone.
"""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

import torch
from accelerate.state import AcceleratorState
from torch import Tensor, distributed

_T = TypeVar("_T")

_CPU = torch.device("cpu")
_ENVIRONMENT = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "ROLE_WORLD_SIZE")


def process_count() -> int:
    """How many processes train together; 1 where nobody started several."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0")) if process_count() > 1 else 0


def is_main() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def decided_by_main(decide: Callable[[], _T]) -> _T:
    """What `decide` gives in the main process; the others wait for it and do not call it.

    Raises:
        Whatever `decide` does, in the main process, whose end ends the others.
    """
    if process_count() == 1:
        return decide()
    _join()
    decision: list[_T | None] = [decide() if is_main() else None]
    distributed.broadcast_object_list(decision, src=0, device=_CPU)
    return decision[0]  # type: ignore[return-value]  # the main process has put one there


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any process; each of them must ask."""
    if process_count() == 1:
        return flag
    _join()
    flags = torch.tensor(int(flag))
    distributed.all_reduce(flags, op=distributed.ReduceOp.MAX)
    return bool(flags)


def wait_for_all() -> None:
    """Go on when every process has come here."""
    any_of(False)


def rows_of_all(rows: Tensor) -> Tensor:
    """The rows of all processes, `(n_rows * n_processes, …)`; gradients flow to those of this process alone.

    Args:
        rows: `(n_rows, …)`, as many in each process.
    """
    parts = [torch.empty_like(rows) for _ in range(process_count())]
    distributed.all_gather(parts, rows.detach().contiguous())
    parts[rank()] = rows
    return torch.cat(parts)


def only_main_goes_on() -> None:
    """Part: the main process becomes one like any other, each of the others ends here, without an error."""
    if process_count() == 1:
        return
    wait_for_all()
    main = is_main()
    distributed.destroy_process_group()
    if not main:
        sys.exit(0)
    AcceleratorState._reset_state(reset_partial_state=True)  # or accelerate still counts on the others
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)


def _join() -> None:
    if distributed.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Decisions are small and travel between CPUs, gradients between devices.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
