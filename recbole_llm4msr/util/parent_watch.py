"""End a process when its parent ends, also when the parent is killed and cannot say so.

The system closes the parent's end of a pipe however the parent ends. A thread waits for that, so
that a process that is busy, or waits for another, ends within a second too. It works on every
platform; Linux's PR_SET_PDEATHSIG knows the thread that started a process, not the parent.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from multiprocessing import connection

#: Set for a process whose standard input is a pipe that its parent keeps open and never writes to.
_WATCHES_STDIN = "RECBOLE_LLM4MSR_PARENT_HOLDS_STDIN"

#: Exit code of a process that ended with its parent.
_EXIT_CODE = 1


def with_parent_watch(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment of a command of this package that shall end with this process.

    The command has to be started with ``stdin=subprocess.PIPE``.
    """
    return {**environment, _WATCHES_STDIN: "1"}


def end_with_parent() -> None:
    """End this process at once when the process that started it ends. Safe to call again.

    It does so in a process of ``multiprocessing``, and in one that was started with
    :func:`with_parent_watch`; any other process goes on after its parent.
    """
    parent = multiprocessing.parent_process()
    if os.environ.pop(_WATCHES_STDIN, None):  # not for the processes that this one starts
        _exit_after(lambda: os.read(0, 1))
    elif parent is not None:
        _exit_after(lambda: connection.wait([parent.sentinel]))


def _exit_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        wait()
        os._exit(_EXIT_CODE)  # no clean-up: it could wait for a process that ended as well

    name = "parent watch"
    if all(thread.name != name for thread in threading.enumerate()):
        threading.Thread(target=watch, name=name, daemon=True).start()
