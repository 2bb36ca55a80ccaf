"""What nobody should send, set or run out of: each gets a clear answer, none a traceback, a hang or an unexplained 5xx.

The command line's wrong settings and a port in use are in tests/unit/test_app_commands.py and test_run.py beside this.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import yaml

from bot.dev.scaffold import new_brand
from bot.errors import StoreUnavailable
from bot.serving import writable
from bot.store import open_store
from tests.brands.serving import CLEAN, LINE, ROOT, Served, refused, serving
from tests.postgres import fresh_database

pytestmark = pytest.mark.slow

REQUIRE_ALL = os.environ.get("PARLEY_REQUIRE_ALL") == "1"
CODE = re.compile(r"[A-Za-z]+")


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brand's configuration; what its processes learn serves all of them."""
    folder = tmp_path_factory.mktemp("bad")
    new_brand(folder, "acme")
    return folder / "acme" / "config.yml"


def changed(brand: Path, name: str, **settings: Any) -> Path:
    """A copy of the configuration beside it, with other settings."""
    file = brand.parent / f"{name}.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(brand.read_text("utf-8")), **settings}), "utf-8")
    return file


def said_clearly(answer: tuple[int, str], status: int, *words: str) -> None:
    """The answer has this status, and a code and a sentence that say why."""
    assert answer[0] == status, answer
    error = json.loads(answer[1])["error"]
    assert CODE.fullmatch(error["code"]), error
    assert len(error["message"].split()) >= 3, error
    assert "Traceback" not in answer[1]
    for word in words:
        assert word in error["message"], error


# Sent over HTTP


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(brand: Path) -> AsyncIterator[Served]:
    """One process for all that is sent to it; afterwards it stands, and nothing in it has gone wrong unnoticed."""
    async with serving(brand) as site:
        await site.ready()
        yield site
        await site.ready()
        assert await answers(site)
        for line in site.said().splitlines():
            assert "Traceback" not in line
            # The library itself logs what is not HTTP as an error.
            if line.startswith("{") and not (one := json.loads(line))["event"].startswith("Error handling request"):
                assert one["level"] not in ("error", "critical"), line


async def answers(site: Served) -> bool:
    """Whether a new customer's hello is answered."""
    await site.open()
    assert (await site.post("hello"))[0] == 200
    return any("Acme" in text for text in await site.heard("Acme"))


ONE_SITE = pytest.mark.asyncio(loop_scope="module")


@ONE_SITE
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
async def test_a_post_of_300_kb_is_too_large_wherever_it_goes(site: Served, chunked: bool) -> None:
    await site.open()
    large = json.dumps({"type": "message", "text": "a" * 300 * 1024}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    for path in (site.activities, f"{LINE}", "/link/nowhere"):
        body = pieces() if chunked else large
        headers = {**site.bearer, "Content-Type": "application/json"}
        status, text = await site.ask("POST", path, data=body, headers=headers)
        if path == "/link/nowhere":
            assert status in (404, 405, 413), text
        else:
            said_clearly((status, text), 413, "too large")
    assert (await site.post("hello"))[0] == 200


BROKEN = {
    "not JSON": b"{'type': 'message'}",
    "cut off": b'{"type": "message", "text": "hel',
    "not UTF-8": b'{"type": "message", "text": "\xff\xfe"}',
    "half a surrogate": b'{"type": "message", "text": "\\ud83d"}',
    "nothing": b"",
    "a list": b'[{"type": "message", "text": "hello"}]',
    "null": b"null",
    "deep": b"[" * 100_000,
    "deep value": b'{"type": "message", "value": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "text of another kind": b'{"type": "message", "text": {"a": 1}}',
    "no type": b'{"text": "hello"}',
    "another type": b'{"type": "endOfConversation"}',
    "no text": b'{"type": "message"}',
    "blank": b'{"type": "message", "text": " \\n\\t "}',
    "a null character": b'{"type": "message", "text": "\\u0000"}',
    "an id of no kind": b'{"type": "message", "text": "hi", "channelData": {"clientActivityID": 7}}',
}


@ONE_SITE
@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_activity_is_refused_by_name(site: Served, what: str) -> None:
    await site.open()
    headers = {**site.bearer, "Content-Type": "application/json"}
    said_clearly(await site.ask("POST", site.activities, data=BROKEN[what], headers=headers), 400, "not")


@ONE_SITE
async def test_a_body_that_is_not_what_its_header_says_is_refused(site: Served) -> None:
    await site.open()
    # A connection on which nobody knows where a body ends is closed.
    headers = {**site.bearer, "Content-Type": "application/json", "Content-Encoding": "gzip", "Connection": "close"}
    for body in (b"this is not gzip", gzip.compress(b'{"type": "message", "text": "hello"}')[:-12]):
        said_clearly(await site.ask("POST", site.activities, data=body, headers=headers), 400, "not")
    # 50 MB in 50 KB: its size counts unpacked.
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    said_clearly(await site.ask("POST", site.activities, data=bomb, headers=headers), 413, "too large")


@ONE_SITE
@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"POST /chat/session HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /chat/session HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    ],
    ids=["no HTTP", "a negative length", "two lengths", "a broken chunk", "a long address", "a long header", "TLS"],
)
async def test_what_is_not_http_is_refused_in_http(site: Served, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(sent)
    await writer.drain()
    async with asyncio.timeout(10):
        head = (await reader.read(200)).decode("latin-1")
    writer.close()
    assert re.match(r"HTTP/1\.[01] 4\d\d ", head), head
    assert "Traceback" not in head


def foreign_tokens(own: str) -> dict[str, str]:
    head, body, signature = own.split(".")
    other = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return {
        "no JWT": "not-a-token",
        "empty": "",
        "another server's": f"{head}.{body}.{other}",
        "unsigned": f"{unsigned}.{body}.",
        "changed": f"{head}.{body[:-2]}AA.{signature}",
        "long": "a" * 4000,
        "not ASCII": "ümlaut",
    }


@ONE_SITE
async def test_a_foreign_token_opens_nothing(site: Served) -> None:
    await site.open()
    own, message = str(site.session["token"]), {"type": "message", "text": "hello"}
    for what, token in foreign_tokens(own).items():
        headers = {"Authorization": f"Bearer {token}"}
        for method, path in (("GET", site.activities), ("POST", site.activities), ("POST", LINE)):
            answer = await site.ask(method, path, headers=headers, json=message if method == "POST" else None)
            assert answer[0] == 403, (what, method, answer)
            said_clearly(answer, 403)
            assert not token or token not in answer[1]
    said_clearly(await site.ask("GET", site.activities), 403, "bearer token")
    assert (await site.ask("GET", site.activities, headers=site.bearer))[0] == 200


@ONE_SITE
async def test_an_unknown_conversation_is_nobodys_and_another_customers_stays_theirs(site: Served) -> None:
    site.client.cookie_jar.clear()
    await site.open()
    theirs, their_bearer = site.activities, site.bearer
    assert (await site.post("hello"))[0] == 200
    await site.heard("Acme")
    site.client.cookie_jar.clear()
    await site.open()
    assert site.activities != theirs
    unknown = f"{site.url}{LINE}/{'0' * 32}/activities"
    for path in (theirs, unknown, f"{site.url}{LINE}/{'x' * 3000}/activities"):
        for method in ("GET", "POST"):
            message = {"type": "message", "text": "hello"} if method == "POST" else None
            status, text = await site.ask(method, path, headers=site.bearer, json=message)
            assert status == 403, (method, path, text)
            said_clearly((status, text), status)
    read = json.loads((await site.ask("GET", theirs, headers=their_bearer))[1])["activities"]
    assert [one["text"] for one in read if one["from"]["role"] == "user"] == ["hello"]


@ONE_SITE
@pytest.mark.parametrize("watermark", ["-1", "abc", "9" * 40, "1 OR 1=1", "١"])
async def test_a_watermark_that_we_never_gave_is_refused(site: Served, watermark: str) -> None:
    await site.open()
    answer = await site.ask("GET", site.activities, params={"watermark": watermark}, headers=site.bearer)
    said_clearly(answer, 400, "watermark")


@ONE_SITE
async def test_a_message_of_10_000_characters_is_answered_and_a_longer_one_is_refused_with_the_limit(
    site: Served,
) -> None:
    await site.open()
    long = ("why is my bill so high this month, " * 400)[:10_000]
    assert len(long) == 10_000
    assert (await site.post(long))[0] == 200
    said = await site.heard()
    assert said[0]
    assert len(said[0]) < 1000
    said_clearly(await site.post("a" * 16_001), 413, "16000 characters")
    # One word of that length, which a careless expression would read for minutes.
    assert (await site.post("a" * 10_000))[0] == 200
    assert len(await site.heard(more_than=len(said), within=10)) > len(said)


ODD = {
    "an emoji": "😀",
    "emoji": "🎉🎉🎉",
    "a family": "👨‍👩‍👧‍👦",
    "a flag": "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "a keycap": "3️⃣",
    "a dot": ".",
    "joiners alone": "\u200d\u200d",
    "Zalgo": "h" + "\u0300\u0301\u0302" * 200,
    "right to left": "\u202egnihtyna",
    "Chinese": "我的账单为什么这么高",
    "markup": "<script>alert(1)</script><b>&amp;",
    "a template": "{{7*7}} ${jndi:ldap://x} %s %n",
    "SQL": "'; DROP TABLE conversation; --",
    "Fluent": '{ $brand-name } { MONEY("x") }',
}


@ONE_SITE
@pytest.mark.parametrize("what", ODD)
async def test_a_message_without_any_sense_is_answered_with_words(site: Served, what: str) -> None:
    site.client.cookie_jar.clear()
    await site.open()
    status, text = await site.post(ODD[what])
    assert status == 200, text
    said = await site.heard()
    assert len(said[0].split()) >= 3
    assert "went wrong" not in said[0]


@ONE_SITE
async def test_many_at_once_are_told_to_wait(site: Served) -> None:
    site.client.cookie_jar.clear()
    await site.open()
    answers = [await site.post("thanks") for _ in range(25)]
    assert {status for status, _ in answers} == {200, 429}
    said_clearly(next(one for one in answers if one[0] == 429), 429, "wait")


# Set wrongly


async def test_an_unknown_setting_is_named_with_its_line_and_the_nearest_there_is(brand: Path) -> None:
    file = brand.parent / "unknown.yml"
    wrong = "    embed_origin: [https://a.example]"
    file.write_text(f"{brand.read_text('utf-8')}\nchannels:\n  webchat:\n{wrong}\n", "utf-8")
    line = file.read_text("utf-8").splitlines().index(wrong) + 1
    said = await refused(file)
    assert f"unknown.yml line {line}: channels.webchat.embed_origin: there is no such setting." in said
    assert "Did you mean `embed_origins`?" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server: [", "broken.yml line"),
        ("just words", "broken.yml: it must be"),
        ("limits:\n  turn: soon\n", "broken.yml line 2: limits.turn"),
        ("limits:\n  turns: 0\n", "broken.yml line 2: limits.turns"),
        ("\tserver: {}\n", "broken.yml line 1"),
        ("brand:\n  folder: ./nowhere\n", "there is no folder"),
        ("texts:\n  locales: [xx-XX]\n", "texts.locales: no catalogue"),
        ("desk: nonsense\n", "broken.yml line 1: desk"),
        ("desk:\n  handoff: nonsense\n", "`module:function`"),
    ],
)
async def test_a_configuration_that_cannot_be_used_says_where_it_is_wrong(brand: Path, text: str, words: str) -> None:
    file = brand.parent / "broken.yml"
    file.write_text(text, "utf-8")
    assert words in await refused(file)


async def test_a_configuration_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    said = await refused(tmp_path / "nowhere.yml")
    assert "nowhere.yml: No such file or directory." in said
    assert "--config" in said


def checked(config: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", "check", "--config", str(config)],
        cwd=ROOT, env={**CLEAN, **env}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


DIALOG = '''from bot import Convo, dialog


@dialog("moving")
async def moving(c: Convo) -> None:
    """Moving house."""
    await c.say("moving.when", day="Monday")
'''


@pytest.mark.parametrize(
    ("catalogue", "words"),
    [
        ("dialog-moving = moving\n", "moving, line 7: the text moving-when is missing in en-GB"),
        ("dialog-moving = moving\nmoving-when = On { $date }\n", "the text moving-when uses $date, which is not given"),
    ],
)
async def test_a_missing_text_is_named_by_check_and_nothing_is_started(
    tmp_path: Path, catalogue: str, words: str
) -> None:
    new_brand(tmp_path, "acme")
    config = tmp_path / "acme" / "config.yml"
    (tmp_path / "acme" / "dialogs").mkdir()
    (tmp_path / "acme" / "dialogs" / "moving.py").write_text(DIALOG, "utf-8")
    texts = tmp_path / "acme" / "text" / "en.ftl"
    texts.write_text(f"{texts.read_text('utf-8')}\n{catalogue}", "utf-8")
    assert words in await refused(config)
    # The recogniser is not looked at here, so none is learnt.
    ran = checked(config, PARLEY_NLU__RECOGNISER="tests.unit.test_app_commands:nothing")
    assert ran.returncode == 1
    assert words in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


async def test_a_catalogue_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    texts = tmp_path / "acme" / "text" / "en.ftl"
    texts.write_text("greet = Hello { $name\n", "utf-8")
    assert "en.ftl line 1" in await refused(tmp_path / "acme" / "config.yml")


async def test_a_port_that_another_site_holds_is_named_with_a_way_out(site: Served, brand: Path) -> None:
    said = await refused(brand, PARLEY_PORT=str(site.port))
    assert f"127.0.0.1:{site.port} cannot be listened on" in said
    assert f"PARLEY_PORT={site.port + 1}" in said


# Nowhere to write


def mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments]).returncode


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 4 MB, which only root can make."""
    folder = tmp_path / "small"
    folder.mkdir()
    why = "" if os.geteuid() == 0 else "only root may mount a file system"
    if not why and mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)):
        why = "mounting is not allowed here"
    if why and REQUIRE_ALL:
        pytest.fail(why)
    if why:
        pytest.skip(why)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_file_where_the_data_folder_should_be_is_named(brand: Path, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("", "utf-8")
    said = await refused(changed(brand, "taken", data=str(file)))
    assert f"{file} cannot be written" in said
    said = await refused(changed(brand, "beneath", store={"url": f"sqlite:///{file}/parley.db"}))
    assert f"{file} cannot be written" in said


async def test_a_read_only_data_folder_is_named(brand: Path, small: Path) -> None:
    mount("-o", "remount,ro", str(small))
    said = await refused(changed(brand, "data", data=str(small / "var")))
    assert f"{small}/var cannot be written (Read-only file system)" in said
    said = await refused(changed(brand, "database", store={"url": f"sqlite:///{small}/parley.db"}))
    assert f"{small} cannot be written (Read-only file system)" in said


async def test_a_database_that_is_something_else_is_named(brand: Path, tmp_path: Path) -> None:
    (tmp_path / "parley.db").write_bytes(b"not a database at all " * 500)
    said = await refused(changed(brand, "other", store={"url": f"sqlite:///{tmp_path}/parley.db"}))
    assert "is not a database" in said
    assert (tmp_path / "parley.db").read_bytes().startswith(b"not a database")


def fill(folder: Path) -> Path:
    """Write until nothing more goes in."""
    file = folder / "filling"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(handle, b"\0" * 4096):
            pass
    except OSError:
        return file
    finally:
        os.close(handle)
    raise AssertionError("the disk never filled")


@pytest.mark.promise("never-lost")
async def test_on_a_full_disk_nothing_is_acknowledged_and_with_room_again_it_goes_on(brand: Path, small: Path) -> None:
    async with serving(changed(brand, "full", store={"url": f"sqlite:///{small}/parley.db"})) as site:
        await site.ready()
        await site.open()
        assert (await site.post("hello"))[0] == 200
        before = len(await site.heard("Acme"))
        filling = fill(small)
        for at in range(3):
            said_clearly(await site.post(f"lost {at}"), 503, "The disk is full.")
        status, text = await site.ask("GET", "/readyz")
        assert status == 503
        [store] = [check for check in json.loads(text)["checks"] if check["name"] == "store"]
        assert "The disk is full." in store["detail"]
        assert (await site.ask("GET", "/livez"))[0] == 200
        # What is there can still be read, and the page says in words that it cannot begin a new chat.
        assert (await site.ask("GET", site.activities, headers=site.bearer))[0] == 200
        said_clearly(await site.ask("POST", "/chat/session", headers={"Origin": site.url}), 503)

        filling.unlink()
        await site.ready(within=5)
        assert (await site.post("hello again"))[0] == 200
        said = await site.heard("Acme", more_than=before)
        assert len(said) == before + 1
        read = json.loads((await site.ask("GET", site.activities, headers=site.bearer))[1])["activities"]
        assert [one["text"] for one in read if one["from"]["role"] == "user"] == ["hello", "hello again"]
        assert site.process.returncode is None
        assert "Traceback" not in site.said()


async def test_a_first_run_on_a_full_disk_is_refused_in_one_line(brand: Path, small: Path) -> None:
    fill(small)
    said = await refused(changed(brand, "first", store={"url": f"sqlite:///{small}/parley.db"}))
    assert "full" in said.lower() or "No space left" in said


@pytest.mark.postgres
async def test_readiness_on_postgresql_sees_a_database_that_only_reads() -> None:
    async with fresh_database() as url:
        store = await open_store(url)
        try:
            look = writable(store)
            assert await look() == await look() == "can be written"
            admin = await asyncpg.connect(url)
            database = await admin.fetchval("SELECT current_database()")
            await admin.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            await admin.close()
            said = []
            # The first one may only find out that its connection has gone.
            for _ in range(3):
                with pytest.raises(StoreUnavailable) as refused:
                    await look()
                said.append(str(refused.value))
            assert "read-only" in said[-1]
        finally:
            await store.close()
