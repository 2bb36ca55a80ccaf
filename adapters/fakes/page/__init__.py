"""The page of the fake channels: four chats side by side."""

from adapters.fakes.page.site import Street

__all__ = ["Street"]
