"""The benchmark: Headgate beside nginx and beside no proxy at all, in one run. `python -m tests.bench`."""
