"""Erase, export, backup and restore as an operator gives them, beside a running server and without one."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import keeping
from bot.configuration import load_settings
from bot.dev.scaffold import new_brand
from bot.erasure import ErasuresUnknown, NotAList
from bot.model import Address, Inbound
from bot.store import migrate, open_store
from bot.store.backup import BackupExists, NotABackup
from bot.store.backup import copy as copy_of
from tests.brands.serving import CLEAN, ROOT, Served, serving

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WORDS = "my xylophone is quartzgreen"


async def app(*arguments: str) -> tuple[int, str]:
    """One command; its exit code and all it said."""
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "app.py", *arguments,
        cwd=ROOT, env=CLEAN, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(ran.communicate(), 120)
    assert ran.returncode is not None
    return ran.returncode, out.decode()


def user_of(database: Path, conversation: str) -> str:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as con:
        return str(con.execute("SELECT user_id FROM conversation WHERE id = ?", (conversation,)).fetchone()[0])


def holding(folder: Path, *words: str) -> list[str]:
    """Every file that holds one of these words anywhere in its bytes, free pages and logs included."""
    return sorted(
        f"{file.name}: {word}"
        for file in folder.rglob("*")
        if file.is_file()
        for word in words
        if word.encode() in file.read_bytes()
    )


async def talk(site: Served) -> str:
    """One customer writes, and is answered; their conversation."""
    site.client.cookie_jar.clear()
    await site.open()
    assert (await site.post(WORDS))[0] == 200
    await site.heard()
    return str(site.session["conversationId"])


async def test_a_person_is_exported_erased_beside_a_running_server_and_stays_erased_in_a_restored_backup(
    tmp_path: Path,
) -> None:
    new_brand(tmp_path, "acme")
    config = ["--config", str(tmp_path / "acme" / "config.yml")]
    data = tmp_path / "acme" / "var"
    database, copy = data / "acme.db", tmp_path / "copy.db"
    async with serving(tmp_path / "acme" / "config.yml") as site:
        await site.ready()
        assert stat.S_IMODE((data / "acme.db.sock").stat().st_mode) == 0o600
        mine = await talk(site)
        user = user_of(database, mine)
        kept = await talk(site)
        other = user_of(database, kept)
        code, said = await app("export", f"webchat/{user}", *config)
        assert code == 0, said
        assert json.loads(said)["kept"]["entry"][0]["body"]["text"] == WORDS
        assert other not in said
        assert (await app("backup", str(copy), *config))[0] == 0
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        code, said = await app("erase", f"webchat/{user}", *config)
        assert code == 0, said
        assert "entry" in said
        assert holding(data, user, mine) == []
        code, said = await app("restore", str(copy), *config)
        assert (code, "holds this database" in said) == (1, True)
        # The server goes on, for the other customer as well.
        assert (await site.post("hello"))[0] == 200
        code, said = await app("erase", f"webchat/{other}", *config)
        assert code == 0, said
        assert "quartzgreen" not in site.said() + said
    assert holding(data, WORDS, user, other) == []
    assert not (data / "acme.db.sock").exists()
    assert WORDS.encode() in copy.read_bytes()
    code, said = await app("restore", str(copy), *config)
    assert (code, "Erased again: 2." in said) == (0, True), said
    assert holding(data, WORDS, user, other) == []
    with closing(sqlite3.connect(database)) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert con.execute("SELECT count(*) FROM entry").fetchone() == (0,)


async def test_what_cannot_be_restored_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    settings = load_settings(tmp_path / "acme" / "config.yml")
    data = tmp_path / "acme" / "var"
    database = data / "acme.db"
    await migrate(settings.store_url)
    good, broken, empty = (tmp_path / name for name in ("good.db", "broken.db", "empty.db"))
    copy_of(database, good)
    before = database.read_bytes()
    broken.write_bytes(good.read_bytes()[:5000])
    empty.touch()
    for file in (broken, empty, tmp_path / "nowhere.db"):
        with pytest.raises(NotABackup):
            await keeping._restore(settings, file, without=False)
    with pytest.raises(BackupExists):
        copy_of(database, good)
    assert database.read_bytes() == before
    # A database that cannot be read does not tell who was erased, so that must be said to be known.
    database.write_bytes(b"not a database" * 1000)
    with pytest.raises(ErasuresUnknown):
        await keeping._restore(settings, good, without=False)
    await keeping._restore(settings, good, without=True)
    assert sorted(file.name for file in data.iterdir() if "restoring" in file.name) == []
    store = await open_store(settings.store_url)
    await store.close()


async def test_a_list_of_erasures_is_done_again_where_other_tools_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_brand(tmp_path, "acme")
    settings = load_settings(tmp_path / "acme" / "config.yml")
    await migrate(settings.store_url)
    store = await open_store(settings.store_url)
    inbound = Inbound("m1", "message", NOW, Address("acme", "telegram", "telegram", "4711"), text=WORDS)
    await store.accept(inbound)
    await store.close()
    database = Path(settings.store_url.removeprefix("sqlite:///"))
    before, told = tmp_path / "before.db", tmp_path / "list"
    copy_of(database, before)
    await keeping._erase(settings, "telegram/4711")
    capsys.readouterr()
    await keeping._erasures(settings, None)
    told.write_text(capsys.readouterr().out)
    assert "4711" not in told.read_text()
    # As if by a tool that knows nothing of erasures.
    database.write_bytes(before.read_bytes())
    assert holding(database.parent, WORDS) == [f"acme.db: {WORDS}"]
    await keeping._erasures(settings, told)
    assert capsys.readouterr().out == "Erased again: 1.\n"
    assert holding(database.parent, WORDS) == []
    told.write_text("no list")
    with pytest.raises(NotAList):
        await keeping._erasures(settings, told)
