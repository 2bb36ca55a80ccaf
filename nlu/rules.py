"""Commands by rule: stop, a person, yes, no, a number. A rule takes the whole message or nothing, so it is sure."""

from __future__ import annotations

import re

from bot.model import Control
from nlu.text import plain

LONGEST_COMMAND = 120
"""Characters beyond which a message is a story, not a command."""

_LEAD = (
    r"(?:(?:please|pls|plz|hi|hello|hey|hiya|ok|okay|no|yes|look|just|sorry|right|actually|well|oh|so|now|but"
    r"|then|and"
    r"|mate|urgently|ffs|for gods sake|for goodness sake|i said|i asked|excuse me|wait|hang on|thanks"
    r"|can i just|cant i just"
    r"|i just) )*"
)
_TAIL = (
    r"(?: (?:please|pls|plz|now|asap|today|instead|thanks|thank you|ta|cheers|here|mate|again|urgently"
    r"|right now|right away"
    r"|straight away|immediately|quickly|quick|thank u|ffs|for once|at larkspur|if possible"
    r"|(?:about|regarding|re|who|that|because|cos) .{1,70}))*"
)

# Who is asked for: on its own only a word that can mean nothing else, behind "speak to" almost any.
_ADJECTIVE = (
    r"(?:(?:a|an|the|your|ur|my|one of your|some|any|another|actual|real|live|human|proper|genuine|different) )*"
)
_SERVICE = (
    r"customer (?:service|services|care|support)(?: (?:rep|reps|agent|advisor|adviser|team|person|representative))?"
)
_SOLE = (
    r"(?:human|humans|human being|person|agent|agents|advisor|adviser|advisors|operator|representative|rep|manager"
    rf"|supervisor|call handler|live chat agent|live chat with a person|someone real|somebody real|real someone"
    rf"|real people|{_SERVICE})"
)
_TEAM = (
    r"(?:the |your )?(?:billing|accounts|complaints|cancellations|support|tech support|technical support|sales"
    r"|retentions"
    r"|bereavement|collections|payments|broadband|mobile|customer)(?: (?:team|department|dept|people))?"
)
_ANYONE = (
    rf"(?:{_SOLE}|people|someone|somebody|some one|sombody|anyone|anybody|staff|boss|team|human beings"
    rf"|member of (?:your |the )?(?:staff|team)|{_TEAM})"
    r"(?: (?:real|human|else|there|in charge|proper|higher up|(?:in|on|from|at) (?:(?:your|the"
    r"|ur) )?\w+(?: team| department)?))?"
)
_MAY = (
    r"(?:(?:can|could|may|will|would|cant|couldnt) (?:i|you|u|we|someone) (?:please |pls |just |not )?|let me "
    r"|how (?:do|can|would) i |i )?"
)
_WISH = (
    r"(?:(?:i|we|id|im|ill|really|just|do|would|rather|much|still|only|also|actually|desperately) )*"
    r"(?:(?:want|wanna|need|like|demand|insist on|insist|prefer|prefer to|have|got|gotta|rather|asked|asking"
    r"|trying|waiting)"
    r"(?: to| 2| for)? )?"
)
_REACH = (
    r"(?:(?:speak|speek|spk|spek|talk|tlk|chat|speaking|talking|chatting)(?: (?:to|with|2|too))?"
    r"|(?:put|pass|get) me (?:through |thru |over |on |on the phone |straight )*(?:to|2|with)|(?:transfer"
    r"|connect|escalate|redirect|send|hand)"
    r"(?: me| this| it| us)?(?: over)? (?:to|with|2)|get through to|get hold of|get (?:me )?|give (?:me )?"
    r"|find (?:me )?"
    r"|contact|reach|fetch|fetch me) ?"
)
_HUMAN = re.compile(
    rf"{_LEAD}(?:"
    rf"{_ADJECTIVE}{_SOLE}(?: (?:help|support|assistance|chat))?"
    rf"|(?:i |we )?{_MAY}{_WISH}{_REACH}{_ADJECTIVE}{_ANYONE}"
    rf"|(?:i )?{_WISH}{_ADJECTIVE}{_SOLE}(?: to (?:help|call me|ring me|contact me|speak to me|sort this"
    rf"|look at this|deal with this))?"
    r"|(?:isnt|is|are) there (?:a |an |any )?(?:real |actual |live )?(?:human|humans|person|people"
    r"|agent)(?: there| here| available| around)?"
    r"|(?:isnt|is|are) there (?:a |an |any )?(?:real )?(?:human|humans|person|people|agent|someone|somebody"
    r"|anyone|anybody|no one)"
    r"(?: there| else| real)? (?:that |who )?(?:i|we) (?:can|could) (?:speak|talk|chat)(?: to| with)?"
    r"|who can i (?:speak|talk) to"
    r"|(?:(?:can|could|will|would) (?:you|u|someone|somebody|anyone) )?(?:please |pls )?(?:call|ring"
    r"|phone) me(?: back)?"
    r"|(?:i )?(?:want|need|request|book|arrange|like)(?: to request)?(?: a)? (?:call ?back|phone call"
    r"|call from (?:someone|you))"
    r"|call ?back|live (?:agent|person|human|chat)"
    r"|(?:i )?(?:dont|do not|not) (?:want|wanna|like)(?: to)?(?: be)? ?(?:speak|speaking|talk|talking|chat"
    r"|chatting)(?: to| with)?"
    r" (?:a |an |this |to a )?(?:bot|robot|machine|computer|chatbot|chat bot|ai)s?"
    r"|not (?:a |another )?(?:bot|robot|machine|chatbot)"
    rf"|(?:stop|enough) .{{0,30}}\b(?:bot|robot|machine)\b.{{0,20}} {_SOLE}"
    rf"){_TAIL}"
)
_STOP = re.compile(
    rf"(?:no |wait |actually |oh )*cancel(?: please| pls)?|{_LEAD}(?:stop(?: stop)*|stop (?:it|this|that|now"
    rf"|all|everything|there|here)|sotp|stpo|never ?mind|nvm|nevermind"
    # "cancel it" and "yes cancel" may well mean the direct debit, so they are left to the open question.
    r"|(?:just )?forget (?:it|that|about it|about that|i asked|i said anything)|quit|exit|abort"
    r"|(?:lets |can we |i want to )?(?:start (?:again|over)|restart|begin again)"
    r"|(?:ive |i have |i )?changed my mind|scrap (?:that|it)|drop it|dont bother|(?:it )?doesnt matter(?: now"
    r"| any ?more)?"
    r"|(?:end|close|stop|finish) (?:this |the |our )?(?:chat|conversation|convo)"
    r"|stop (?:messaging|texting|contacting|bothering) me|stop sending me (?:messages|texts)|unsubscribe)"
    r"(?: (?:please|pls|plz|now|thanks|thank you|then|mate|doesnt matter|cheers|ta|for now|ok))*"
)
_HINT = re.compile(
    r"stop|sotp|stpo|mind|nvm|forget|quit|exit|abort|cancel|start|begin|scrap|drop it|bother|matter|chat"
    r"|convers|convo"
    r"|unsubscribe|human|person|agent|advis|operator|rep|manager|supervisor|handler|customer|speak|speek|spe?k"
    r"|talk|tlk"
    r"|someone|somebody|anyone|sombody|some one|people|staff|boss|team|call|ring me|phone|billing|bot|machine"
    r"|through|thru|real"
)

_PLEASE = (
    r"please|pls|plz|mate|love|pal|then|all right|alright|hmm+|mm+|well|oh|um+|erm?|now|just|so|actually|i think"
    r"|for me|thats"
)
_THANKS = r"thanks|thank you|thank u|thx|ta|cheers|ty"
_WEAK = r"ok|okay|k|kk|okey dokey|okie dokie|all right then|alright then|right|fine|great|cool|good|perfect|lovely"
_YES = (
    r"yes|yess+|yeah|yeh|yea|yep|yup|ya|yh|ye|yez|aye|y|sure|sure thing|go on|go ahead|go for it|do it|do that"
    r"|please do|i do"
    r"|i am|im sure|i am sure|sure am|correct|thats correct|thats right|that is right|that is correct|thats the one"
    r"|that one|absolutely|definitely|certainly|of course|course|sounds good|sounds right|thats fine|fine by me"
    r"|confirm|i confirm|confirmed|agreed|i agree|carry on|crack on|proceed|continue|why not|happy with that"
    r"|exactly|indeed"
    r"|too right|by all means|affirmative|i want that|👍|✅|👌|✔"
)
_NO = (
    r"no|nope|nah+|naw|nay|n|no way|no chance|not now|not yet|not really|not today|never|negative|dont|do not"
    r"|dont do it"
    r"|dont do that|do not do it|do not do that|dont want to|i dont want to|i dont want that|i dont want it"
    r"|i dont|i do not|id rather not"
    r"|rather not|not that|not that one|not it|wrong|wrong one|thats wrong|thats not right|that isnt right|incorrect"
    r"|thats not it|thats the wrong one|none|none of them|none of those|none of these|neither|leave it"
    r"|leave it as it is"
    r"|keep it|keep it as it is|dont cancel it|dont cancel|do not cancel it|im not sure|not sure|absolutely not"
    r"|certainly not"
    r"|definitely not|of course not|better not|i am not|im not|👎|❌|🙅"
)
_AFFIRM = re.compile(
    rf"(?:(?:{_PLEASE}|{_WEAK}|{_THANKS}) )*(?:(?:{_YES})(?: (?:{_YES}|{_WEAK}|{_PLEASE}|{_THANKS}"
    r"|cancel (?:it|that|that one)))*)"
    rf"|(?:(?:{_WEAK})(?: (?:{_WEAK}|{_PLEASE}))*)"
)
_DENY = re.compile(
    rf"(?:(?:{_PLEASE}|ok|okay|yeah|sorry|right|thanks) )*(?:{_NO})(?: (?:{_NO}|{_PLEASE}|{_THANKS}|thats ok"
    rf"|im ok|im good|im fine))*"
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
    """The command that the whole message gives, if any. Cheap: it runs before a message is stored."""
    if len(text) > LONGEST_COMMAND:
        return None
    said = plain(text)
    # One search for any word that a command needs spares most messages the two long patterns.
    if not _HINT.search(said):
        return None
    if _STOP.fullmatch(said):
        return "stop"
    return "human" if _HUMAN.fullmatch(said) else None


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
