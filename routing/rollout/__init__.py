"""Rollouts: moving a segment's traffic from its baseline to its candidate, on evidence."""
