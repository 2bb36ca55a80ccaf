"""Messages that must not be missed: danger, a death, money trouble. Where in doubt these rules say yes."""

from __future__ import annotations

import re

from nlu.wordings import any_of

_KIN = any_of("""
    mums?|moms?|mothers?|dads?|fathers?|parents?|stepdad|stepmum|mother in law|father in law|in laws?
    nans?|nanas?|grans?|grandmas?|granddads?|grandads?|grandmother|grandfather
    husbands?|husbnd|hubby|wife|wifes|partners?|boyfriends?|girlfriends?|fiancee?
    sons?|daughters?|child|baby|brothers?|sisters?|aunts?|aunties?|uncles?|cousins?
    friends?|neighbours?|flatmate
""")
_WHO = any_of(
    "<kin>|he|she|they|hes|shes|who|whos|someone|somebody|(account )?(holder|owner)s?|customer|person", kin=_KIN
)
_DIED = r"(?:die|died|dead|deceased|passed(?: away| on)?|passd(?: away)?|pased away|passing away)"
_KIT = r"(?:phone|router|charger|battery|hub|handset|socket|plug|box)"
_PARTNER = r"(?:husband|wife|partner|ex|boyfriend|girlfriend|dad|he|she|hes|shes)"

_DANGER = re.compile(
    r"\b"
    + any_of(
        r"""
        suicid\w*
        self ?harm\w*
        kill(ing)? (myself|himself|herself)
        (hurt|hurting|harm|harming|cut|cutting) myself
        (end|ending|take|taking) my (own )?life
        end(ing)? it all
        want to end it$
        (want|wanna|going|ready|wish i could|better) (to |off )?(die|be dead|dead)\b(?! of)
        dont (want to|wanna) (live|be alive|exist|be here any ?more)
        no (point|reason) (in |to )?(living|live|life|going on)
        cant (go on|cope|take it) ?any ?more
        cant see (a|any) way out
        (going to|gonna|wants to|will|threatened to) kill (me|us)
        (hits|hit|beats|beat|hurts|hurt|attacked|strangled|raped) (me|us|my kids|the kids)\b(?! with)
        (threatens|threatened|threatening) (me|us|my kids|the kids)\b(?! with)
        being (stalked|threatened|abused|blackmailed)
        (stalk\w*|following|tracking|spying on) (me\b|my (phone|location|calls|messages))
        (scared|afraid|frightened|terrified) of (my|him|her)\b
        <partner> (is |gets )?violent
        controls my (phone|money)
        domestic (abuse|violence)
        abusive (relationship|<partner>)
        not safe (at home|here)
        in danger\b
        (been|got|am|is|someone) (badly |seriously )?hurt\b
        (this|its) (is )?an emergency
        need an ambulance
        call (the police|an ambulance|999)
        (on|caught) fire
        in flames
        electric(al)? shock
        electrocut\w*
        spark(s|ing|ed)\b
        burning smell
        smell(s|ing)? (of )?(burning|gas)
        smoke (is )?(coming|pouring|from|out)
        <kit> (is |has |just |keeps |getting |really |very |hot |and )*<burns>
        (cable|wire)s? (is |are )?(hanging|down|lying|loose) (down )?(in|on|over|across|off) the
        """,
        partner=_PARTNER,
        kit=_KIT,
        burns="(?:smoking|exploded|exploding|swelling|swollen|melted|melting|burning|burnt)",
    )
)
_BEREAVEMENT = re.compile(
    r"\b"
    + any_of(
        r"""
        <who>( \w+){0,3}? <died>\b
        has died$
        (passed|passd) away
        deceased
        bereave\w*
        (?<!sick to )death (in|of)\b
        (death|dead) (certificate|certifcate)
        (report|reporting|notify|notified|notification|about|register) (you |of |a |an |the )*death
        loss of (a|my|our) (loved|dear|<kin>)
        (lost|losing|buried) (my|our|her|his) (dear |lovely )?<kin>\b(?! phone)
        my (late|dead) <kin>
        late <kin>
        no longer with us
        executors?\b
        executrix
        probate
        next of kin
        (an|the|his|her|their|\w+s) estate\b
        (will|estate) of (my|the|a|his|her)\b
        funeral
        widow(ed|er)?\b
        """,
        who=_WHO,
        died=_DIED,
        kin=_KIN,
    )
)
_NOT_BEREAVED = re.compile(
    r"\b(?:phone|battery|router|handset|wifi|broadband|internet|signal|sim|line|connection|laptop|screen|tv|hub)s? "
    r"(?:\w+ ){0,3}?(?:die|died|dead|dying)\b"
)
_CANNOT_PAY = re.compile(
    r"\b"
    + any_of(
        r"""
        <cannot> (really |even |actually |possibly |manage to )?afford
        <cannot> (really |even |actually |possibly |manage to )?pay\b(?! <how>)
        <cannot> (really |even |actually |possibly )?keep up
        <cannot> (manage|cover) (it|this|the bill|my bill)
        <cannot> make (the|my|this) payment
        if i (dont|cant|cannot) pay
        (lost|losing) my job
        redundan\w*
        (cut|cutting) my hours
        hours (got|been|were) cut
        no (money|cash|income|wages|savings)\b
        skint\b
        (i am|im|were|totally|completely|absolutely|flat) broke\b
        (strugg?e?l\w*|difficult\w*|hard|trouble|tough|problems?) (\w+ )?(to pay|paying|financially|making ends)
        (strugg?e?l\w*|difficult\w*|trouble|problems?) (\w+ )?with (\w+ ){0,2}?(bills?|money|payments?|finances|debts?)
        money (problems?|troubles?|worries)
        (money is|moneys) (really |so |very )?tight
        financial(ly)? (difficult\w*|hardship|trouble\w*|problems?|struggling|vulnerable|support)
        cost of living
        payment (plan|arrangement|holiday|break)
        (spread|split) (it|this|the|my|out|up)\b.{0,25}(cost|payment|bill|month|smaller|bits|weeks|over)
        (pay|paying) .{0,20}(instal+ments?|in bits|bit by bit|a bit at a time)
        breathing space
        arrears\b
        (in|got|more|drowning in|up to my (neck|eyes) in) debts?\b
        debt (charity|advice|management|collector\w*)
        bailiffs?
        step ?change
        behind (on|with) (my|the|a few|our|all)\b
        (more|extra|longer|another|few more) (time|days?|weeks?|month) to pay
        (until|till|til) (i get paid|pay ?day|i am paid|im paid)
        (not|havent|hasnt|aint) (been |getting |got )paid\b
        universal credit
        on (the )?(benefits|dole|esa|pip)\b
        food ?bank
        missed (a|my|the|last|two|some)( \w+)? payments?
        (delay|defer|postpone) (my|the|this|paying)
        pay (it )?(late|later)\b
        """,
        how="(?:by|with|via|online|through|using|on the|in the|over the|here)",
        cannot=any_of(
            "cant|cannot|cnt|can not|couldnt|could not|unable to|(wont be|not|not going to be) able to|no way i can"
        ),
    )
)


def care(said: str) -> str | None:
    """danger, bereavement or cannot_pay where a message, already `plain`, speaks of it; the gravest first."""
    if _DANGER.search(said):
        return "danger"
    if _BEREAVEMENT.search(_NOT_BEREAVED.sub(" ", said)):
        return "bereavement"
    return "cannot_pay" if _CANNOT_PAY.search(said) else None
