"""The demo from beginning to end, as a newcomer sees it: `make demo-check`."""
