"""A desk in the middle of a busy morning, for tests and pictures: every kind of line, every state of a case."""

from __future__ import annotations

from typing import Any

from tests.browser.desk_data import Json, ago, ahead
from tests.browser.fake_desk import FakeDesk

AMARA = {"id": "amara", "name": "Amara Cole"}
TOM = {"id": "tom", "name": "Tom Reed"}


def scene(desk: FakeDesk, agent: Json = AMARA) -> None:
    """Fill a desk: `m1` is the agent's and has everything in it; `w1` to `w3` wait; `o1` is Tom's; `s1` sleeps."""
    _long(desk, agent)
    desk.add(
        "w1",
        urgency=3,
        reason="danger",
        reason_label="Danger",
        who="Not signed in",
        since=ago(14),
        last=_last("I can’t go on"),
    )
    desk.add(
        "w2",
        reason="dispute_charge",
        reason_label="Disputes a charge",
        channel="messenger",
        who="Customer ending 07",
        since=ago(412),
        at_risk=True,
        skill="billing",
        last=_last("I never made those calls"),
        offered_to=agent,
    )
    desk.add(
        "w3",
        channel="telegram",
        who="Customer ending 44",
        since=ago(96),
        viewers=[{**TOM, "typing": False}],
        last=_last("human please"),
    )
    desk.add(
        "s1",
        state="snoozed",
        snoozed_until=ahead(1500),
        holder=agent,
        reason_label="Fault",
        reason="fault",
        who="Customer ending 12",
    )
    desk.add(
        "o1",
        state="held",
        holder=TOM,
        reason_label="Complaint",
        channel="slack",
        who="Customer ending 31",
        last=_last("Thanks, Tom", "customer"),
    )
    approval = {
        "id": "a1",
        "case": "o1",
        "act": "goodwill",
        "amount": 5000,
        "by": TOM,
        "reason": "Third engineer visit missed",
        "text": "",
        "asked_at": ago(130),
        "state": "waiting",
        "decided_by": None,
    }
    desk.approvals.append(approval)
    figures: Json = {
        "handoffs": 48,
        "waiting_p50": 41,
        "waiting_p90": 190,
        "first_response_p50": 66,
        "first_response_p90": 260,
        "resolution_p50": 840,
        "resolution_p90": 2900,
        "returned": 21,
        "rehandoffs": 2,
        "abandoned": 3,
        "resolved": 22,
        "csat": {"asked": 20, "answered": 11, "mean": 4.4},
    }
    desk.groups = [
        {"by": "all", "name": "all", **figures},
        *(
            {"by": "reason", "name": name, **figures, "handoffs": n}
            for name, n in (("asked", 30), ("dispute_charge", 18))
        ),
        *(
            {"by": "channel", "name": name, **figures, "handoffs": n}
            for name, n in (("webchat", 29), ("messenger", 19))
        ),
        {"by": "tariff", "name": "SIM only", **figures, "handoffs": 26},
    ]


def _last(text: str, side: str = "customer") -> Json:
    return {"side": side, "text": text, "at": ago(12)}


def _long(desk: FakeDesk, agent: Json) -> None:
    held = desk.add(
        "m1",
        state="held",
        holder=agent,
        reason="debit_locked",
        reason_label="Direct Debit locked",
        skill="billing",
        reference="LM-9TR4K2A",
        who="Customer ending 02",
        since=ago(900),
        unread=0,
        channel="messenger",
        viewers=[{**TOM, "typing": False}],
    )
    held["more"] = "1"
    held["older"] = [{**desk.line("m1", "customer", "An earlier question"), "pos": 0, "at": ago(200_000)}]
    held["lines"].clear()

    def line(seconds: float, side: str, text: str = "", **more: Any) -> None:
        desk.line("m1", side, text, at=ago(seconds), **more)

    line(96_000, "customer", "what’s my bill", channel="webchat", conversation="v-old")
    line(
        95_990,
        "bot",
        "Your October bill is £61.20, due 30 November.",
        channel="webchat",
        conversation="v-old",
        status="sent",
    )
    line(1_200, "customer", "cancel my direct debit")
    line(
        1_199,
        "bot",
        "Which one?",
        choices=["Home broadband, £31.00", "Phone insurance ending 305, £7.00"],
        status="sent",
    )
    line(1_150, "customer", "Home broadband, £31.00", kind="press")
    line(1_149, "bot", "", link="Approve", status="sent", text_id="host.approve")
    line(
        1_000,
        "bot",
        "That Direct Debit can’t be changed for another 11 days, because a payment is being taken.",
        status="sent",
    )
    line(905, "customer", "I need to talk to someone")
    line(902, "bot", "Cancel Home broadband, £31.00 a month?", kind="withheld", status="withheld")
    line(900, "system", "Amara from Larkspur has joined.", kind="event")
    line(
        880,
        "agent",
        "Hello Mrs Hale, I’m Amara. I can see the lock; let me check what we can do.",
        author="Amara",
        by=agent["id"],
        status="sent",
    )
    line(
        600,
        "agent",
        "Bank file went out this morning, so the lock is real. Offer a credit for the £31?",
        author="Amara",
        by=agent["id"],
        kind="note",
        pos="n12",
    )
    line(
        500,
        "customer",
        "",
        kind="file",
        file={
            "id": "f9",
            "name": "letter.pdf",
            "type": "application/pdf",
            "size": 48_213,
            "url": "/desk/api/cases/m1/files/f9",
        },
    )
    line(
        420,
        "bot",
        "",
        card={
            "title": "Home broadband",
            "text": "Direct Debit",
            "rows": [["Monthly", "£31.00"], ["Locked until", "3 December"]],
        },
        status="sent",
    )
    line(
        300,
        "agent",
        "I can credit the £31 today, and cancel it on the 3rd. Would that help?",
        author="Amara",
        by=agent["id"],
        status="sent",
    )
    line(40, "customer", "Yes please, that would be kind.\nWill I get it in writing?")
    line(
        20,
        "agent",
        "You will.",
        author="Amara",
        by=agent["id"],
        status="dead",
        reason="Messenger: this person isn’t available right now (551)",
    )
    held["context"].update(
        summary=[
            "Wants to cancel the Home broadband Direct Debit (£31.00).",
            "It is locked for 11 days while a payment is taken.",
            "Approved at 10:42; tried once, refused by the bank rules.",
        ],
        conversations=[
            {"id": "v-m1", "channel": "messenger", "last_at": ago(40), "current": True},
            {"id": "v-old", "channel": "webchat", "last_at": ago(95_990), "current": False},
        ],
        trail=[
            {"at": ago(96_000), "intent": "bill", "text": "what’s my bill"},
            {"at": ago(1_200), "intent": "cancel_direct_debit", "text": "cancel my direct debit"},
        ],
        open=[
            {
                "dialog": "cancel_direct_debit",
                "title": "Cancel a Direct Debit",
                "step": "sure",
                "top": True,
                "question": "Cancel Home broadband, £31.00 a month?",
                "answers": [{"name": "service", "value": "Home broadband"}],
            }
        ],
        effects=[
            {
                "at": ago(1_010),
                "function": "debits.cancel",
                "status": "failed",
                "reference": None,
                "by": "bot",
                "reason": "locked until 3 December",
            },
            {
                "at": ago(200),
                "function": "credits.grant",
                "status": "done",
                "reference": "GW-2210",
                "by": "Amara",
                "reason": None,
            },
        ],
        failed=[{"at": ago(1_010), "what": "Cancelling: the mandate is locked"}],
        cases=[
            {"reference": "LM-7QX21AB", "reason_label": "Fault", "opened": ago(4_000_000), "closed": ago(3_900_000)}
        ],
        suggested={
            "dialog": "cancel_direct_debit",
            "title": "Cancel a Direct Debit",
            "answers": {"service": "Home broadband"},
        },
        window={"state": "open", "closes_at": ahead(83_000), "human_agent": False, "human_agent_until": None},
    )
