"""`headgate rollout`: how rollouts stand, and moving them, through the admin API of a running gateway."""
