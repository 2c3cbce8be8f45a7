"""Whose turn it is on a core that a worker shares with the control plane.

A worker that wakes up for a request should get the core at once. And the control plane, woken by a worker's
batch, should not take it before the worker sleeps: what loses its turn in the middle of its work is not
*woken* by the next request, and waits until the control plane has ended, one to five milliseconds later. The
slowest requests are made of that. On Linux (EEVDF, since 6.12) two things together bring it about:

- Each process gets a slice of its own on request. One that wakes takes the core at once from another with a
  longer slice. A worker's is shorter than everybody else's, and long enough to make up its batch and hand it
  over: once a slice is used up the core is anybody's.
- The control plane's policy is `SCHED_BATCH`: it gets its share, and takes the core from nobody by waking up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from struct import Struct

SLICE = 600_000
"""Nanoseconds. A batch takes 250,000 to 500,000; the kernel's own is 700,000, with several cores more."""
_CALL = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
"""The number of sched_setattr(2), for which C libraries have had no function for long."""
_ATTRIBUTES = Struct("=IIQiIQQQ")
"""`struct sched_attr`: its size, policy, flags, nice, priority, runtime (the slice), deadline, period."""


def go_first(pid: int) -> None:
    """Asks for a worker's turns, for a process of ours; where they are not to be had all stays as it is."""
    with contextlib.suppress(OSError):  # it has ended already
        if _CALL is not None and _ordinary(pid):
            nice = os.getpriority(os.PRIO_PROCESS, pid)
            attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE, 0, 0)
            ctypes.CDLL(None).syscall(_CALL, pid, attributes, 0)


def stand_back(pid: int) -> None:
    """The same for the control plane's."""
    with contextlib.suppress(OSError):  # it has ended already, or it is not permitted
        if _ordinary(pid):
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def _ordinary(pid: int) -> bool:
    """Whether there are policies, and nobody has chosen another one for it."""
    return hasattr(os, "sched_getscheduler") and os.sched_getscheduler(pid) == os.SCHED_OTHER
