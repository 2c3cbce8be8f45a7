"""What the rollout engine is held to: `make bench-rollout`."""
