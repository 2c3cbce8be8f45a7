"""Difficulty: the built-in model is made here, and every claim about estimates is measured."""
