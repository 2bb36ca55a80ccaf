"""Every setting, typed. `config.yml` at the root of the tree holds each with its meaning and default.

A value is taken from the environment first (`PARLEY_SERVER__PORT`, or `PARLEY_SECRET_FILE` naming a file with it), then
from the configuration file, then from `brand.yml` in the brand's folder, then from the default here.
"""

from __future__ import annotations

from bot.settings.channels import Channels, MessengerChannel, SlackChannel, TelegramChannel, WebChatChannel
from bot.settings.desk import DeskExternal, DeskHours, DeskLogin, DeskSettings
from bot.settings.identity import IdentitySettings, Provider
from bot.settings.kinds import HOME, Factory, Name, Number, Seconds, Section, Share, Shift, Url
from bot.settings.nlu import NluSettings, RasaSettings
from bot.settings.retention import RetentionSettings
from bot.settings.site import Brand, DialogSettings, LimitSettings, LogSettings, Server, StoreSettings, TextSettings
from bot.settings.whole import Settings

__all__ = [
    "HOME",
    "Brand",
    "Channels",
    "DeskExternal",
    "DeskHours",
    "DeskLogin",
    "DeskSettings",
    "DialogSettings",
    "Factory",
    "IdentitySettings",
    "LimitSettings",
    "LogSettings",
    "MessengerChannel",
    "Name",
    "NluSettings",
    "Number",
    "Provider",
    "RasaSettings",
    "RetentionSettings",
    "Seconds",
    "Section",
    "Server",
    "Settings",
    "Share",
    "Shift",
    "SlackChannel",
    "StoreSettings",
    "TelegramChannel",
    "TextSettings",
    "Url",
    "WebChatChannel",
]
