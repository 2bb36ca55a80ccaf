"""Attacks on what is stored: secrets in rows, ciphertexts moved, keys rotated, refresh tokens used twice."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet

from auth.errors import ProviderDown, TokenRevoked, VaultBroken
from auth.vault import Vault
from bot.model import Assurance
from tests.attacks.site import VAULT_KEY, Site

TABLES = ("link_txn", "identity_link", "browser_login", "token_blob", "step_up_grant", "audit", "inbound", "entry",
          "person", "address_of", "conversation", "outbound", "seen")  # fmt: skip


@pytest.mark.promise("secret")
async def test_37_no_secret_in_database_or_logs(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = here.browser()
    _, url = await here.begin()
    login = await browser.press(await browser.get(url))
    sent = await browser.sign_in(login, "ana", follow=False)
    midway = await dump(here)
    back = sent.headers["Location"]
    assert (await browser.get(back)).heading == "Your account is connected"
    await here.approve(browser)
    query = parse_qs(urlsplit(back).query)
    [blob] = await here.store.query("SELECT link, ciphertext FROM token_blob")
    pins = [browser.cookies["link"]]
    secrets = [
        here.path(url).rsplit("/", 1)[1],
        query["state"][0].split(".")[1],
        query["code"][0],
        parse_qs(urlsplit(login.hops[0]).query)["nonce"][0],
        here.auth.vault.open("refresh", blob["link"], blob["ciphertext"])["token"],
        *pins,
    ]
    assert len(secrets) == 6 and all(len(one) > 19 for one in secrets)
    held = midway + await dump(here) + caplog.text
    assert "link.done" in held
    for secret in secrets:
        assert secret not in held


async def dump(here: Site) -> str:
    rows = [str(row) for table in TABLES for row in await here.store.query(f"SELECT * FROM {table}")]
    return "\n".join(rows)


async def test_38_ciphertext_swapped_between_rows(here: Site) -> None:
    await here.link("dl_ana", "ana")
    await here.link("dl_tom", "tom")
    ana, tom = await here.store.query("SELECT link, ciphertext FROM token_blob ORDER BY link")
    await here.run("UPDATE token_blob SET ciphertext = :c WHERE link = :l", c=tom["ciphertext"], l=ana["link"])
    with pytest.raises(TokenRevoked):
        await here.auth.tokens.refresh(ana["link"])
    # The link that no longer has a token of its own is revoked; the other stays.
    assert [row["id"] for row in await here.links()] == [tom["link"]]
    assert ("link.revoked", "VaultBroken") in await here.audited()


async def test_38_ciphertext_changed() -> None:
    vault = Vault([VAULT_KEY])
    sealed = vault.seal("refresh", "a", {"token": "t"})
    for kind, of, held in (("refresh", "b", sealed), ("login", "a", sealed), ("refresh", "a", sealed[:-1] + b"A")):
        with pytest.raises(VaultBroken):
            vault.open(kind, of, held)


async def test_39_key_rotation_keeps_links(here: Site) -> None:
    await here.link()
    [before] = await here.store.query("SELECT link, ciphertext FROM token_blob")
    fresh = Fernet.generate_key()
    here.auth.tokens._vault = Vault([fresh, VAULT_KEY])
    assert await here.auth.tokens.rotate() == 1
    [after] = await here.store.query("SELECT link, ciphertext FROM token_blob")
    assert after["ciphertext"] != before["ciphertext"]
    here.auth.tokens._vault = Vault([fresh])
    assert await here.auth.tokens.refresh(after["link"]) is True
    assert (await here.standing()).level is Assurance.KNOWN


async def test_40_refresh_reuse_revokes_the_family_and_the_link(here: Site) -> None:
    await here.link()
    [old] = await here.store.query("SELECT link, ciphertext FROM token_blob")
    assert await here.auth.tokens.refresh(old["link"]) is True
    # A thief turns the first token in again: at the provider both are dead from now on.
    stolen = here.auth.vault.open("refresh", old["link"], old["ciphertext"])["token"]
    with pytest.raises(TokenRevoked):
        await here.auth.providers["larkspur"].refresh(stolen)
    with pytest.raises(TokenRevoked):
        await here.auth.tokens.refresh(old["link"])
    assert (await here.standing()).level is Assurance.ANYONE
    assert await here.store.query("SELECT link FROM token_blob") == []
    assert ("link.revoked", "TokenRevoked") in await here.audited()


async def test_40_refused_refresh_revokes_the_link(here: Site) -> None:
    await here.link()
    here.faults.refuse_refresh = True
    with pytest.raises(TokenRevoked):
        await here.auth.tokens.refresh((await here.links())[0]["id"])
    assert await here.links() == []


async def test_41_two_refreshes_at_once_are_one_call(here: Site) -> None:
    await here.link()
    [link] = await here.links()
    here.faults.slow_token = 0.2
    outcomes = await asyncio.gather(*(here.auth.tokens.refresh(link["id"]) for _ in range(3)))
    assert sorted(outcomes) == [False, False, True]
    here.faults.slow_token = 0.0
    # Had two been sent, the family would be dead by now.
    assert await here.auth.tokens.refresh(link["id"]) is True


@pytest.mark.slow
async def test_41_a_refresh_that_got_no_answer_gives_the_lock_back(here: Site) -> None:
    await here.link()
    [link] = await here.links()
    await here.auth.check()
    here.faults.slow_token = 5.0
    with pytest.raises(ProviderDown):
        await here.auth.tokens.refresh(link["id"])
    [row] = await here.store.query("SELECT held FROM token_blob")
    assert row["held"] is None
    assert len(await here.links()) == 1


async def test_unlinking_revokes_the_token_at_the_provider(here: Site) -> None:
    await here.link()
    [blob] = await here.store.query("SELECT link, ciphertext FROM token_blob")
    token = here.auth.vault.open("refresh", blob["link"], blob["ciphertext"])["token"]
    await here.store.change(here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer"))
    await here.auth.sweep()
    assert await here.store.query("SELECT link FROM token_blob") == []
    assert await here.store.query("SELECT sub FROM browser_login") == []
    with pytest.raises(TokenRevoked):
        await here.auth.providers["larkspur"].refresh(token)


async def test_linking_somebody_else_ends_the_first_link(here: Site) -> None:
    browser = await here.link("dl_ana", "ana")
    await here.link("dl_ana", "tom", browser)
    [link] = await here.links()
    assert link["customer_ref"] == "C-1002"
    assert (await here.signals())[-1]["outcome"]["changed"] is True
    [old] = await here.store.query("SELECT version, revoked_why FROM identity_link WHERE revoked_at IS NOT NULL")
    assert (old["version"], old["revoked_why"]) == (2, "replaced")
    known = await here.store.query("SELECT person, to_at FROM address_of ORDER BY from_at, to_at")
    assert [row["to_at"] is None for row in known].count(True) == 1


async def test_linking_oneself_again_keeps_the_link(here: Site) -> None:
    browser = await here.link()
    before = await here.standing()
    here.clock.forward(3600)
    await here.link(browser=browser)
    after = await here.standing()
    assert (after.link, after.link_version) == (before.link, before.link_version)
    assert after.level is Assurance.KNOWN
    assert (await here.signals())[-1]["outcome"]["changed"] is False
