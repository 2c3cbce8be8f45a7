"""`python -P -m tests.support.patient_child`: the validating child, with all the time it wants."""

from __future__ import annotations

from gateway.validation import child

CHECK = 3600.0


if __name__ == "__main__":
    child.CHECK = CHECK
    child.main()
