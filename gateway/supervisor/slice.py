"""A process's slice: how long it may keep a core before others that are ready get their turn.

Linux grants each process a slice of its own on request (EEVDF, since 6.12). One that wakes takes the core
from another with a longer slice at once; with equal ones it waits until that one's is used up, which is a
millisecond or three. On a core that a worker shares with the control plane, or with neighbours, the slowest
requests are made of that wait.
"""

from __future__ import annotations

import ctypes
import os
import platform
from struct import Struct

SHORTEST = 100_000
"""Nanoseconds: the shortest that the kernel grants."""
_CALL = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
"""The number of sched_setattr(2), for which C libraries have had no function for long."""
_ATTRIBUTES = Struct("=IIQiIQQQ")
"""`struct sched_attr`: its size, policy, flags, nice, priority, runtime (the slice), deadline, period."""


def shorten(pid: int) -> None:
    """Asks for the shortest slice for a process of ours; where that is not to be had all stays as it is."""
    try:
        policy, nice = os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid)
    except OSError:  # it has ended already
        return
    if _CALL is not None and policy == os.SCHED_OTHER:
        attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, 0, nice, 0, SHORTEST, 0, 0)
        ctypes.CDLL(None).syscall(_CALL, pid, attributes, 0)
