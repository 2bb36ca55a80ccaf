"""A strict OpenID Connect provider for demonstrations and tests; never for real customers."""

from __future__ import annotations

from auth.demo_idp.faults import Faults
from auth.demo_idp.provider import DemoIdp
from auth.demo_idp.state import DemoClient

__all__ = ["DemoClient", "DemoIdp", "Faults"]
