"""Keeps a child process running: started anew when it is killed, and when it asks to be because code has changed.

The supervisor has imported what is slow and never changes, and forks; so a new child is up within a second or two. It
holds the listening socket, so that a request that comes between two children waits instead of being refused.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable

from bot.serving import RELOAD

QUICK = 3.0
"""Seconds: a child that falls over sooner, three times running, is not started again."""


SLOW = (
    "aiohttp.web",
    "authlib.oauth2.rfc6749",
    "babel.dates",
    "botbuilder.dialogs",
    "cryptography.fernet",
    "fluent.runtime",
    "jinja2",
    "joserfc.jwt",
    "prometheus_client",
    "sqlalchemy",
    "structlog",
)
"""Libraries that take long to import and start no thread, so that a process may fork after importing them."""


TRAINING = ("scipy.sparse", "sklearn.svm")
"""What training needs besides; numpy starts threads unless it is told not to."""


def preload(*, training: bool = False) -> None:
    """Import what is slow and never changes, so that a restarted process has it already."""
    if training:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        preload_training()
    for name in SLOW:
        importlib.import_module(name)


def preload_training() -> None:
    """Import what training needs, so that whoever changes an example does not wait for it."""
    for name in TRAINING:
        importlib.import_module(name)


def supervise(child: Callable[[], int], tell: Callable[[str], None]) -> int:
    """Run `child` in a forked process until it ends by itself or we are told to stop; returns its exit code.

    It must be called before any thread or event loop is started.
    """
    told = _Told()
    falls = 0
    while True:
        began = time.monotonic()
        told.child = _fork(child)
        code = _wait(told.child)
        told.child = 0
        if told.stop:
            return max(code, 0)
        if code == RELOAD:
            falls = 0
            continue
        if code >= 0:
            return code
        falls = falls + 1 if time.monotonic() - began < QUICK else 1
        if falls >= 3:
            tell(f"The process was ended by signal {-code} three times within {QUICK:g} s; not started again.")
            return 1
        tell(f"The process was ended by signal {-code}. Starting it again.")


class _Told:
    """Passes our own signals on to the child."""

    def __init__(self) -> None:
        self.child = 0
        self.stop = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: object) -> None:
        self.stop = True
        if self.child:
            os.kill(self.child, signal.SIGTERM)


def _fork(child: Callable[[], int]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        code = child()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: the supervisor's own clean-up must not run in the child.
        os._exit(code)


def _wait(pid: int) -> int:
    """The exit code, or minus the signal that ended it."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
