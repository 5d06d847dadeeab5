"""The service disturbed, on one machine: `python -m tests.chaos` starts it, sends it posts with known answers, does it
harm meanwhile, and holds what it answers against what the engine alone says of the same posts.
"""
