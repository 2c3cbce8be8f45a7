"""`headgate difficulty`: learns, judges and shows models that estimate difficulty."""
