"""Sets a bot up and says what is so: token, commands, webhook or polling, and what a phone can open."""

from __future__ import annotations

from adapters.telegram.client import Client
from adapters.telegram.settings import TelegramSettings
from adapters.telegram.shape import opens
from bot.errors import SettingsError


async def connect(client: Client, settings: TelegramSettings, public_url: str) -> list[str]:
    """Set commands and the webhook (or none), then what there is to know, a line each.

    Raises `SettingsError` where a webhook is wanted without an https address, and the client's errors.
    """
    if settings.mode == "webhook" and not _reachable(public_url):
        raise SettingsError(
            f"server.public_url is {public_url}: Telegram posts only to https addresses that it can reach. Set "
            "PARLEY_PUBLIC_URL to one, or set channels.telegram.mode to polling."
        )
    me = await client.me()
    said = [f"The token works: it is @{me.username}'s."]
    await client.set_commands(settings.commands)
    said.append(f"Commands: {', '.join(f'/{name}' for name in settings.commands)}.")
    if settings.mode == "polling":
        await client.delete_webhook()
        said.append("Messages are fetched (polling) by the one process that `run` starts.")
    else:
        await client.set_webhook(public_url + settings.path)
    found = await client.webhook()
    if found.get("url"):
        said.append(f"Messages are posted to {found['url']}.")
    if found.get("pending_update_count"):
        said.append(f"{found['pending_update_count']} messages wait.")
    if found.get("last_error_message"):
        said.append(f"Telegram's last error: {found['last_error_message']}.")
    if not _reachable(public_url):
        said.append(
            f"Sign-in links begin with {public_url}, which opens on this machine alone. For a phone, set "
            "PARLEY_PUBLIC_URL to an https address."
        )
    said.append(f"Now start the server, open https://t.me/{me.username} on a phone and press Start.")
    said.append("In groups it answers mentions and commands; leave BotFather's /setprivacy as it is (enabled).")
    return said


def _reachable(public_url: str) -> bool:
    return public_url.startswith("https://") and opens(public_url)
