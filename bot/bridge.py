"""The one door to botbuilder: its TurnContext and adapter, the cached DialogSet, and our own codec for its stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any

import msgspec
from botbuilder.core import BotAdapter, StatePropertyAccessor, TurnContext
from botbuilder.dialogs import Dialog, DialogContext, DialogInstance, DialogSet, DialogTurnStatus
from botbuilder.dialogs.choices import Choice as PromptChoice
from botbuilder.dialogs.choices import FoundChoice, ListStyle
from botbuilder.dialogs.memory import DialogStateManager
from botbuilder.dialogs.prompts import PromptOptions
from botbuilder.schema import (
    Activity,
    ActivityTypes,
    CardAction,
    ChannelAccount,
    ConversationAccount,
    ConversationReference,
    ResourceResponse,
    SuggestedActions,
)

from bot.errors import NotPlain
from bot.model import Choice, Outbound
from bot.script.catalogue import Dialogs
from bot.script.dialog import SCOPE, ScriptDialog
from bot.script.registry import DialogSpec
from bot.script.scope import Scope

Stack = list[DialogInstance]
"""One of botbuilder's stacks, the top first."""

_TAGGED: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Activity, CardAction, FoundChoice, PromptChoice, PromptOptions, SuggestedActions)
}


class Adapter(BotAdapter):  # type: ignore[misc]
    """Turns what botbuilder's own dialogs send into outbound rows of the turn."""

    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[ResourceResponse]:
        """Add each message to the turn; nothing is sent here."""
        scope: Scope = context.turn_state[SCOPE]
        for activity in activities:
            if activity.type == ActivityTypes.message:
                scope.put(Outbound(activity.text or "", choices=_choices(activity, scope)))
            elif activity.type == ActivityTypes.event:
                scope.trace.setdefault("events", []).append({"name": activity.name, "value": activity.value})
        return [ResourceResponse(id=str(scope.n)) for _ in activities]

    async def update_activity(self, context: TurnContext, activity: Activity) -> None:
        """Refused: what was said stays said."""
        raise NotImplementedError("Messages are not updated; say something new.")

    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> None:
        """Refused: what was said stays said."""
        raise NotImplementedError("Messages are not deleted; say something new.")


class _OwnState(StatePropertyAccessor):  # type: ignore[misc]
    """A DialogSet wants one; ours is never asked, since each turn brings its own stacks."""

    async def get(self, turn_context: TurnContext, default_value_or_factory: Any = None) -> Any:
        """Refused."""
        raise NotImplementedError("Stacks come with the turn.")

    async def delete(self, turn_context: TurnContext) -> None:
        """Refused."""
        raise NotImplementedError("Stacks come with the turn.")

    async def set(self, turn_context: TurnContext, value: Any) -> None:
        """Refused."""
        raise NotImplementedError("Stacks come with the turn.")


def _choices(activity: Activity, scope: Scope) -> tuple[Choice, ...]:
    actions = activity.suggested_actions.actions if activity.suggested_actions else []
    return tuple(scope.prompt(str(a.title or a.value), str(a.value or a.title)) for a in actions or [])


class Bridge:
    """Hosts scripts and plain botbuilder dialogs in one cached DialogSet."""

    def __init__(self, dialogs: Dialogs, foreign: Iterable[Dialog] = ()) -> None:
        self.dialogs = dialogs
        self._set = DialogSet(_OwnState())
        self._scripts = set(dialogs.by_id)
        for spec in dialogs.by_id.values():
            self._set.add(ScriptDialog(spec))
        self.hosts_foreign = False
        for dialog in foreign:
            self._set.add(dialog)
            self.hosts_foreign = True
        self._adapter = Adapter()

    def replace(self, spec: DialogSpec) -> None:
        """Take a dialog's new code (reload)."""
        self._set._dialogs[spec.id] = ScriptDialog(spec)
        self._scripts.add(spec.id)

    def is_script(self, id: str) -> bool:
        """Whether this dialog is a replayed one."""
        return id in self._scripts

    def context(self, scope: Scope) -> TurnContext:
        """A TurnContext for this turn."""
        return _Turn(self._adapter, scope)

    async def announce(self, context: TurnContext, name: str, value: Mapping[str, Any]) -> None:
        """Send an event activity, as the Bot Framework's hand-over protocol has them: `handoff.initiate` with what is
        known, `handoff.status` with a state (accepted, completed, failed). Its library for Python has no factory."""
        await context.send_activity(Activity(type=ActivityTypes.event, name=name, value=dict(value)))

    async def begin(self, stack: Stack, scope: Scope, context: TurnContext, dialog: str, args: dict[str, Any]) -> Any:
        """Begin a dialog on a stack; returns its result if it has ended already."""
        scope.root = dialog
        return _result(await self._on(stack, context).begin_dialog(dialog, args))

    async def go_on(self, stack: Stack, scope: Scope, context: TurnContext) -> Any:
        """Continue the top dialog of a stack with what the scope feeds; returns the root's result if it has ended."""
        scope.root = stack[-1].id
        return _result(await self._on(stack, context).continue_dialog())

    async def ask_again(self, stack: Stack, scope: Scope, context: TurnContext) -> Any:
        """Put the open question of a stack again (nothing for a dialog that waits without a prompt)."""
        if self.is_script(stack[0].id):
            return await self.go_on(stack, scope, context)
        scope.root = stack[-1].id
        await self._on(stack, context).reprompt_dialog()
        return None

    def _on(self, stack: Stack, context: TurnContext) -> DialogContext:
        return _Context(self._set, context, stack)

    def encode(self, stacks: Sequence[Stack], **rest: Any) -> bytes:
        """All stacks as JSON; raises `NotPlain` naming dialog and key."""
        plain = [[[i.id, i.state if i.id in self._scripts else _strict(i.state, i.id)] for i in s] for s in stacks]
        if not plain and not any(rest.values()):
            return b"{}"
        return msgspec.json.encode({"v": 1, "k": plain, **{key: value for key, value in rest.items() if value}})

    def decode(self, state: bytes) -> tuple[list[Stack], dict[str, Any]]:
        """The stacks again, and whatever else the state holds."""
        if len(state) <= 2:
            return [], {}
        raw: dict[str, Any] = msgspec.json.decode(state)
        stacks = [
            [_instance(id, frame if id in self._scripts else _loose(frame)) for id, frame in stack]
            for stack in raw.get("k", ())
        ]
        return stacks, raw


class _Context(DialogContext):  # type: ignore[misc]
    """A DialogContext that builds its memory scopes (most of its cost) only for a dialog that asks for them."""

    def __init__(self, dialogs: DialogSet, turn_context: TurnContext, stack: Stack) -> None:
        self._turn_context = turn_context
        self._dialogs = dialogs
        self._stack = stack
        self.services: dict[str, Any] = {}
        self.parent = None

    @cached_property
    def state(self) -> DialogStateManager:
        """botbuilder's view of the scopes."""
        return DialogStateManager(self)


class _Turn(TurnContext):  # type: ignore[misc]
    """A TurnContext whose Activity is built only for a dialog that asks for it."""

    def __init__(self, adapter: Adapter, scope: Scope) -> None:
        self._scope = scope
        self._activity: Activity | None = None
        self.adapter = adapter
        self.responses: list[Activity] = []
        self._services: dict[str, Any] = {}
        self._on_send_activities: list[Any] = []
        self._on_update_activity: list[Any] = []
        self._on_delete_activity: list[Any] = []
        self._responded = False
        self._turn_state: dict[str, Any] = {}
        self.buffered_reply_activities: list[Activity] = []
        self.turn_state[SCOPE] = scope

    @property
    def activity(self) -> Activity:
        """The message, as botbuilder's own dialogs read it."""
        if self._activity is None:
            self._activity = _activity(self._scope)
        return self._activity


def _activity(scope: Scope) -> Activity:
    inbound, address = scope.claim.inbound, scope.claim.address
    return Activity(
        type=ActivityTypes.message if inbound.kind in ("message", "press") else ActivityTypes.event,
        id=f"{scope.conversation}.{scope.claim.seq}",
        text=scope.pressed or inbound.text,
        channel_id=address.channel,
        locale=scope.locale,
        from_property=ChannelAccount(id=address.user, role="user"),
        recipient=ChannelAccount(id=address.connection, role="bot"),
        conversation=ConversationAccount(id=scope.conversation),
        timestamp=inbound.at,
    )


def _instance(id: str, state: dict[str, Any]) -> DialogInstance:
    return DialogInstance(id, state)


def _result(turn: Any) -> Any:
    return turn.result if turn is not None and turn.status == DialogTurnStatus.Complete else None


def _strict(value: Any, where: str) -> Any:
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, ListStyle):
        return {"$t": "ListStyle", "f": int(value)}
    if isinstance(value, Enum):
        return _strict(value.value, where)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise NotPlain(f"{where}: the key {key!r} is no text")
        return {key: _strict(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item, f"{where}[{at}]") for at, item in enumerate(value)]
    kind = type(value).__name__
    if _TAGGED.get(kind) is type(value):
        fields = {k: v for k, v in vars(value).items() if v is not None and k != "additional_properties"}
        return {"$t": kind, "f": {k: _strict(v, f"{where}.{k}") for k, v in fields.items()}}
    raise NotPlain(f"{where}: {kind}")


def _loose(value: Any) -> Any:
    if isinstance(value, list):
        return [_loose(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$t" not in value:
        return {key: _loose(item) for key, item in value.items()}
    if value["$t"] == "ListStyle":
        return ListStyle(str(value["f"]))
    return _TAGGED[value["$t"]](**{key: _loose(item) for key, item in value["f"].items()})
