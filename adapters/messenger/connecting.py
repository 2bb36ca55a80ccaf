"""Sets a Page up and says what is so: token, webhook, subscription, first button, and what a phone can open."""

from __future__ import annotations

from adapters.messenger.graph import Graph
from adapters.messenger.settings import FIELDS, MessengerSettings
from adapters.messenger.shape import opens
from bot.errors import ParleyError, SettingsError


async def connect(graph: Graph, settings: MessengerSettings, public_url: str) -> list[str]:
    """Set the webhook, subscribe the Page, set the first button; then what there is to know, a line each.

    Raises `SettingsError` without an https address, and the Graph API's errors. The process must be running, since
    Meta asks it for the challenge.
    """
    if not opens(public_url) and not public_url.startswith("http://127.0.0.1:"):
        raise SettingsError(
            f"server.public_url is {public_url}: Meta posts only to https addresses that it can reach. Set "
            "PARLEY_PUBLIC_URL to one."
        )
    page = await graph.get(settings.page, fields="id,name")
    said = [f"The token works: it is the Page {page.get('name', settings.page)}'s."]
    callback = public_url + settings.path
    if settings.app_id:
        await _subscribe(graph, settings, callback)
        said.append(f"Meta posts to {callback}.")
    else:
        said.append(
            "channels.messenger.app_id is empty, so the webhook is yours to set: in the app's dashboard under "
            f"Messenger, Settings, Webhooks, give {callback} and a word of your own, the same as "
            "channels.messenger.verify_token."
        )
    await graph.post(f"{settings.page}/subscribed_apps", {"subscribed_fields": ",".join(FIELDS)})
    said.append(f"The Page tells of: {', '.join(FIELDS)}.")
    await graph.post("me/messenger_profile", {"get_started": {"payload": next(iter(settings.payloads), "GET_STARTED")}})
    said.append(f"Now open https://m.me/{settings.page} and press Get started.")
    said.append("Until Meta has reviewed the app, only people with a role in it are answered.")
    return said


async def _subscribe(graph: Graph, settings: MessengerSettings, callback: str) -> None:
    asked = {"object": "page", "callback_url": callback, "verify_token": settings.verify_token}
    try:
        await graph.post_as_app(f"{settings.app_id}/subscriptions", {**asked, "fields": ",".join(FIELDS)})
    except ParleyError as error:
        raise SettingsError(
            f"Meta did not take {callback} as the webhook {error.detail}: is the server running there, and are app_id "
            "and app_secret of one app?"
        ) from error
