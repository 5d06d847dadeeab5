"""The service under load, on one machine: `python -m tests.load` starts it, drives it with wrk, and holds what comes of
it against the engine alone.
"""
