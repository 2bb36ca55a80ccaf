"""Keys, vault, canonical actions, settings and the rows of the login port."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet

from auth import Auth, AuthSettings, ProviderSettings
from auth.actions import action_hash
from auth.errors import ProviderMisconfigured, VaultBroken
from auth.keys import Keys, hashed
from auth.outcomes import mask
from auth.transactions import Transactions
from auth.vault import Vault
from bot.audit import audit_row, digest
from bot.errors import Conflict, SettingsError
from bot.model import Address, Assurance, Person, Standing

OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ADDRESS = Address("larkspur", "webchat", "webchat", "dl_ana")
NOTHING: Any = None
STANDING = Standing(Assurance.KNOWN, Person("p1", "C-1001"), "l1", 3, NOW)


def test_handles_are_stable_unguessable_and_survive_a_new_key() -> None:
    handle = Keys([OLD]).handle("t1")
    assert len(handle) == 43
    assert Keys([OLD]).handle("t1") == handle
    assert len({handle, Keys([OLD]).handle("t2"), Keys([NEW]).handle("t1")}) == 3
    assert Keys([NEW, OLD]).handle_of("t1", hashed(handle)) == handle
    assert Keys([NEW]).handle_of("t1", hashed(handle)) is None


def test_form_tokens_belong_to_one_transaction_and_browser() -> None:
    keys = Keys([OLD])
    token = keys.form_token("t1", "pin")
    assert keys.form_token_fits(token, "t1", "pin")
    assert Keys([NEW, OLD]).form_token_fits(token, "t1", "pin")
    assert not keys.form_token_fits(token, "t2", "pin")
    assert not keys.form_token_fits(token, "t1", "other")
    assert not keys.form_token_fits("é", "t1", "pin")
    assert token != keys.handle("t1:pin")


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, b"short"]])
def test_server_keys_must_be_long(keys: list[bytes]) -> None:
    with pytest.raises(SettingsError):
        Keys(keys)


def test_vault_opens_only_where_it_was_sealed() -> None:
    vault = Vault([Fernet.generate_key()])
    sealed = vault.seal("refresh", "l1", {"token": "secret"})
    assert b"secret" not in sealed
    assert vault.open("refresh", "l1", sealed) == {"token": "secret"}
    for kind, of in (("refresh", "l2"), ("login", "l1")):
        with pytest.raises(VaultBroken):
            vault.open(kind, of, sealed)


def test_vault_rotation() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    sealed = Vault([old]).seal("refresh", "l1", {"token": "secret"})
    rotated = Vault([new, old]).rotate(sealed)
    assert Vault([new]).open("refresh", "l1", rotated) == {"token": "secret"}
    with pytest.raises(VaultBroken):
        Vault([new]).open("refresh", "l1", sealed)
    with pytest.raises(VaultBroken):
        Vault([new]).rotate(sealed)


@pytest.mark.parametrize("keys", [[], [b"not a key"]])
def test_vault_keys_are_checked(keys: list[bytes]) -> None:
    with pytest.raises(SettingsError):
        Vault(keys)


def test_one_action_has_one_hash() -> None:
    arguments = {"mandate": "M2", "amount": 2300}
    assert action_hash("pay", arguments) == action_hash("pay", dict(reversed(arguments.items())))
    others: list[tuple[str, dict[str, Any]]] = [
        ("pay", {"mandate": "M2", "amount": "2300"}),
        ("pay", {"mandate": "M2"}),
        ("pay", {"mandate": "M2", "amount": 2300, "to": None}),
        ("refund", arguments),
        ("pay", {"mandate": "M2", "amount": 2301}),
    ]
    assert len({action_hash(*other) for other in others} | {action_hash("pay", arguments)}) == 6


def test_a_transaction_begins_with_hashes_alone() -> None:
    keys = Keys([OLD])
    begun = Transactions(NOTHING, keys, AuthSettings()).begin(
        conversation="c1", address=ADDRESS, purpose="stepup", op="o1", now=NOW, action="cancel",
        arguments={"mandate": "M2"}, shown="Cancel it", standing=STANDING,
    )  # fmt: skip
    written = str([statement.values for statement in begun.changes])
    assert keys.handle(begun.transaction) not in written
    [_, row, _] = begun.changes
    assert row.values["handle_hash"] == hashed(keys.handle(begun.transaction))
    assert row.values["action_hash"] == action_hash("cancel", {"mandate": "M2"})
    assert row.values["expires"] - row.values["now"] == 600
    assert (row.values["link"], row.values["version"]) == ("l1", 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": Address("larkspur", "webchat", "webchat", "u", kind="group")},
        {"address": Address("larkspur", "webchat", "webchat", "u", kind="public")},
        {"standing": None},
        {"standing": Standing()},
        {"action": ""},
    ],
)
def test_what_no_transaction_begins_with(wrong: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"address": ADDRESS, "standing": STANDING, "action": "cancel", **wrong}
    with pytest.raises(Conflict):
        Transactions(NOTHING, Keys([OLD]), AuthSettings()).begin(
            conversation="c", purpose="stepup", op="o", now=NOW, arguments={}, **asked
        )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"issuer": "http://idp.example"}, "https"),
        ({"allowed_algs": ("HS256",)}, "HS256"),
        ({"allowed_algs": ("none",)}, "none"),
        ({"scopes": ("profile",)}, "openid"),
        ({"client_id": ""}, "client_id"),
        ({"id": "a/b"}, "name"),
    ],
)
def test_provider_settings_say_what_is_wrong(changed: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"id": "brand", "issuer": "https://idp.example", "client_id": "c", "client_secret": "hush"}
    assert "hush" not in repr(ProviderSettings(**good))
    with pytest.raises(ProviderMisconfigured, match=says):
        ProviderSettings(**{**good, **changed})


def test_no_provider_is_no_identity() -> None:
    nothing: Any = None
    with pytest.raises(SettingsError, match=r"identity\.providers"):
        Auth(
            store=nothing, clock=nothing, providers=[], server_keys=[OLD], vault_keys=[], public_url="", brand={},
            proof=nothing,
        )  # fmt: skip


@pytest.mark.parametrize(("reference", "shown"), [("C-1001", "01"), ("12345", "45"), ("123", "…"), ("", "…")])
def test_masking(reference: str, shown: str) -> None:
    assert mask(reference) == shown


def test_an_audit_row_that_is_changed_is_seen() -> None:
    row = dict(audit_row(what="link.done", at=NOW, subject="t1", detail={"link": "l1"}).values)
    assert digest(row) == row["digest"]
    for name in ("what", "at", "subject", "detail", "person", "conversation", "id"):
        assert digest({**row, name: "changed"}) != row["digest"]
