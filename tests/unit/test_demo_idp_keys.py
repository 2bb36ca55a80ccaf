"""The demo provider's key, where several processes start at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MAKING = """
import sys
from pathlib import Path
from auth.demo_idp.signing import Signing
sys.stdin.readline()
print(Signing(Path(sys.argv[1])).jwks()["keys"][0]["x"])
"""


def test_processes_that_start_together_sign_with_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKING, str(tmp_path / "demo")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=30)[0] for one in started]
    assert len(set(said)) == 1
    assert said[0].strip()
    assert [file.name for file in (tmp_path / "demo").iterdir()] == ["demo-idp-key.json"]
