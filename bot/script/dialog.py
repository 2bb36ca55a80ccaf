"""A replayed dialog as botbuilder sees it: a `Dialog` whose state is the frame."""

from __future__ import annotations

from typing import Any

from botbuilder.dialogs import Dialog, DialogContext, DialogReason, DialogTurnResult

from bot.errors import DialogError
from bot.script.engine import drive
from bot.script.frame import Frame, new_frame, run_id, stop_waiting
from bot.script.outcomes import Calls, Ended, Restart, Waits
from bot.script.registry import DialogSpec
from bot.script.scope import Scope
from bot.script.values import to_plain
from bot.script.versions import at_version, code_of

SCOPE = "parley.scope"
AGAINS = 100
"""How often one turn may run into `c.again` before the dialog is taken for one that never waits."""


class ScriptDialog(Dialog):  # type: ignore[misc]
    """Hosts one registered dialog on botbuilder's stack."""

    def __init__(self, spec: DialogSpec) -> None:
        super().__init__(spec.id)
        self.spec = spec

    async def begin_dialog(self, dc: DialogContext, options: object = None) -> DialogTurnResult:
        """Start a run; `options` are the dialog's arguments."""
        scope: Scope = dc.context.turn_state[SCOPE]
        run = run_id(scope.conversation, scope.claim.seq, f"{scope.place}/{len(dc.stack)}", self.id)
        guesses, scope.guesses = scope.guesses, {}
        args = options if isinstance(options, dict) else {}
        frame = new_frame(version=self.spec.version, code=code_of(self.spec), run=run, args=args, guesses=guesses)
        dc.active_dialog.state = frame
        return await self._go(dc, frame, scope)

    async def continue_dialog(self, dc: DialogContext) -> DialogTurnResult:
        """Go on with what the turn carries: a message to be tried as an answer, or nothing."""
        return await self._go(dc, dc.active_dialog.state, dc.context.turn_state[SCOPE])

    async def resume_dialog(self, dc: DialogContext, reason: DialogReason, result: object) -> DialogTurnResult:
        """The dialog that this one called has returned."""
        frame: Frame = dc.active_dialog.state
        entry = frame["j"].get(frame.get("w"))
        if entry is not None and entry["s"] == "c":
            plain = to_plain(result, f"{self.id}: {frame['w']}")
            frame["j"][frame["w"]] = {"s": "d", "r": plain, "a": entry["a"]}
            stop_waiting(frame)
        return await self._go(dc, frame, dc.context.turn_state[SCOPE])

    async def _go(self, dc: DialogContext, frame: Frame, scope: Scope) -> DialogTurnResult:
        spec = at_version(self.spec, frame, scope)
        if spec is None:
            return await dc.end_dialog(None)
        for _ in range(AGAINS):
            feed, scope.feed = scope.feed, None
            step = await drive(spec, frame, scope, feed)
            if isinstance(step, Waits):
                scope.trace.update(dialog=self.id, step=frame.get("w", ""))
                return Dialog.end_of_turn
            if isinstance(step, Ended):
                return await dc.end_dialog(step.value)
            if isinstance(step, Calls):
                return await dc.begin_dialog(step.dialog, dict(step.args))
            assert isinstance(step, Restart)
            if step.args is not None:
                _again(frame, step.args)
        raise DialogError(f"{self.id} began anew {AGAINS} times in one turn and waited for nothing.")


def _again(frame: Frame, args: Any) -> None:
    frame["gen"] += 1
    frame["args"] = dict(args)
    frame["j"] = {}
    frame.pop("g", None)
    stop_waiting(frame)
