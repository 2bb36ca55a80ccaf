"""Checks a bot's token and scopes and says what to click, since an app's own settings are changed at Slack alone."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from adapters.slack.client import Client
from adapters.slack.settings import EVENTS, SCOPES, SlackSettings
from bot.errors import SettingsError


async def connect(client: Client, settings: SlackSettings, public_url: str) -> list[str]:
    """What there is to know and to do, a line each. Raises `SettingsError` where Slack cannot reach us, send errors."""
    if settings.mode == "http" and not _reachable(public_url):
        raise SettingsError(
            f"server.public_url is {public_url}: Slack posts only to https addresses that it can reach. Set "
            "PARLEY_PUBLIC_URL to one, or set channels.slack.mode to socket."
        )
    me = await client.me()
    missing = [scope for scope in SCOPES if scope not in await client.scopes()]
    said = [f"The token works: it is @{me.name}'s in workspace {me.team}."]
    if missing:
        said.append(f"It lacks {', '.join(missing)}: add them under OAuth & Permissions and install the app again.")
    where = f"{public_url}{settings.path}"
    if settings.mode == "socket":
        said.append("Under Socket Mode: enable it. No address of ours is needed.")
    else:
        said.append(f"Under Event Subscriptions: Request URL {where}")
        said.append(f"Under Interactivity & Shortcuts: Request URL {where}")
    said.append(f"Under Event Subscriptions, bot events: {', '.join(EVENTS)}.")
    said.append("Under App Home: allow messages from the messages tab.")
    if not _reachable(public_url):
        said.append(
            f"Sign-in links begin with {public_url}, which opens on this machine alone. For others, set "
            "PARLEY_PUBLIC_URL to an https address."
        )
    said.append(f"Now start the server and write to @{me.name} in Slack.")
    return said


def _reachable(public_url: str) -> bool:
    found = urlsplit(public_url)
    host = found.hostname or ""
    if found.scheme != "https" or "." not in host:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return not host.endswith((".localhost", ".local", ".internal"))
