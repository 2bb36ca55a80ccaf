"""How well messages were read: shares, by intent, what was taken for what, and what another threshold would do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from nlu.data import Example
from nlu.model import OUT_OF_SCOPE

STEPS = 20


@dataclass(frozen=True, slots=True)
class Read:
    """One utterance as it was read. `intent` is what was accepted, "" where nothing was; `best` the best guess."""

    example: Example
    intent: str
    best: str
    confidence: float
    score: float
    """what the threshold is compared with; 0 where out of scope was the best guess"""


@dataclass(frozen=True, slots=True)
class Measure:
    """One intent: shares of 1. Precision is over what was read as it, recall over what means it."""

    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Misread:
    """One utterance that was not read as it was meant; `read` is "" where the bot would ask."""

    text: str
    meant: str
    read: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Step:
    """With this threshold: the share of what is in scope that is accepted and right, and of what is not, refused."""

    threshold: float
    in_scope_accepted_correct: float
    out_of_scope_recall: float


@dataclass(frozen=True, slots=True)
class Report:
    """Shares of 1. In scope an utterance is right, asked (nothing was sure enough) or wrong."""

    count: int
    accuracy: float
    """the best guess right, before any threshold, out of scope included"""
    macro_f1: float
    in_scope_accepted_correct: float
    asked: float
    wrong: float
    out_of_scope_recall: float
    """0 where nothing out of scope was tried"""
    spread: float = 0.0
    """the standard deviation of `runs`"""
    runs: tuple[float, ...] = ()
    """the accuracy of each fold or draw"""
    intents: dict[str, Measure] = field(default_factory=dict)
    confusions: tuple[tuple[str, str, int], ...] = ()
    """(meant, read, how often), the most frequent first; what was asked is not a confusion"""
    curve: tuple[Step, ...] = ()
    misread: tuple[Misread, ...] = ()

    @property
    def right(self) -> float:
        """The share of what is in scope that was accepted and right."""
        return self.in_scope_accepted_correct


def report(runs: Sequence[Sequence[Read]]) -> Report:
    """All readings of one or more runs, counted together."""
    reads = [read for run in runs for read in run]
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    misread: list[Misread] = []
    inside = [read for read in reads if read.example.intent != OUT_OF_SCOPE]
    outside = [read for read in reads if read.example.intent == OUT_OF_SCOPE]
    for read in reads:
        meant = read.example.intent
        said = read.intent or (OUT_OF_SCOPE if meant == OUT_OF_SCOPE else "")
        tally[meant]["count"] += 1
        if said:
            tally[said]["read"] += 1
        if said == meant:
            tally[said]["right"] += 1
        else:
            misread.append(Misread(read.example.text, meant, read.intent, read.confidence))
    intents = {name: _measure(counts) for name, counts in sorted(tally.items()) if counts["count"]}
    right = sum(read.intent == read.example.intent for read in inside)
    asked = sum(not read.intent for read in inside)
    accuracies = tuple(_accuracy(run) for run in runs if run)
    pairs = Counter((m.meant, m.read) for m in misread if m.read)
    return Report(
        count=len(reads),
        accuracy=fmean(accuracies) if accuracies else 0.0,
        macro_f1=_share(sum(m.f1 for m in intents.values()), len(intents)),
        in_scope_accepted_correct=_share(right, len(inside)),
        asked=_share(asked, len(inside)),
        wrong=_share(len(inside) - right - asked, len(inside)),
        out_of_scope_recall=_share(sum(not read.intent for read in outside), len(outside)),
        spread=stdev(accuracies) if len(accuracies) > 1 else 0.0,
        runs=accuracies,
        intents=intents,
        confusions=tuple((meant, said, n) for (meant, said), n in pairs.most_common()),
        curve=tuple(_step(n / STEPS, inside, outside) for n in range(STEPS + 1)),
        misread=tuple(misread),
    )


def was_right(read: Read) -> bool:
    """Whether the best guess is what was meant; out of scope it is enough that nothing was accepted."""
    return not read.intent if read.example.intent == OUT_OF_SCOPE else read.best == read.example.intent


def _accuracy(reads: Sequence[Read]) -> float:
    return _share(sum(was_right(read) for read in reads), len(reads))


def _step(threshold: float, inside: Sequence[Read], outside: Sequence[Read]) -> Step:
    kept = sum(read.best == read.example.intent and read.score >= threshold and read.score > 0 for read in inside)
    refused = sum(read.score < threshold or read.score == 0 for read in outside)
    return Step(threshold, _share(kept, len(inside)), _share(refused, len(outside)))


def _measure(counts: Counter[str]) -> Measure:
    precision, recall = _share(counts["right"], counts["read"]), _share(counts["right"], counts["count"])
    return Measure(counts["count"], precision, recall, _share(2 * precision * recall, precision + recall))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def render(found: Report, confusions: int = 15) -> str:
    """The report as a table for a terminal."""
    spread = f" ± {found.spread:.1%} over {len(found.runs)} runs" if len(found.runs) > 1 else ""
    lines = [
        f"{found.count} utterances; best guess right {found.accuracy:.1%}{spread}, macro F1 {found.macro_f1:.3f}",
        f"in scope: right {found.in_scope_accepted_correct:.1%}, asked {found.asked:.1%}, wrong {found.wrong:.1%}"
        f"; out of scope refused {found.out_of_scope_recall:.1%}",
        "",
        f"{'intent':44}{'count':>6}{'precision':>11}{'recall':>8}",
    ]
    lines += [f"{name:44}{m.count:6}{m.precision:11.1%}{m.recall:8.1%}" for name, m in found.intents.items()]
    lines += ["", "confused most often (meant, read as):"] if found.confusions else []
    for meant, read, n in found.confusions[:confusions]:
        samples = [m.text for m in found.misread if (m.meant, m.read) == (meant, read)][:3]
        lines.append(f"  {meant} as {read} ({n}): {' | '.join(samples)}")
    if OUT_OF_SCOPE in found.intents:
        lines += ["", "threshold   in scope right   out of scope refused"]
        lines += [
            f"{s.threshold:9.2f}{s.in_scope_accepted_correct:17.1%}{s.out_of_scope_recall:23.1%}"
            for s in found.curve[:: STEPS // 10]
        ]
    return "\n".join(lines)
