"""What web chat can be told. Lengths in characters, sizes in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebChatSettings:
    """`secret` signs tokens; `site_secrets` are what a brand's own server presents to `tokens/generate`."""

    brand: str
    secret: bytes
    bot_name: str = "Assistant"
    connection: str = "webchat"
    public_url: str = ""
    """Where customers reach us, e.g. `https://chat.example.com`; empty: whatever the request names."""
    origins: tuple[str, ...] = ()
    """Other origins whose pages may speak Direct Line to us."""
    embed_origins: tuple[str, ...] = ()
    """Sites that may show the chat page in a frame."""
    site_secrets: tuple[str, ...] = ()
    """Two while one is being replaced; none: `tokens/generate` is off."""
    token_seconds: int = 1800
    stream_seconds: int = 60
    session_days: int = 30
    text: int = 16_000
    body: int = 256 * 1024
    upload: int = 10 * 1024 * 1024
    rate: float = 1.0
    """Posts a second that one customer may make on average."""
    burst: float = 20.0
    opens: float = 1.0
    """Chats a second that one network address may open on average, and how many at once."""
    opens_burst: float = 100.0
    uploads: float = 0.5
    """The same of uploads."""
    uploads_burst: float = 20.0
    sockets: int = 10_000
    """Sockets that this process holds open, in all and from one network address."""
    sockets_per_address: int = 100
    proxies: int = 0
    """How many proxies in front of us add to X-Forwarded-For."""
    events: frozenset[str] = frozenset({"webchat/join"})
    """Events a client may post; they are acknowledged and change nothing."""
    poll: float = 1.0
    keep_alive: float = 20.0
    slow: float = 10.0
    """How long one write to a socket may take before its reader counts as too slow."""
