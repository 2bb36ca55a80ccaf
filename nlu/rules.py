"""Commands by rule: stop, a person, yes, no, a number. A rule takes a whole message, or a whole part of it."""

from __future__ import annotations

import re

from bot.model import Control
from nlu.afterthought import afterthought
from nlu.text import plain
from nlu.wordings import any_of

LONGEST_COMMAND = 120
"""Characters beyond which a message is a story, not a command."""

LONGEST_STORY = 1000
"""Characters beyond which no part of it is looked at."""

_LEAD = any_of("""
    please|pls|plz|hi|hello|hey|hiya|ok|okay|no|yes|look|just|sorry|right|actually|well|oh|so|now|but|then|and|thanks|mate
    urgently|wait|hang on|excuse me|ffs|for gods sake|for goodness sake
    i said|i asked|i just|can i just|cant i just
""")
_TAIL = any_of("""
    please|pls|plz|now|asap|today|instead|thanks|thank you|ta|cheers|here|mate|again|urgently|immediately|quickly|quick
    right now|right away|straight away|ffs|for once|if possible
    (about|regarding|re|who|that|because|cos) .{1,70}
""")

# Who is asked for. On its own only a word that can mean nothing else; behind "speak to" almost any.
_KIND = "(?:(?:a|an|the|your|ur|my|one of your|some|any|another|actual|real|live|human|proper|genuine|different) )*"
_SOLE = any_of("""
    human|humans|human being|person|real people|agent|agents|advisor|adviser|advisors|operator|representative|rep
    manager|supervisor|call handler|live chat agent|live chat with a person|someone real|somebody real|real someone
    customer (service|services|care|support)( (rep|reps|agent|advisor|adviser|team|person|representative))?
""")
_TEAM = any_of(
    """
    (the |your )?<topic>( (team|department|dept|people))?
""",
    topic=any_of("""
    billing|accounts|payments|collections|sales|retentions|complaints|cancellations|bereavement
    support|tech support|technical support|broadband|mobile|customer
"""),
)
_ANYONE = any_of(
    """
    (<who>|<team>)( (real|human|else|there|in charge|proper|higher up))?
    (<who>|<team>) (in|on|from|at) ((your|the|ur) )?\\w+( team| department)?
    """,
    who=any_of(
        """
        <sole>|people|someone|somebody|some one|sombody|anyone|anybody|staff|boss|team
        member of (your |the )?(staff|team)
        """,
        sole=_SOLE,
    ),
    team=_TEAM,
)
_MAY = any_of("""
    (can|could|may|will|would|cant|couldnt) (i|you|u|we|someone) (please |pls |just |not )?
    let me |how (do|can|would) i |i |
""")
_WISH = (
    "(?:(?:i|we|id|im|ill|really|just|do|would|rather|much|still|only|also|actually|desperately) )*(?:"
    + any_of("want|wanna|need|like|demand|insist on|insist|prefer|have|got|gotta|rather|asked|asking|trying|waiting")
    + "(?: to| 2| for)? )?"
)
_REACH = any_of("""
    (speak|speek|spk|spek|talk|tlk|chat|speaking|talking|chatting)( (to|with|2|too))?
    (put|pass|get) me (through |thru |over |on |on the phone |straight )*(to|2|with)
    (transfer|connect|escalate|redirect|send|hand)( me| this| it| us)?( over)? (to|with|2)
    get through to|get hold of|contact|reach
    (get|give|find|fetch)( me)?
""")
_HUMAN = re.compile(
    rf"(?:{_LEAD} )*"
    + any_of(
        """
        <kind><sole>( (help|support|assistance|chat))?
        (i |we )?<may><wish><reach> <kind><anyone>
        (i )?<wish><kind><sole>( to (help|(call|ring|contact|speak to) me|(sort|look at|deal with) this))?
        (isnt|is|are) there (a |an |any )?(real |live )?(humans?|person|people|agent)( (there|here|available))?
        (isnt|is|are) there (a |an |any )?(real )?<somebody>( there| else)? (that |who )?(i|we) (can|could) <speak>
        who can i (speak|talk) to
        ((can|could|will|would) (you|u|someone|somebody|anyone) )?(please |pls )?(call|ring|phone) me( back)?
        (i |id |i would )?(want|need|request|book|arrange|like)( to request)?( a)? (call ?back|phone call|call from you)
        call ?back
        live (agent|person|human|chat)
        (i )?(dont|do not|not) (want|wanna|like)( to)?( be)? ?<speak> <machine>
        not <machine>
        (stop|enough) .{0,30}\\b(bot|robot|machine)\\b.{0,20} <sole>
        """,
        kind=_KIND,
        sole=_SOLE,
        anyone=_ANYONE,
        may=_MAY,
        wish=_WISH,
        reach=_REACH,
        somebody=any_of("human|humans|person|people|agent|someone|somebody|anyone|anybody|no one"),
        speak="(?:speak|speaking|talk|talking|chat|chatting)(?: to| with)?",
        machine="(?:(?:a|an|this|another) )?(?:bot|robot|machine|computer|chatbot|chat bot|ai)s?",
    )
    + rf"(?: {_TAIL})*"
)
# "cancel it" and "yes cancel" may well mean the direct debit, so they are left to the open question.
_STOP = re.compile(
    any_of(
        """
        (no |wait |actually |oh )*cancel( please| pls)?
        (<lead> )*<stop>( <tail>)*
        """,
        lead=_LEAD,
        stop=any_of("""
            stop( stop)*|stop (it|this|that|now|all|everything|there|here)|sotp|stpo
            never ?mind|nvm|(just )?forget (it|that|about it|about that|i asked|i said anything)
            quit|exit|abort|unsubscribe|scrap (that|it)|drop it|dont bother|(it )?doesnt matter( now| any ?more)?
            (lets |can we |i want to )?(start (again|over)|restart|begin again)
            (ive |i have |i )?changed my mind
            (end|close|stop|finish) (this |the |our )?(chat|conversation|convo)
            stop (messaging|texting|contacting|bothering) me|stop sending me (messages|texts)
        """),
        tail=any_of("please|pls|plz|now|thanks|thank you|then|mate|doesnt matter|cheers|ta|for now|ok"),
    )
)
_LEFT_OPEN = re.compile(
    r"(?:(?:yes|yeah|ok|please|pls|just|so) )*cancel (?:it|that|this)(?: one)?(?: (?:please|pls|then|now))*"
)
_PARTS = re.compile(r"[.,;:!?\n]+|\b(?:and|but|or|so)\b", re.IGNORECASE)
_HINT = re.compile(
    any_of("""
        stop|sotp|stpo|mind|nvm|forget|quit|exit|abort|cancel|start|begin|scrap|drop it|bother|matter|chat|conv|unsub
        human|person|agent|advis|operator|rep|manager|supervisor|handler|customer|spe?e?a?k|talk|tlk|call|ring me|phone
        some ?one|somebody|sombody|anyone|people|staff|boss|team|billing|bot|machine|through|thru|real
    """)
)

_FILL = any_of("""
    please|pls|plz|mate|love|pal|then|all right|alright|hmm+|mm+|well|oh|um+|erm?|now|just|so|actually
    i think|for me|thats
""")
_THANKS = any_of("thanks|thank you|thank u|thx|ta|cheers|ty")
_WEAK = any_of(
    "ok|okay|k|kk|okey dokey|okie dokie|all right then|alright then|right|fine|great|cool|good|perfect|lovely"
)
_YES = any_of("""
    yes|yess+|yeah|yeh|yea|yep|yup|ya|yh|ye|yez|aye|y|sure|sure thing|sure am|👍|✅|👌|✔
    go on|go ahead|go for it|do it|do that|please do|carry on|crack on|proceed|continue|i want that
    i do|i am|im sure|i am sure|correct|exactly|indeed|absolutely|definitely|certainly|of course|course|affirmative
    thats (correct|right|the one|fine)|that is (right|correct)|that one|fine by me|sounds (good|right)
    confirm|i confirm|confirmed|agreed|i agree|why not|happy with that|too right|by all means
""")
_NO = any_of(
    """
    no|nope|nah+|naw|nay|n|no way|no chance|not (now|yet|really|today)|never|negative|👎|❌|🙅
    dont|do not|(dont|do not) (do|cancel) (it|that)|dont cancel
    (dont|do not|never) (cancel|stop|end) (my|the|that|this|any|those) ((mobile|phone|broadband|other) )?<debit>
    (i )?dont want (to|that|it)|i dont|i do not|i am not|im not
    (id )?rather not|better not|(im )?not sure|(absolutely|certainly|definitely|of course) not
    not (that|that one|it)|wrong|wrong one|thats wrong
    thats not (right|it)|that isnt right|thats the wrong one|incorrect
    none|none of (them|those|these)|neither|(leave|keep) it( as it is)?
""",
    debit=any_of("dds?|debits?|direct debits?|ones?"),
)
_AFFIRM = re.compile(
    any_of(
        """
        ((<fill>|<weak>|<thanks>) )*<yes>( (<yes>|<weak>|<fill>|<thanks>|cancel (it|that|that one)))*
        <weak>( (<weak>|<fill>))*
        """,
        fill=_FILL,
        weak=_WEAK,
        thanks=_THANKS,
        yes=_YES,
    )
)
_DENY = re.compile(
    any_of(
        "((<fill>|ok|okay|yeah|sorry|right|thanks) )*<no>( (<no>|<fill>|<thanks>|thats ok|im ok|im good|im fine))*",
        fill=_FILL,
        thanks=_THANKS,
        no=_NO,
    )
)

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_CARDINALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER = re.compile(
    r"(?!the one\b|its the one\b)"
    r"(?:please |the |number |option |choice |its |i want |ill have |(?:id )?go for |pick )*"
    rf"(?:(?P<digits>\d{{1,2}})(?:st|nd|rd|th)?|(?P<ordinal>{'|'.join(_ORDINALS)})|(?P<cardinal>{'|'.join(_CARDINALS)}))"
    r"(?: one| option| choice)?(?: please| pls| thanks| then)*"
)


def control(text: str) -> Control | None:
    """The command that the whole message gives, or a part of it that asks for a person. Cheap: it runs before a
    message is stored."""
    if len(text) > LONGEST_STORY:
        return None
    said = plain(text)
    # One search for any word that a command needs spares most messages the two long patterns.
    if not _HINT.search(said):
        return None
    if len(text) <= LONGEST_COMMAND:
        if _STOP.fullmatch(said):
            return "stop"
        if _HUMAN.fullmatch(said):
            return "human"
    wish = afterthought(text)
    return "human" if (wish and _asks(wish)) or any(_asks(part) for part in _PARTS.split(text)) else None


def _asks(part: str) -> bool:
    """Whether a part of a longer message asks for a person. A noun by itself may be anything in a list."""
    said = plain(part)
    return said.count(" ") >= 2 and len(said) <= LONGEST_COMMAND and bool(_HINT.search(said) and _HUMAN.fullmatch(said))


def left_open(intent: str, said: str) -> bool:
    """Whether a reading as a command goes too far: "cancel it" may well mean the direct debit."""
    return intent == "stop" and _LEFT_OPEN.fullmatch(said) is not None


def answer(said: str) -> str | None:
    """ "affirm" or "deny" where the whole message, already `plain`, is a yes or a no."""
    if len(said) > LONGEST_COMMAND:
        return None
    if _DENY.fullmatch(said):
        return "deny"
    return "affirm" if _AFFIRM.fullmatch(said) else None


def number(said: str) -> int | None:
    """The number that the whole message, already `plain`, picks: "2", "the second one", "option two"."""
    match = _NUMBER.fullmatch(said) if len(said) <= LONGEST_COMMAND else None
    if match is None:
        return None
    if match["digits"]:
        return int(match["digits"])
    if match["ordinal"]:
        return _ORDINALS.index(match["ordinal"]) + 1
    return _CARDINALS.index(match["cardinal"]) + 1
