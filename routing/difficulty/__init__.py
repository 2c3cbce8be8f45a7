"""How hard a request is: one file per signal."""
