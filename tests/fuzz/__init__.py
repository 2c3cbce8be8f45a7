"""Fuzzing: what promises to take any bytes is given any bytes. docs/fuzzing.md says how it is run."""
