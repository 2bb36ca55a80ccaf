"""What whoever adds a dialog, a channel or a backend tests it with."""

from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.testing.looking import Differs
from bot.testing.player import CHANNEL, MODES, Player
from bot.testing.run import play, run_files
from bot.testing.transcripts import Case, TranscriptError, read
from bot.testing.world import World

__all__ = [
    "CHANNEL",
    "MODES",
    "Case",
    "Differs",
    "Player",
    "ScriptedLogin",
    "SetClock",
    "TranscriptError",
    "World",
    "play",
    "read",
    "run_files",
]
