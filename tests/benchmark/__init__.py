"""What the project's own training reaches on public benchmarks, which never teach a bundle that is shipped:
`python -m tests.benchmark`.
"""
