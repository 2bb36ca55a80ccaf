"""Several processes on one listening socket, kept going: started again when they end, replaced one by one.

SIGTERM and SIGINT drain all of them. SIGHUP replaces this program by the one now on disk, with the socket and the
running workers kept (execve leaves children and open files alone), and then each worker by one of the new release.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST = 30.0
"""Seconds: the longest rest before a worker that does not come up is tried again."""
GRACE = 15.0
"""Seconds beyond the drain after which a worker that does not end is killed."""

_KEPT = "_PARLEY_CREW"
"""What one program hands to the next through its environment: the socket, and the workers."""

Child = Callable[[Callable[[], None], int], int]
"""Serves until told to stop, and returns its exit code; is given what to call when it is ready, and its number."""


@dataclass(slots=True)
class Member:
    """One worker process. `pipe` tells when it is ready; None once it has told, or came with the last program."""

    number: int
    pipe: int | None
    ready: bool = False


@dataclass(slots=True)
class Crew:
    """`overlap`: whether an old worker may run beside its successor; where not, it ends first."""

    count: int
    listening: socket.socket
    child: Child
    tell: Callable[[str], None]
    drain: float
    overlap: bool = True
    adopted: tuple[int, ...] = ()
    _members: dict[int, Member] = field(default_factory=dict)
    _old: list[int] = field(default_factory=list)
    _due: dict[int, float] = field(default_factory=dict)
    _falls: dict[int, int] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _stopping: float | None = None
    _renew: bool = False
    _once_ready: bool = False
    _code: int = 0
    _waking: socket.socket | None = None

    def run(self) -> int:
        """Keep the crew at work until a signal ends it; returns the exit code. Call it before any thread is started."""
        woken = self._signals()
        self._old = list(self.adopted)
        self._once_ready = bool(self.adopted)
        if self.adopted:
            self._turn_over()
        else:
            for number in range(1, self.count + 1):
                self._due[number] = 0.0
        while self._stopping is None or self._members or self._old:
            self._start_due()
            for key, _ in self._selector.select(self._wait()):
                if key.fileobj is woken:
                    woken.recv(4096)
                else:
                    self._told(int(key.fd))
            self._reap()
            self._hurry()
            if self._renew and self._stopping is None:
                self._replace_program()
        return self._code

    # Starting and ending

    def _start_due(self) -> None:
        now = time.monotonic()
        for number, due in list(self._due.items()):
            if due <= now and self._stopping is None:
                del self._due[number]
                self._start(number)

    def _start(self, number: int) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            self._be_child(number, reading, writing)
        os.close(writing)
        self._members[pid] = Member(number, reading)
        self._selector.register(reading, selectors.EVENT_READ)

    def _be_child(self, number: int, reading: int, writing: int) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(name, signal.SIG_DFL)
            os.close(reading)
            # A terminal's hang-up and Ctrl-C reach the whole group: the supervisor passes on what is meant for us.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            code = self.child(lambda: _write(writing), number)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: the supervisor's own clean-up must not run in the child.
            os._exit(code)

    def _told(self, pipe: int) -> None:
        said = os.read(pipe, 16)
        self._selector.unregister(pipe)
        os.close(pipe)
        for pid, member in self._members.items():
            if member.pipe == pipe:
                member.pipe = None
                if said:
                    member.ready = self._once_ready = True
                    self._falls.pop(member.number, None)
                    self.tell(f"Worker {member.number} is ready (process {pid}).")
                    self._turn_over()

    def _turn_over(self) -> None:
        """One step of replacing the workers that the last program started."""
        if not self._old:
            missing = set(range(1, self.count + 1)) - {one.number for one in self._members.values()} - set(self._due)
            self._due.update(dict.fromkeys(missing, 0.0))
            return
        begun = len(self._members) + len(self._due)
        if self.overlap and begun < self.count and all(one.ready for one in self._members.values()):
            self._due[begun + 1] = 0.0
        # As many old ones go as new ones have come; where only one may run, it goes first.
        keep = max(self.count - sum(one.ready for one in self._members.values()), 0) if self.overlap else 0
        for pid in self._old[keep:]:
            _signal(pid, signal.SIGTERM)

    def _reap(self) -> None:
        while self._members or self._old:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        if pid in self._old:
            self._old.remove(pid)
            if self._stopping is None:
                self.tell(f"A worker of the program before has gone (process {pid}).")
                self._turn_over()
            return
        member = self._members.pop(pid, None)
        if member is None:
            return
        if member.pipe is not None:
            self._selector.unregister(member.pipe)
            os.close(member.pipe)
        if self._stopping is not None:
            self._code = max(self._code, code if code > 0 else 0)
            return
        if code > 0 and not self._once_ready:
            # It has said what is wrong, and the next would say the same.
            self._stop(code)
            return
        falls = 0 if member.ready else self._falls.get(member.number, 0) + 1
        self._falls[member.number] = falls
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        self.tell(f"Worker {member.number} {how} (process {pid}). Starting another.")
        self._due[member.number] = time.monotonic() + (min(LONGEST, 0.25 * 2**falls) if falls else 0.0)

    # Signals

    def _signals(self) -> socket.socket:
        waking, woken = socket.socketpair()
        waking.setblocking(False)
        woken.setblocking(False)
        # The reference is the handler's: were it collected, the descriptor would be closed under it.
        self._waking = waking
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._selector.register(woken, selectors.EVENT_READ)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop(0))
        signal.signal(signal.SIGHUP, lambda *_: setattr(self, "_renew", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return woken

    def _stop(self, code: int) -> None:
        self._code = max(self._code, code)
        if self._stopping is None:
            self._stopping = time.monotonic()
            for pid in (*self._members, *self._old):
                _signal(pid, signal.SIGTERM)

    def _hurry(self) -> None:
        if self._stopping is not None and time.monotonic() - self._stopping > self.drain + GRACE:
            for pid in (*self._members, *self._old):
                _signal(pid, signal.SIGKILL)

    def _wait(self) -> float:
        if self._stopping is not None:
            return 0.2
        now = time.monotonic()
        return min([1.0, *(max(0.0, due - now) for due in self._due.values())])

    def _replace_program(self) -> None:
        self._renew = False
        self.tell("Taking up the program that is on disk now.")
        kept = [*self._old, *self._members]
        os.set_inheritable(self.listening.fileno(), True)
        os.environ[_KEPT] = f"{self.listening.fileno()}:{','.join(map(str, kept))}"
        signal.set_wakeup_fd(-1)
        # Ignored signals stay ignored across execve: a second one that comes now must not end us.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, sys.orig_argv)


def inherited() -> tuple[socket.socket, tuple[int, ...]] | None:
    """The socket and the workers that an earlier program of this process handed on; None at a first start."""
    kept = os.environ.pop(_KEPT, "")
    if not kept:
        return None
    number, _, pids = kept.partition(":")
    listening = socket.socket(fileno=int(number))
    os.set_inheritable(listening.fileno(), False)
    listening.setblocking(False)
    return listening, tuple(int(pid) for pid in pids.split(",") if pid)


def _write(pipe: int) -> None:
    os.write(pipe, b"r")
    os.close(pipe)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
