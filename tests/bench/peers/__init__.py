"""Headgate beside the gateways that others made, on the same machine in the same run."""
