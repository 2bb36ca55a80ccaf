"""`app.py rotate-keys`: stored tokens move to a new secret, and an earlier one can be forgotten."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auth.errors import VaultBroken
from auth.vault import Vault
from bot.assembly import vault_keys
from bot.ports import Sql
from bot.store import migrate, open_store

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "the first secret, of more than 32 characters", "the second secret, of more than 32 characters"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}


def run(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    given = {"PARLEY_DATA": str(tmp_path), "PARLEY_STORE__URL": f"sqlite:///{tmp_path}/p.db", **env}
    return subprocess.run(
        [sys.executable, "app.py", "rotate-keys"],
        cwd=ROOT, env={**CLEAN, **given}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


async def stored(url: str) -> bytes:
    store = await open_store(url, readonly=True)
    [row] = await store.query("SELECT ciphertext FROM token_blob")
    await store.close()
    return bytes(row["ciphertext"])


async def seeded(url: str) -> None:
    await migrate(url)
    store = await open_store(url)
    sealed = Vault(vault_keys([OLD.encode()])).seal("refresh", "l1", {"token": "t"})
    text = "INSERT INTO token_blob (link, kind, ciphertext) VALUES ('l1', 'refresh', :sealed)"
    await store.change([Sql(text, {"sealed": sealed})])
    await store.close()


@pytest.mark.slow
def test_rotation_by_the_command_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/p.db"
    asyncio.run(seeded(url))
    before = asyncio.run(stored(url))
    # Without the old secret the token cannot be opened: that is said, and nothing is changed.
    wrong = run(tmp_path, PARLEY_SECRET=NEW)
    assert (wrong.returncode, asyncio.run(stored(url))) == (1, before)
    assert wrong.stderr.startswith("Error: A sealed value cannot be opened")
    right = run(tmp_path, PARLEY_SECRET=NEW, PARLEY_EARLIER_SECRETS=f'["{OLD}"]')
    assert right.returncode == 0, right.stderr
    assert right.stdout.startswith("1 token is sealed under the present secret.")
    after = asyncio.run(stored(url))
    assert Vault(vault_keys([NEW.encode()])).open("refresh", "l1", after) == {"token": "t"}
    with pytest.raises(VaultBroken):
        Vault(vault_keys([OLD.encode()])).open("refresh", "l1", after)
    assert "t" not in right.stdout.split()
