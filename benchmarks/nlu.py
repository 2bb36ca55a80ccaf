"""Reading a message: the embedded recogniser beside real Rasa over HTTP, on the same sentences in one run.

The sentences are the brand's held-out file; latency and load are taken of those that no rule and no example settles, so
that each goes through the classifier. Each backend is measured by the same code in a process of its own. `rss_mb` is
of whatever reads (Rasa's processes; the embedded recogniser's, Python and all); `cold_start_s` runs from starting it,
trained, to its first reading. `cpu_ms` is the processor time of whatever reads and of the asking process for one
message: it says on a busy machine, too, what a reading costs. `loop_lag_p99_ms`: how late a timer of the asking process
is with 200 parses in flight. Figures depend on the machine; compare the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bot import assembly
from bot.configuration import load_settings
from bot.observe import configure
from bot.ports import Recogniser
from bot.settings import HOME, Settings
from bot.store.system_clock import SystemClock
from bot.tending import tended, tending
from bot.tuning import tune
from nlu.data import Example, load
from nlu.entities import EntityFinder
from nlu.evaluate import score
from nlu.exact import wordings
from nlu.front import Front
from nlu.rasa.__main__ import lesson_of
from nlu.rasa.environment import FOLDER, environment
from nlu.rasa.serving import answering, serving
from nlu.rasa.training import train

IN_FLIGHT = 200
TICK = 0.005
"""Seconds between two looks at the clock."""
ROOT = Path(__file__).resolve().parent.parent


def tell(line: str) -> None:
    """Progress goes to standard error: standard output is for the figures."""
    print(line, file=sys.stderr, flush=True)


def held_out(settings: Settings) -> list[Example]:
    """The brand's utterances that nothing was trained on."""
    return load([settings.brand_folder / "nlu" / "heldout.yml"]).examples


def for_the_classifier(settings: Settings) -> list[str]:
    """Those of them that neither a rule nor an example settles."""
    data = load(assembly.nlu_files(settings))
    today = SystemClock().now().date()
    front = Front(EntityFinder(data, lambda: today), wordings(data.examples))
    return [one.text for one in held_out(settings) if front.read(one.text).intent is None]


# One backend, in a process of its own


async def measured(settings: Settings, began: float, rounds: int, reader: int) -> dict[str, Any]:
    """Every figure of the backend that the settings name. `began`: when this process was started, by time.time();
    `reader`: the process that reads, 0 where this one sees to that."""
    made = assembly.parts(settings)
    texts = for_the_classifier(settings)
    recogniser = await asyncio.to_thread(assembly.recogniser_of, made, tell)
    async with tending(recogniser), _kept_going(recogniser):
        first = await recogniser.parse(texts[0])
        cold = time.time() - began
        for text in texts:
            await recogniser.parse(text)
        read_by = {os.getpid(), reader} - {0}
        before = sum(map(_processor, read_by))
        alone = await _one_by_one(recogniser, texts * rounds)
        processor = sum(map(_processor, read_by)) - before
        many, lags, backends = await _in_flight(recogniser, texts, rounds)
        rss = _resident(os.getpid())
        report = await score(recogniser, held_out(settings))
    return {
        "backend": first.backend,
        "model": first.model,
        "p50_ms": round(statistics.median(alone) * 1e3, 3),
        "p99_ms": round(_share(alone, 0.99) * 1e3, 3),
        "cpu_ms": round(processor / len(alone) * 1e3, 3),
        "requests_per_s": round(len(alone) / sum(alone), 1),
        "requests_per_s_in_flight": round(many, 1),
        "loop_lag_p50_ms": round(statistics.median(lags) * 1e3, 2),
        "loop_lag_p99_ms": round(_share(lags, 0.99) * 1e3, 2),
        "read_in_flight_by": backends,
        "rss_mb": rss,
        "cold_start_s": round(cold, 2),
        "accuracy": round(report.accuracy, 4),
        "right": round(report.in_scope_accepted_correct, 4),
        "asked": round(report.asked, 4),
        "wrong": round(report.wrong, 4),
        "out_of_scope_recall": round(report.out_of_scope_recall, 4),
    }


@asynccontextmanager
async def _kept_going(recogniser: Recogniser) -> AsyncIterator[None]:
    behind = tended(recogniser).values()
    going = [asyncio.create_task(one.run()) for one in behind]
    try:
        yield
    finally:
        for one in behind:
            await one.stop()
        await asyncio.gather(*going)


async def _one_by_one(recogniser: Recogniser, texts: Sequence[str]) -> list[float]:
    seconds = []
    for text in texts:
        began = time.perf_counter()
        await recogniser.parse(text)
        seconds.append(time.perf_counter() - began)
    return seconds


async def _in_flight(
    recogniser: Recogniser, texts: Sequence[str], rounds: int
) -> tuple[float, list[float], dict[str, int]]:
    """Parses a second with `IN_FLIGHT` always under way, how late the clock was meanwhile, and who read."""
    waiting = list(texts) * max(rounds, 2 * IN_FLIGHT // len(texts) + 1)
    total, lags, backends = len(waiting), list[float](), dict[str, int]()

    async def customer() -> None:
        while waiting:
            read = await recogniser.parse(waiting.pop())
            backends[read.backend] = backends.get(read.backend, 0) + 1

    async def clock() -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            lags.append(max(0.0, time.perf_counter() - due))

    ticking = asyncio.create_task(clock())
    await asyncio.sleep(TICK * 4)
    lags.clear()
    began = time.perf_counter()
    await asyncio.gather(*(customer() for _ in range(IN_FLIGHT)))
    took = time.perf_counter() - began
    await asyncio.sleep(TICK * 2)
    ticking.cancel()
    return total / took, lags, backends


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _resident(pid: int) -> float:
    """Megabytes of a process and all it started."""
    whole = psutil.Process(pid)
    return round(sum(one.memory_info().rss for one in (whole, *whole.children(recursive=True))) / 1e6, 1)


def _processor(pid: int) -> float:
    """Seconds of processor time that a process and all it started have had."""
    whole = psutil.Process(pid)
    times = [one.cpu_times() for one in (whole, *whole.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


# Both, one after the other


async def apart(config: Path, rounds: int, reader: int = 0, **given: str) -> dict[str, Any]:
    """`measured` in a fresh process with these settings."""
    command = [sys.executable, "-m", "benchmarks.nlu", "--measure", str(time.time()), "--rounds", str(rounds)]
    command += ["--reader", str(reader)]
    process = await asyncio.create_subprocess_exec(
        *command, "--config", str(config), cwd=ROOT, env=os.environ | given, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    figures: dict[str, Any] = msgspec.json.decode(out)
    return figures


async def embedded(settings: Settings, config: Path, rounds: int) -> dict[str, Any]:
    """The embedded recogniser, trained beforehand."""
    await asyncio.to_thread(assembly.recogniser_of, assembly.parts(_of(settings, "embedded")), tell)
    return await apart(config, rounds, PARLEY_NLU__BACKEND="embedded")


async def rasa(settings: Settings, config: Path, rounds: int, folder: Path, port: int) -> dict[str, Any]:
    """Real Rasa, trained beforehand, started for this."""
    python = await environment(tell, folder)
    model = await train(python, lesson_of(settings), folder, tell)
    given = settings.nlu.rasa.model_copy(update={"url": f"http://127.0.0.1:{port}"})
    async with serving(python, model, folder, port=port) as process:
        cold = await answering(process, given)
        figures = await apart(
            config,
            rounds,
            process.pid,
            PARLEY_NLU__BACKEND="rasa",
            PARLEY_NLU__RASA__URL=given.url,
            # All wait for Rasa; nothing is read by anybody else.
            PARLEY_NLU__RASA__TIMEOUT="60",
        )
        figures |= {"rss_mb": _resident(process.pid), "cold_start_s": round(cold, 2)}
    return figures | {"epochs": settings.nlu.rasa.epochs}


def _of(settings: Settings, backend: str) -> Settings:
    return settings.model_copy(update={"nlu": settings.nlu.model_copy(update={"backend": backend})})


def report(settings: Settings, found: dict[str, dict[str, Any]], rounds: int) -> dict[str, Any]:
    """Both, and what one is of the other."""
    whole: dict[str, Any] = {"cores": os.cpu_count(), "in_flight": IN_FLIGHT, "rounds": rounds}
    whole["sentences"] = len(for_the_classifier(settings))
    whole |= found
    if len(found) == 2:
        ours, theirs = found["embedded"], found["rasa"]
        for key in ("p50_ms", "p99_ms", "cpu_ms", "cold_start_s", "rss_mb"):
            whole[f"{key.rpartition('_')[0]}_ratio"] = round(ours[key] / theirs[key], 3)
    return whole


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nlu", description=__doc__)
    parser.add_argument("--config", type=Path, default=HOME / "config.yml")
    parser.add_argument("--backend", choices=["both", "embedded", "rasa"], default="both")
    parser.add_argument("--rounds", type=int, default=5, help="how often the sentences are read one by one")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="Rasa's environment and models")
    parser.add_argument("--port", type=int, default=5015, help="where Rasa listens meanwhile")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--reader", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    tune()
    configure(level="WARNING")
    settings = load_settings(asked.config)
    if asked.measure:
        figures = asyncio.run(measured(settings, asked.measure, asked.rounds, asked.reader))
        print(msgspec.json.encode(figures).decode())
        return
    wanted: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "embedded": lambda: embedded(settings, asked.config, asked.rounds),
        "rasa": lambda: rasa(settings, asked.config, asked.rounds, asked.folder.resolve(), asked.port),
    }

    async def run() -> dict[str, dict[str, Any]]:
        return {name: await one() for name, one in wanted.items() if asked.backend in (name, "both")}

    whole = report(settings, asyncio.run(run()), asked.rounds)
    if asked.json:
        print(msgspec.json.encode(whole).decode())
        return
    for name, value in whole.items():
        lines = [f"  {key:<26} {one}" for key, one in value.items()] if isinstance(value, dict) else []
        print("\n".join([f"{name}:" if lines else f"{name:<28} {value}", *lines]))


if __name__ == "__main__":
    main()
