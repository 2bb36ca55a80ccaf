"""Composes what runs beside the web server: turns, delivery, timers, retention, commands of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keeping
from bot import assembly
from bot.assembly import Parts
from bot.commanding import Commands, socket_of
from bot.delivery import Delivery, Sending
from bot.observe.counting import Counting
from bot.retention import Retention
from bot.routing import Thresholds
from bot.script.settling import EVERY, Settling
from bot.serving import Every, Worker
from bot.turn import Turns
from bot.unsure import Unsure

if TYPE_CHECKING:
    from auth import Auth
    from bot.bridge import Bridge
    from bot.dev.traces import Traces
    from bot.ports import Channel, Store
    from bot.script.scope import Host
    from channels import Pushed


def workers_of(
    host: Host,
    bridge: Bridge,
    auth: Auth,
    made: Parts,
    push: Mapping[str, Pushed],
    channels: Mapping[str, Channel],
    traces: Traces | None,
) -> dict[str, Worker]:
    """By name: each channel's own, turns, delivery, and what is swept."""
    limits, nlu = made.settings.limits, made.settings.nlu
    unsure = Unsure(host.store, host.clock, traces) if nlu.keep_unsure else None
    observer = Counting(unsure or traces)
    return {
        **{name: worker for one in push.values() for name, worker in one.workers().items()},
        "turns": Turns(
            host,
            bridge,
            lanes=limits.turns,
            thresholds=Thresholds(start=nlu.start, interrupt=nlu.interrupt, near=nlu.near, mention=nlu.mention),
            observer=observer,
        ),
        "delivery": Delivery(
            host.store,
            channels,
            host.clock,
            lanes=limits.sends,
            sending=Sending(lease=limits.send * 1.25, deadline=limits.send),
            observer=observer,
        ),
        "settling": Every(EVERY, "settling", Settling(host.store, host.clock, host.services).once),
        "timers": Every(limits.timers, "timers", lambda: host.store.due_timers(host.clock.now())),
        "logins": Every(5.0, "logins", auth.sweep),
        **({"unsure": Every(5.0, "unsure", unsure.write)} if unsure else {}),
        "retention": _retention(made, host.store),
        **_commands(made, host.store, auth),
    }


def _retention(made: Parts, store: Store) -> Retention:
    days = made.settings.retention.model_dump(exclude={"batch", "every"})
    return Retention(store, made.clock, days, batch=made.settings.retention.batch, every=made.settings.retention.every)


def _commands(made: Parts, store: Store, auth: Auth) -> dict[str, Worker]:
    """What an embedded database's one process does for the command line."""
    path = socket_of(made.settings.store_url)
    if path is None:
        return {}
    return {"commands": Commands(path, keeping.handlers(made, store, auth, assembly.secrets_of(made.settings)))}
