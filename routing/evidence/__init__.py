"""Evidence: what exposures and outcomes say about variants, as counts that any replica can recompute."""
