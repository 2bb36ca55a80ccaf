"""The supervisor by itself: keeps its count, starts again, gives up on a configuration that is refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, socket, sys, time
from bot.crew import Crew, inherited

def child(ready, number):
    if sys.argv[1] == "refused":
        return 3
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ready()
    time.sleep(60)
    return 0

kept = inherited()
listening, running = kept or (socket.create_server(("127.0.0.1", 0)), ())
print("begun", listening.getsockname()[1], len(running), flush=True)
crew = Crew(2, listening, child, lambda line: print(line, flush=True), drain=1.0, adopted=running,
            overlap=sys.argv[1] != "alone")
sys.exit(crew.run())
"""


class Running:
    """A supervisor over two children that only sleep."""

    def __init__(self, folder: Path, how: str) -> None:
        program = folder / "program.py"
        program.write_text(textwrap.dedent(PROGRAM))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", str(program), how]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.out = self.process.stdout
        self.heard: list[str] = []

    def hear(self, wanted: str) -> str:
        """The next line that has these words."""
        for line in self.out:
            self.heard.append(line)
            if wanted in line:
                return line.strip()
        raise AssertionError(f"it ended without {wanted!r}")

    def pids(self, count: int) -> set[int]:
        """The processes of so many workers as they become ready."""
        return {int(self.hear("is ready").split("process ")[1].rstrip(").")) for _ in range(count)}

    def stop(self) -> int:
        """End it."""
        self.process.terminate()
        code = self.process.wait(20)
        self.out.close()
        return code


@pytest.fixture
def crew(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Running]:
    def start(how: str) -> Running:
        made = Running(tmp_path, how)
        request.addfinalizer(lambda: made.process.poll() is None and made.process.kill())
        return made

    return start


def gone(pid: int) -> bool:
    """Whether a process has ended, within a few seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_is_killed_is_started_again_and_all_end_with_the_supervisor(
    crew: Callable[[str], Running],
) -> None:
    running = crew("well")
    first = running.pids(2)
    os.kill(min(first), signal.SIGKILL)
    assert "was ended by signal 9" in running.hear("ended")
    second = running.pids(1)
    assert not second & first
    assert running.stop() == 0
    assert all(gone(pid) for pid in first | second)


def test_a_configuration_that_the_first_worker_refuses_ends_it(crew: Callable[[str], Running]) -> None:
    running = crew("refused")
    assert running.process.wait(20) == 3
    running.out.close()


@pytest.mark.parametrize("how", ["well", "alone"])
def test_the_program_is_replaced_in_place_with_its_socket_and_then_each_worker(
    crew: Callable[[str], Running], how: str
) -> None:
    running = crew(how)
    port = int(running.hear("begun").split()[1])
    first = running.pids(2)
    running.process.send_signal(signal.SIGHUP)
    assert running.hear("begun") == f"begun {port} 2"
    second = running.pids(2)
    assert not second & first
    assert all(gone(pid) for pid in first)
    while len(told := [line for line in running.heard if "has gone" in line]) < 2:
        running.hear("has gone")
    assert all(any(f"process {pid})" in line for line in told) for pid in first)
    with socket.create_connection(("127.0.0.1", port)):
        pass
    assert running.stop() == 0
    assert all(gone(pid) for pid in second)
