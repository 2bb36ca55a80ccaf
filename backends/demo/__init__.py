"""The demo backend: what the demo brand's dialogs act on, in its own database file with its own transactions."""

from backends.demo.backend import AuditRow, DemoBackend, build
from backends.demo.factory import accounts, agent_acts, billing, close_all, direct_debits, payg, personas, shared
from backends.demo.failures import MODES, Failures, Mode
from backends.demo.fixtures import from_lines, happen, understands
from backends.demo.people import Persona

__all__ = [
    "MODES",
    "AuditRow",
    "DemoBackend",
    "Failures",
    "Mode",
    "Persona",
    "accounts",
    "agent_acts",
    "billing",
    "build",
    "close_all",
    "direct_debits",
    "from_lines",
    "happen",
    "payg",
    "personas",
    "shared",
    "understands",
]
