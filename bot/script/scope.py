"""What one turn carries: the claim, what was said so far, what is to be written, and the deadline."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from bot.audit import audit_row
from bot.model import Choice, Control, Outbound, Parse, Party, Standing
from bot.ports import Claim, Clock, Handoff, Identity, Login, OutRow, Recogniser, Sql, Store, Work
from bot.script.answers import Match, nonce
from bot.script.catalogue import Dialogs, Services
from bot.script.texts import Texts


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations of a turn, in seconds unless said otherwise."""

    turn: float = 15.0
    lease: float = 30.0
    read: float = 5.0
    reads_tried: int = 4
    effect_grace: float = 2.0
    question: timedelta = timedelta(hours=24)
    confirm: timedelta = timedelta(minutes=15)
    login: timedelta = timedelta(minutes=10)
    misunderstood: int = 3
    poison: int = 3


@dataclass(frozen=True, slots=True)
class Host:
    """What all turns of a process share."""

    store: Store
    clock: Clock
    texts: Texts
    dialogs: Dialogs
    services: Services
    recogniser: Recogniser
    identity: Identity
    login: Login
    handoff: Handoff
    secret: bytes
    brand: str
    reference_prefix: str = "P"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Feed:
    """The customer's message or press, to be tried as an answer once."""

    kind: Literal["message", "press", "file"]
    text: str = ""
    nonce: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a message. `args` are a dialog's arguments; `options` are dialog ids for "did you mean"."""

    kind: Literal[
        "answer",
        "deny",
        "again",
        "anew",
        "give_up",
        "start",
        "go_back",
        "human",
        "stop",
        "clarify",
        "unknown",
        "stale",
        "full",
        "waiting",
        "left",
        "rated",
    ]
    dialog: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    guesses: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The operation a dialog waits with, as routing sees it."""

    verb: str
    digress: bool
    tries: int
    write: bool = False


Route = Callable[[Waiting, Match | None], Awaitable[Decision]]


@dataclass(slots=True)
class Scope:
    """One turn. Rows and changes gather here until a checkpoint or the commit writes them."""

    host: Host
    claim: Claim
    now: datetime
    locale: str
    route: Route
    snapshot: Callable[[bool], bytes]
    until: float
    n: int = 0
    rows: list[OutRow] = field(default_factory=list)
    changes: list[Sql] = field(default_factory=list)
    feed: Feed | None = None
    decision: Decision | None = None
    parse: Parse | None = None
    control: Control | None = None
    nested: bool = False
    place: str = ""
    guesses: Mapping[str, Any] = field(default_factory=dict)
    offers: list[dict[str, Any]] = field(default_factory=list)
    root: str = ""
    """The dialog at the bottom of the stack that runs, of which a prompt's buttons are."""
    prompts: list[list[str]] = field(default_factory=list)
    """Buttons of botbuilder's own prompts: nonce, what it says when pressed, root dialog."""
    pressed: str = ""
    """What the customer said by pressing one."""
    settles: tuple[str, str] | None = None
    person: str | None = None
    case_id: str | None = None
    party: Party | None = None
    lent: dict[str, str] | None = None
    """The dialog that a person who holds the conversation has lent it to: {"d": its id}."""
    settling: bool = False
    """Only an effect that was begun is to be settled; nothing new is done or said."""
    handoffs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Hand-over events of this turn: name and value."""
    trace: dict[str, Any] = field(default_factory=dict)
    _standing: Standing | None = None
    _begun: float = field(default_factory=time.monotonic)

    @property
    def conversation(self) -> str:
        """The conversation's id."""
        return self.claim.conversation

    async def standing(self) -> Standing:
        """Who writes, asked of the identity port once a turn."""
        if self._standing is None:
            self._standing = await self.host.identity.standing(self.claim.address, self.now)
            if self._standing.person is not None:
                self.person = self._standing.person.id
        return self._standing

    def forget_standing(self) -> None:
        """Ask again next time: a link has changed in this turn."""
        self._standing = None

    def put(self, said: Outbound) -> None:
        """Add one outbound row; the first one after an answer tells which question it settles."""
        if self.settles is not None:
            op, chosen = self.settles
            said = replace(said, settles=op, chosen=chosen)
            self.settles = None
        if self.lent is not None and self.claim.party == "agent" and said.purpose == "reply":
            said = replace(said, purpose="agent")
        self.rows.append(OutRow(self.n, said))
        self.n += 1

    def text(self, text: str, /, attribute: str | None = None, **values: Any) -> str:
        """A text in the conversation's language."""
        return self.host.texts.format(text, attribute, values, self.locale)

    def tell(self, text: str, /, **values: Any) -> None:
        """Say one of the host's own texts."""
        self.put(Outbound(self.text(text, **values)))

    def nonce(self, op: str, choice: str) -> str:
        """A button's nonce in this conversation."""
        return nonce(self.host.secret, self.claim.conversation, op, choice)

    def offered(self, text: str) -> str:
        """What an offer's button says."""
        return self.text(text, "offer" if self.host.texts.has(text, "offer") else None)

    def offer(
        self, text: str, dialog: str, args: Mapping[str, Any], guesses: Mapping[str, Any] | None = None
    ) -> Choice:
        """A button that opens a dialog, labelled by the text's `.offer` if it has one; remembered until others
        replace it."""
        label = self.offered(text)
        at = f"offer:{self.claim.seq}:{len(self.offers)}"
        button = self.nonce(at, dialog)
        self.offers.append({"n": button, "l": label, "d": dialog, "a": dict(args), "g": dict(guesses or {})})
        return Choice(at, label, button)

    def prompt(self, label: str, value: str) -> Choice:
        """A button of a botbuilder prompt; remembered until the prompt is answered or shown again."""
        button = self.nonce(f"prompt:{self.claim.seq}:{self.root}", value)
        self.prompts.append([button, value, self.root])
        return Choice(value, label, button)

    def audit(self, what: str, subject: str, **detail: Any) -> None:
        """Add an audit row to this turn."""
        self.changes.append(
            audit_row(
                what=what,
                at=self.now,
                conversation=self.claim.conversation,
                person=self.person or self.claim.person,
                subject=subject,
                detail=detail,
            )
        )

    def timer(self, op: str, at: datetime) -> None:
        """Wake the parked operation `op` at a time."""
        self.changes.append(
            Sql(
                "INSERT INTO timer (conversation, op, at) VALUES (:conversation, :op, :at) "
                "ON CONFLICT (conversation, op) DO UPDATE SET at = excluded.at",
                {"conversation": self.claim.conversation, "op": op, "at": at.timestamp()},
            )
        )

    def cancel_timer(self, op: str) -> None:
        """Drop the timer of an operation that no longer waits."""
        self.changes.append(
            Sql(
                "DELETE FROM timer WHERE conversation = :conversation AND op = :op",
                {"conversation": self.claim.conversation, "op": op},
            )
        )

    def left(self) -> float:
        """Seconds of this turn that are left."""
        return self.until - time.monotonic()

    async def look(self) -> Control | None:
        """A rule-level "human" or "stop" that has arrived since this turn began; asked of the store once it runs
        long."""
        if self.control is None and time.monotonic() - self._begun > 0.5:
            rows = await self.host.store.query(
                "SELECT control, control_seq FROM conversation WHERE id = :id", id=self.claim.conversation
            )
            if rows and rows[0]["control"] and rows[0]["control_seq"] > self.claim.seq:
                self.control = rows[0]["control"]
        return self.control

    def work(self, mid: bool) -> Work:
        """All that is to be written now."""
        return Work(
            state=self.snapshot(mid),
            rows=tuple(self.rows),
            changes=tuple(self.changes),
            party=self.party,
            person=self.person,
            case_id=self.case_id,
            locale=self.claim.locale,
        )

    async def checkpoint(self, *changes: Sql) -> None:
        """Write what there is, and `changes`, fenced; the turn goes on. Raises `Fenced`, `Conflict` (nothing
        written)."""
        kept = len(self.changes)
        self.changes.extend(changes)
        try:
            mark = await self.host.store.checkpoint(self.claim, self.work(True))
        except BaseException:  # Cancelled as well: what was not written with this checkpoint is not the next one's.
            del self.changes[kept:]
            raise
        self.rows.clear()
        self.changes.clear()
        self.control = self.control or mark
