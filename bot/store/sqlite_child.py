"""The writing process: reads orders from its socket, carries out all that wait with one COMMIT, and answers.

It ends when the socket does, so it never outlives its store for longer than a group takes. What it has read it carries
out, also when the store's process was killed meanwhile; until then it holds the database's lock.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
from pathlib import Path
from typing import cast

from bot.errors import ParleyError
from bot.store import sqlite_open, sqlite_wire
from bot.store.sqlite_group import GROUP, carry_out
from bot.store.sqlite_orders import Order
from bot.tuning import tune

CHUNK = 1 << 18
"""Bytes that are read at once."""


def main(database: str, fsync: str, handle: str) -> int:
    """Serve the store at the other end of the socket `handle`."""
    # A terminal's Ctrl-C and a service manager's stop go to both; the store ends this one in its turn.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    with socket.socket(fileno=int(handle)) as line:
        try:
            con = sqlite_open.writer(Path(database), cast(sqlite_open.Fsync, fsync))
        except ParleyError as error:
            sys.stderr.write(f"The database's writer cannot start: {error}\n")
            return 1
        tune()
        try:
            heard = bytearray()
            while orders := _waiting(line, heard):
                outcomes, touched = carry_out(con, orders)
                line.sendall(sqlite_wire.answer(outcomes, touched))
        except ConnectionError:
            return 0  # The store has gone; whatever stands, stands.
        finally:
            con.close()
    return 0


def _waiting(line: socket.socket, heard: bytearray) -> list[Order]:
    """All orders that have come, once one has; none when the store has closed its end."""
    orders: list[Order] = []
    while not orders or (len(orders) < GROUP and select.select([line], [], [], 0)[0]):
        more = line.recv(CHUNK)
        if not more:
            break
        heard += more
        orders += map(sqlite_wire.ordered, sqlite_wire.bodies(heard))
    return orders


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
