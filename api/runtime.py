"""How the interpreter and the C library are set in a process that serves for weeks."""

import ctypes
import gc
import os
from contextlib import suppress

_M_ARENA_MAX = -8  # of glibc's malloc.h
_ARENAS = 2


def prepare() -> None:
    """Before anything is loaded and any thread is started."""
    # The engine's threads leave no core for a pool of the tokenizer's; handing a post to one would only take its time.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # By default each thread gets an arena of its own, and a model that is replaced leaves holes in all of them.
    with _glibc():
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """Once the model is loaded. What is there now stays, and what a request makes goes with it, all but by accident:
    looking for garbage as often as Python does takes an eighth of the time that a single post costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def give_back_memory() -> None:
    """Collect what is left of a large thing; glibc would keep several models' worth of what was freed."""
    gc.collect()
    with _glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _glibc() -> suppress:
    """Around calls that only its library knows."""
    return suppress(OSError, AttributeError)
