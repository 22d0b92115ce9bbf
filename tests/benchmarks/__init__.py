"""What the product's work costs, beside a floor or a peer that runs in the same minute. Benchmarks are no tests: nothing
here asserts a time. `make bench` runs them all and writes docs/benchmarks.md.

A benchmark is a module of this package with `measure() -> dict`, whose `benchmark` names it (B1, B5), and `main()`, which
prints that dictionary with `--json`. Its docstring stands in the page: first line the title, the rest how it is measured.
With `describe(report) -> str` it writes its figures itself; else they become tables. `LIMITS` says what limits them.
"""
