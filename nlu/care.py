"""Messages that must not be missed: danger, a death, money trouble. Where in doubt these rules say yes."""

from __future__ import annotations

import re

_KIN = (
    r"(?:mums?|moms?|mothers?|dads?|fathers?|nans?|nanas?|grans?|grandma|grandad|granddad|grandmother"
    r"|grandfather|husbands?|husbnd"
    r"|hubby|wife|wifes|partners?|sons?|daughters?|brothers?|sisters?|aunts?|aunties?|uncles?|cousins?|friends?"
    r"|neighbours?"
    r"|boyfriends?|girlfriends?|baby|child|parents?|father in law|mother in law|stepdad|stepmum|in laws?"
    r"|flatmate|fiancee?)"
)
_WHO = (
    rf"(?:{_KIN}|he|she|they|hes|shes|theyve|who|whos|someone|somebody|(?:account )?(?:holder|owner)s?"
    r"|customer|person|lady|man|tenant)"
)
_DIED = (
    r"(?:die|died|dead|deceased|passed(?: away| on)?|passd(?: away)?|passing away|passed over|pased away"
    r"|gone and died)"
)

_DANGER = re.compile(
    r"\b(?:suicid\w*|kill(?:ing)? (?:myself|himself|herself)|(?:going to|gonna|wants to|will"
    r"|threatened to) kill me|(?:end|take|taking|ending) my (?:own )?life|end it all"
    r"|(?:want|wanna|going|ready|wish i could|better) (?:to |off )?(?:die|dead|be dead)\b(?! of)"
    r"|dont want to (?:live|be alive|be here any ?more|exist)|dont wanna (?:live|be here any ?more)|no (?:point"
    r"|reason) (?:in |to )?(?:living|live|life|go(?:ing)? on)"
    r"|self ?harm\w*|(?:hurt|hurting|harm|harming|cut|cutting) myself|cant (?:go on|cope|take it) ?(?:any ?more"
    r"|anymore)"
    r"|(?:hits|hit|beats|beat|hurts|hurt|attacked|strangled|raped|threatens|threatened|threatening) (?:me|us"
    r"|my kids|the kids)\b(?! with)"
    r"|domestic (?:abuse|violence)|abusive (?:ex|partner|husband|wife|boyfriend|girlfriend)|not safe (?:at home|here)"
    r"|(?:stalk\w*|following|tracking|spying on) (?:me\b|my (?:phone|location|calls|messages))|being (?:stalked"
    r"|threatened|abused|blackmailed)"
    r"|(?:scared|afraid|frightened|terrified) of (?:my|him|her|what he)|controls my (?:phone|money)"
    r"|(?:on|caught) fire|in flames|electric(?:al)? shock|electrocut\w*|spark(?:s|ing|ed)\b|burning smell"
    r"|smell(?:s|ing)? (?:of )?burning|smell gas"
    r"|smoke (?:is )?(?:coming|pouring|from|out)|(?:router|phone|charger|battery|hub|handset|socket) (?:is "
    r"|has |just |has just |keeps )*"
    r"(?:smoking|exploded|exploding|swelling|swollen|melted|melting|burning|burnt|overheating and)"
    r"|need an ambulance|(?:this|its) (?:is )?an emergency|call (?:the police|an ambulance|999)|(?:cable"
    r"|wire)s? (?:is |are )?(?:hanging|down|lying|loose) (?:down )?(?:in|on|over|across) the)"
)
_BEREAVEMENT = re.compile(
    rf"\b(?:{_WHO}(?: \w+){{0,3}}? {_DIED}\b|passed away|passd away|deceased|bereave\w*|(?:death"
    rf"|dead) (?:certificate|certifcate)"
    r"|(?<!sick to )death (?:in|of)\b|(?:report|reporting|notify|notified|notification|about|register) (?:you "
    r"|of |a |an |the )*death"
    r"|executors?\b|executrix|probate|next of kin|(?:will|estate) of (?:my|the|a|his|her)\b|\w+s estate\b|funeral"
    rf"|my (?:late|dead) (?:{_KIN})|\blate (?:{_KIN})|(?:lost|buried|losing) (?:my|our|her|his) (?:dear "
    rf"|lovely )?{_KIN}\b(?! phone|s phone)"
    r"|(?:is |are |are now |isnt )?no longer with us|widow(?:ed|er)?\b)"
)
_NOT_BEREAVED = re.compile(
    r"\b(?:phone|battery|router|handset|wifi|broadband|internet|signal|sim|line|connection|laptop|screen|tv|hub)s? "
    r"(?:\w+ ){0,3}?(?:die|died|dead|dying)\b"
)
_CANNOT_PAY = re.compile(
    r"\b(?:cant|cannot|cnt|can not|couldnt|could not|unable to|wont be able to|not able to"
    r"|not going to be able to|no way i can|dont think i can)"
    r" (?:really |even |actually |possibly |manage to )?(?:afford|pay\b(?! (?:by|with|via|online|through|using"
    r"|on the|in the|over the|here|you because))"
    r"|keep up|manage (?:this|the bill|my bill|it)|cover (?:it|this|the bill|my bill)|make (?:the|my|this) payment)"
    r"|\bafford\b(?=.*\b(?:cant|not|struggl\w*)\b)|(?:lost|losing) my job|redundan\w*|\bno (?:money|cash|income"
    r"|wages|savings)\b|\bskint\b"
    r"|\b(?:i am|im|were|totally|completely|absolutely|flat) broke\b"
    r"|(?:strug+e?l\w*|difficult\w*|hard|trouble|tough|problems?) (?:\w+ )?(?:to pay|paying|financially"
    r"|with (?:\w+ ){0,2}?(?:bills?|money|payments?|finances|debts?)|making (?:ends|the payment))"
    r"|strug+e?l\w* financially|money (?:problems?|troubles?|worries|is (?:really |so |very )?tight)"
    r"|moneys (?:really |so |very )?tight"
    r"|financial(?:ly)? (?:difficult\w*|hardship|trouble\w*|problems?|struggling|vulnerable|support)|cost of living"
    r"|payment (?:plan|arrangement|holiday|break)|(?:spread|split) (?:it|this|the|my|out|up)\b.{0,25}(?:cost"
    r"|payment|bill|month|smaller|bits|weeks|over)"
    r"|(?:pay|paying) .{0,20}(?:instal+ments?|in bits|bit by bit|a bit at a time)|breathing space|\barrears\b"
    r"|\b(?:in|got|more|drowning in|up to my (?:neck|eyes) in) debts?\b|debt (?:charity|advice|management"
    r"|collector\w*)|bailiffs?|step ?change"
    r"|behind (?:on|with) (?:my|the|a few|our|all)\b|(?:more|extra|longer|another|few more) (?:time|days?"
    r"|weeks?|week|month) to pay|universal credit|on (?:the )?(?:benefits|dole|esa|pip)"
    r"|(?:until|till|til) (?:i get paid|pay ?day|i am paid|im paid)|(?:not|havent|hasnt|aint) (?:been |getting "
    r"|got )paid\b|food ?bank"
    r"|missed (?:a|my|the|last|two|some)(?: \w+)? payments?|(?:delay|defer|postpone) (?:my|the|this"
    r"|paying)(?: \w+)?|pay (?:it )?(?:late|later)\b"
    r"|(?:cutting|cut) my hours|hours (?:got|been|were) cut|if i (?:dont|cant|cannot) pay"
)


def care(said: str) -> str | None:
    """danger, bereavement or cannot_pay where a message, already `plain`, speaks of it; the gravest first."""
    if _DANGER.search(said):
        return "danger"
    if _BEREAVEMENT.search(_NOT_BEREAVED.sub(" ", said)):
        return "bereavement"
    return "cannot_pay" if _CANNOT_PAY.search(said) else None
