"""Sign-ins and approvals against a model: begun, started in one browser, returned, held, ended once, approved once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from auth.keys import Keys, hashed
from auth.ledger import Ledger, Txn
from auth.settings import AuthSettings
from auth.transactions import Transactions
from bot.errors import Conflict
from bot.model import Address, Assurance, Person, Standing
from bot.ports import Sql
from bot.store import open_store
from bot.testing.clock import SetClock

ANA = Address("larkspur", "telegram", "telegram", "ana")
LINKED = Standing(Assurance.KNOWN, Person("p-ana", "C-1"), "link-ana", 1)
ACTION = {"action": "cancel", "arguments": {"mandate": "M2"}}
LIFE = 600.0

cookies = st.sampled_from(["cookie-one", "cookie-two"])
states = st.sampled_from(["state-a", "state-b"])


@dataclass
class Model:
    """One sign-in or approval, as it must be."""

    id: str
    purpose: str
    begun: float
    state: str = "created"
    cookie: str | None = None
    pending: str | None = None
    """The state that its return must show, until that is used up."""
    ended: str | None = None


class Links(RuleBasedStateMachine):
    """One chat, linked; one sign-in and one approval at a time."""

    runner: asyncio.Runner

    def run(self, what: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await what

        return type(self).runner.run(wait())

    @initialize()
    def begin_all(self) -> None:
        self.clock = SetClock()
        self.store = self.run(open_store("sqlite://:memory:", clock=self.clock))
        self.ledger = Ledger(self.store, self.clock)
        self.login = Transactions(self.store, Keys([b"0" * 32]), AuthSettings(transaction=LIFE))
        self.conversation = self.run(self.store.conversation_of(ANA))
        self.all: list[Model] = []
        self.grants: dict[str, str | None] = {}
        self.told = 0
        at = self.clock.now().timestamp()
        link = {
            "id": LINKED.link, "brand": "larkspur", "connection": ANA.connection, "channel": "telegram",
            "user_id": ANA.user, "person": "p-ana", "issuer": "i", "sub": "s", "customer_ref": "C-1", "version": 1,
            "auth_time": at, "linked_at": at, "last_used_at": at, "expires_at": at + 10**8,
        }  # fmt: skip
        names = ", ".join(link)
        self.change(Sql(f"INSERT INTO identity_link ({names}) VALUES ({', '.join(f':{n}' for n in link)})", link))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())

    def change(self, *statements: Sql) -> None:
        self.run(self.store.change(statements))

    def txn(self, which: int) -> tuple[Model, Txn] | None:
        if not self.all:
            return None
        model = self.all[which % len(self.all)]
        return model, self.run(self.ledger.by_id(model.id))

    def live(self, model: Model) -> bool:
        return model.ended is None

    def young(self, model: Model) -> bool:
        return self.clock.now().timestamp() < model.begun + LIFE

    def does(self, may: bool, what: Awaitable[Any]) -> Any:
        """It works exactly where the model says that it may."""
        if may:
            return self.run(what)
        with pytest.raises(Conflict):
            self.run(what)
        return None

    @rule(purpose=st.sampled_from(["link", "stepup"]))
    def begin(self, purpose: Any) -> None:
        asked = ACTION if purpose == "stepup" else {}
        begun = self.login.begin(
            conversation=self.conversation, address=ANA, purpose=purpose, op=f"op-{len(self.all)}",
            now=self.clock.now(), standing=LINKED, **asked,  # type: ignore[arg-type]
        )  # fmt: skip
        self.change(*begun.changes)
        for one in self.all:
            if one.purpose == purpose and self.live(one):
                one.state = one.ended = "voided"
                one.pending = None
        self.all.append(Model(begun.transaction, purpose, self.clock.now().timestamp()))

    @rule(which=st.integers(0, 9), cookie=cookies, state=states)
    def start(self, which: int, cookie: str, state: str) -> None:
        if (found := self.txn(which)) is None:
            return
        model, txn = found
        same = model.state == "created" or (model.state == "started" and model.cookie == cookie)
        may = self.live(model) and self.young(model) and same
        self.does(may, self.ledger.start(txn, provider="p", issuer="i", cookie=cookie, state=state, secrets=b"sealed"))
        if may:
            model.state, model.cookie, model.pending = "started", cookie, state

    @rule(which=st.integers(0, 9), state=states)
    def return_with(self, which: int, state: str) -> None:
        if (found := self.txn(which)) is None:
            return
        model, txn = found
        may = self.live(model) and model.state == "started" and model.pending == state
        self.does(may, self.ledger.take_state(txn, state))
        if may:
            model.pending = None

    @rule(which=st.integers(0, 9))
    def hold(self, which: int) -> None:
        if (found := self.txn(which)) is None:
            return
        model, txn = found
        may = self.live(model) and model.state == "started"
        kept = {
            "issuer": "i", "sub": "s", "person": "p-ana", "ref": "C-1", "acr": None, "auth_time": 1.0, "masked": "C…",
            "secrets": b"sealed", "code_hash": hashed("code"), "code_expires": 1.0,
        }  # fmt: skip
        self.does(may, self.ledger.hold(txn, **kept))
        if may:
            model.state = "authenticated"

    @rule(which=st.integers(0, 9), how=st.sampled_from(["done", "declined", "expired", "aborted"]))
    def end(self, which: int, how: Any) -> None:
        if (found := self.txn(which)) is None:
            return
        model, txn = found
        may = self.live(model)
        grant = f"grant-{len(self.grants)}"
        changes = []
        if how == "done" and model.purpose == "stepup" and txn.action_hash is not None:
            row = {
                "id": grant, "txn": model.id, "conversation": self.conversation, "action": "cancel",
                "action_hash": txn.action_hash, "link": LINKED.link, "link_version": 1, "person": "p-ana",
                "granted_at": self.clock.now().timestamp(), "expires_at": self.clock.now().timestamp() + 300,
            }  # fmt: skip
            names = ", ".join(row)
            changes = [Sql(f"INSERT INTO step_up_grant ({names}) VALUES ({', '.join(f':{n}' for n in row)})", row)]
        self.does(may, self.ledger.end(txn, how, "because", changes=changes))
        if may:
            model.state = model.ended = how
            model.pending = None
            self.told += 1
            if changes:
                self.grants[grant] = None

    @rule(seconds=st.sampled_from([1, 100, 700]))
    def time_passes(self, seconds: int) -> None:
        self.clock.move(timedelta(seconds=seconds))
        overdue = self.run(self.ledger.overdue(self.clock.now(), 100))
        assert {txn.id for txn in overdue} == {one.id for one in self.all if self.live(one) and not self.young(one)}

    @rule(which=st.integers(0, 5), key=st.sampled_from(["effect-1", "effect-2"]), wrong=st.booleans())
    def consume(self, which: int, key: str, wrong: bool) -> None:
        if not self.grants:
            return
        grant = sorted(self.grants)[which % len(self.grants)]
        [row] = self.run(self.store.query("SELECT expires_at FROM step_up_grant WHERE id = :id", id=grant))
        fresh = self.clock.now().timestamp() < row["expires_at"]
        used = self.grants[grant]
        may = not wrong and (used == key or (used is None and fresh))
        arguments = {"mandate": "M3" if wrong else "M2"}
        rows = self.login.consume(
            grant=grant, action="cancel", arguments=arguments, standing=LINKED, key=key, now=self.clock.now()
        )
        self.does(may, self.store.change(rows))
        if may:
            self.grants[grant] = key

    # Several steps at once, or most runs would be over before anything came of one

    @rule(purpose=st.sampled_from(["link", "stepup"]), state=states)
    def two_browsers(self, purpose: Any, state: str) -> None:
        self.begin(purpose)
        newest = len(self.all) - 1
        self.start(newest, "cookie-one", state)
        self.start(newest, "cookie-two", "state-b")
        self.return_with(newest, "state-a")

    @rule(keys=st.lists(st.sampled_from(["effect-1", "effect-2"]), min_size=1, max_size=3), late=st.booleans())
    def an_approval_is_used(self, keys: list[str], late: bool) -> None:
        self.begin("stepup")
        self.end(len(self.all) - 1, "done")
        if late:
            self.time_passes(700)
        newest = sorted(self.grants).index(f"grant-{len(self.grants) - 1}")
        for key in keys:
            self.consume(newest, key, False)

    @invariant()
    def as_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.run(self.store.query("SELECT id, state, ended_at, cookie_hash, state_hash, secrets FROM link_txn"))
        by_id = {row["id"]: row for row in rows}
        assert set(by_id) == {one.id for one in self.all}
        for one in self.all:
            row = by_id[one.id]
            assert row["state"] == one.state
            assert (row["ended_at"] is None) == self.live(one)
            assert row["state_hash"] == (hashed(one.pending) if one.pending else None)
            assert one.cookie is None or row["cookie_hash"] == hashed(one.cookie)
            assert self.live(one) or row["secrets"] is None
        for purpose in ("link", "stepup"):
            assert sum(self.live(one) for one in self.all if one.purpose == purpose) <= 1
        signals = self.run(self.store.query("SELECT count(*) AS n FROM inbound WHERE kind = 'signal'"))
        assert signals[0]["n"] == self.told
        used = self.run(self.store.query("SELECT id, used_by FROM step_up_grant"))
        assert {row["id"]: row["used_by"] for row in used} == self.grants


def tried(examples: int, steps: int) -> None:
    with asyncio.Runner() as runner:
        made = type("On", (Links,), {"runner": runner})
        long = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True)
        run_state_machine_as_test(made, settings=settings(long, suppress_health_check=list(HealthCheck)))


@pytest.mark.slow
@pytest.mark.promise("assured")
def test_sign_ins_and_approvals_are_as_their_model() -> None:
    tried(25, 25)


@pytest.mark.long
def test_sign_ins_and_approvals_are_as_their_model_for_long() -> None:
    tried(300, 50)
