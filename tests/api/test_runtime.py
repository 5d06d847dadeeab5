import subprocess
import sys
import textwrap

import pytest


def run(code: str) -> str:
    """What a fresh interpreter prints: these settings are for a whole process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_what_is_loaded_is_not_looked_at_again() -> None:
    printed = run("""
        import gc
        from api import runtime
        runtime.prepare()
        loaded = [[] for _ in range(100_000)]
        runtime.settle()
        print(gc.get_freeze_count() > 100_000, gc.get_threshold()[0] > 700, len(gc.get_objects()) < 1_000)
    """)
    assert printed.split() == ["True"] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="threads have arenas of their own in glibc alone")
def test_threads_share_the_memory_that_others_gave_back() -> None:
    printed = run("""
        import ctypes, re, threading
        from api import runtime
        runtime.prepare()
        together = threading.Barrier(8)
        def allocate():
            together.wait()
            kept.append([bytearray(5_000) for _ in range(2_000)])
            together.wait()
        kept = []
        threads = [threading.Thread(target=allocate) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.fflush.argtypes = [ctypes.c_void_p]
        stdout = ctypes.c_void_p.in_dll(libc, "stdout")
        libc.malloc_info(0, stdout)
        libc.fflush(stdout)
    """)
    assert 1 <= printed.count("<heap nr=") <= 2
