"""`headgate simulate`: the configured rollout against simulated traffic."""
