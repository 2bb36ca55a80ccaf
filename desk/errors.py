"""Why a desk's request was refused."""

from __future__ import annotations

from bot.web.problems import Refused


class SignInFirst(Refused):
    """Please sign in to the desk."""

    status = 401
    code = "SignIn"


class NotAllowed(Refused):
    """That is not yours to do."""

    status = 403
    code = "Forbidden"


class Gone(Refused):
    """There is no such conversation at the desk, or it has ended."""

    status = 404
    code = "NotFound"


class Taken(Refused):
    """Somebody else was faster."""

    status = 409
    code = "Taken"


class Changed(Refused):
    """It has changed meanwhile; please look again."""

    status = 409
    code = "Changed"
