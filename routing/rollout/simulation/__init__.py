"""Simulation: a rollout against made-up traffic, through everything that real traffic goes through."""
