"""Trains Rasa on a brand's examples; the model is kept under the hash of examples, pipeline and lock."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nlu.data import NluData
from nlu.errors import BadExamples
from nlu.rasa.command import clean, run
from nlu.rasa.environment import LOCK
from nlu.rasa.errors import RasaFailed
from nlu.rasa.examples import fingerprint, rasa_yaml
from nlu.rasa.watch import OWN

PIPELINE = Path(__file__).with_name("pipeline.yml")
KEPT = 3
"""How many models stay."""
_EPOCH = re.compile(r"\| (\d+)/(\d+) \[.*i_acc=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What Rasa is to learn: its two files' texts."""

    examples: str
    pipeline: str
    name: str
    """the model's, without an ending"""

    def write(self, folder: Path) -> None:
        """Put nlu.yml, config.yml and the model's name where Rasa's command finds them."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nlu.yml").write_text(self.examples, "utf-8")
        (folder / "config.yml").write_text(self.pipeline, "utf-8")
        (folder / "name").write_text(self.name, "utf-8")


def lesson(data: NluData, epochs: int, pipeline: Path = PIPELINE) -> Lesson:
    """What this data and pipeline make; the same always has the same name. Raises `BadExamples`."""
    set_up = yaml.safe_dump(_with_epochs(pipeline, epochs), sort_keys=False)
    made_of = hashlib.sha256(set_up.encode() + LOCK.read_bytes()).hexdigest()[:6]
    return Lesson(rasa_yaml(data), set_up, f"{OWN}{fingerprint(data)}-{made_of}")


def _with_epochs(pipeline: Path, epochs: int) -> dict[str, Any]:
    try:
        read = yaml.safe_load(pipeline.read_text("utf-8"))
        for component in read["pipeline"]:
            if component["name"] == "DIETClassifier":
                component.setdefault("epochs", epochs)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as wrong:
        raise BadExamples(f"{pipeline}: not a pipeline of Rasa's: {wrong}") from wrong
    assert isinstance(read, dict)
    return read


def train_command(python: Path, work: Path, models: Path, name: str) -> Sequence[str | Path]:
    """Rasa's own command for a lesson that was written into `work`."""
    return [
        python, "-m", "rasa", "train", "nlu", "--config", work / "config.yml", "--nlu", work / "nlu.yml",
        "--out", models, "--fixed-model-name", name,
    ]  # fmt: skip


async def train(python: Path, given: Lesson, folder: Path, tell: Callable[[str], None]) -> Path:
    """The model's file, trained where it is not there yet. Raises `RasaFailed`."""
    models, work = folder / "models", folder / "lesson"
    model = models / f"{given.name}.tar.gz"
    if model.exists():
        tell(f"The model of these examples is there: {model.name}")
        return model
    given.write(work)
    (folder / "home").mkdir(exist_ok=True)
    began = time.monotonic()
    tell("Training Rasa; reading the examples takes half a minute")
    # Under another name until it is whole: an interrupted training leaves nothing that looks like a model.
    draft = f"draft-{given.name}"
    command = train_command(python, work, models, draft)
    await run(command, folder / "training.log", _progress(tell), clean(folder / "home"))
    drafted = models / f"{draft}.tar.gz"
    if not drafted.exists():
        raise RasaFailed(f"It wrote no model; all it said is in {folder / 'training.log'}.")
    drafted.rename(model)
    for old in sorted(models.glob("*.tar.gz"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    tell(f"Trained in {time.monotonic() - began:.0f} s: {model.name}")
    return model


def _progress(tell: Callable[[str], None]) -> Callable[[str], None]:
    epoch, right = 0, 0.0

    def line(said: str) -> None:
        nonlocal epoch, right
        found = _EPOCH.search(said)
        if found is None:
            return
        # An epoch's first line still shows the share of the one before.
        if int(found[1]) > epoch > 0:
            tell(f"  epoch {epoch} of {found[2]}: {right:.1%} of the examples right")
        epoch, right = int(found[1]), float(found[3])

    return line
