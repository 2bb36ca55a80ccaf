"""Setting Rasa up: which Python, which examples, what a model is called, what is said when something fails."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from nlu.data import load
from nlu.errors import BadExamples
from nlu.rasa import environment
from nlu.rasa.__main__ import main
from nlu.rasa.command import clean, run
from nlu.rasa.errors import NoPython310, NoUv, RasaFailed
from nlu.rasa.examples import fingerprint, rasa_yaml
from nlu.rasa.python310 import find_python, installed, is_python
from nlu.rasa.training import PIPELINE, lesson, train

BRAND = Path(__file__).parents[2] / "brands" / "larkspur" / "nlu" / "nlu.yml"

SAMPLE = """version: "3.1"
nlu:
- intent: bill
  examples: |
    - show my bill
    - the [mobile](service) one: "now" - please #1
    - my [landline]{"entity": "service", "value": "phone"}
- intent: "yes"
  examples: |
    - oui
- synonym: broadband
  examples: |
    - wifi
- lookup: service
  examples: |
    - mobile
- regex: reference
  examples: |
    - \\bDD-\\d{4}\\b
"""


def python_that_says(folder: Path, words: str, name: str = "python3.10", code: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho {words}\nexit {code}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


# Which Python


def test_the_named_python_comes_first(tmp_path: Path) -> None:
    named = python_that_says(tmp_path / "named", "3.10", "mine")
    on_path = python_that_says(tmp_path / "bin", "3.10")
    environ = {"PATH": f"{on_path.parent}:{os.defpath}", "HOME": str(tmp_path)}
    assert find_python(environ) == on_path
    assert find_python(environ | {"PARLEY_PYTHON310": str(named)}) == named


def test_a_named_python_that_is_none_is_not_replaced_in_silence(tmp_path: Path) -> None:
    on_path = python_that_says(tmp_path / "bin", "3.10")
    other = python_that_says(tmp_path / "named", "3.11")
    for named in (other, tmp_path / "nowhere"):
        with pytest.raises(NoPython310, match=f"PARLEY_PYTHON310 names {named}"):
            find_python({"PATH": f"{on_path.parent}:{os.defpath}", "PARLEY_PYTHON310": str(named)})


def test_a_shim_that_only_says_it_is_not_there_is_passed_over_for_pyenvs_newest(tmp_path: Path) -> None:
    shims = python_that_says(tmp_path / "shims", "pyenv: python3.10: command not found", code=127).parent
    python_that_says(tmp_path / ".pyenv" / "versions" / "3.10.2" / "bin", "3.10")
    newest = python_that_says(tmp_path / ".pyenv" / "versions" / "3.10.9" / "bin", "3.10")
    newer = python_that_says(tmp_path / ".pyenv" / "versions" / "3.11.1" / "bin", "3.11", "python3.11")
    environ = {"PATH": f"{shims}:{os.defpath}", "HOME": str(tmp_path)}
    if not is_python(Path("/usr/bin/python3"), "3.10"):
        assert find_python(environ) == newest
    assert list(installed("3.11", {"PATH": str(shims), "HOME": str(tmp_path)})) == [newer]
    elsewhere = tmp_path / "elsewhere"
    other = python_that_says(elsewhere / "versions" / "3.10.1" / "bin", "3.10")
    assert find_python({"PATH": str(shims), "PYENV_ROOT": str(elsewhere)}) == other


def test_without_any_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoPython310, match=r"needs Python 3\.10.*PARLEY_PYTHON310="):
        find_python({"PATH": str(tmp_path), "HOME": str(tmp_path)})


def test_this_python_is_not_310() -> None:
    assert not is_python(Path(sys.executable), "3.10")


def test_without_an_installer_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoUv, match="make env"):
        environment.installer(tmp_path)
    uv = tmp_path / "installer-1" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch()
    assert environment.installer(tmp_path) == uv


async def test_a_whole_environment_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_python", lambda: pytest.fail("it looked for a Python"))
    there = tmp_path / f"env-{environment.lock_hash()}"
    (there / "bin").mkdir(parents=True)
    (there / "bin" / "python").touch()
    (there / ".whole").touch()
    assert await environment.environment(print, tmp_path) == there / "bin" / "python"


async def test_an_installation_that_fails_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = python_that_says(tmp_path / "uv", "no matching distribution", "uv", code=2)
    monkeypatch.setattr(environment, "find_python", lambda: Path("/python3.10"))
    monkeypatch.setattr(environment, "installer", lambda: fails)
    for _ in range(2):
        with pytest.raises(RasaFailed, match="no matching distribution"):
            await environment.environment(print, tmp_path)
    assert not (tmp_path / f"env-{environment.lock_hash()}" / ".whole").exists()


def test_the_lock_names_rasa_by_hash() -> None:
    lock = environment.LOCK.read_text("utf-8")
    assert "\nrasa==3.6.21 \\\n    --hash=sha256:" in lock
    pinned = [line for line in lock.splitlines() if "==" in line and not line.startswith("#")]
    assert len(pinned) > 100
    assert "--index-url" not in lock and "://" not in lock


# Which examples


def test_merged_examples_read_as_the_files_they_came_from(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(SAMPLE)
    given = load([tmp_path / "nlu.yml"])
    (tmp_path / "merged.yml").write_text(rasa_yaml(given))
    back = load([tmp_path / "merged.yml"])
    assert [replace(e, where="") for e in back.examples] == [replace(e, where="") for e in given.examples]
    assert (back.lookups, back.regexes) == (given.lookups, given.regexes)
    assert back.synonyms == given.synonyms
    whole = yaml.safe_load(rasa_yaml(given))
    assert [one["intent"] for one in whole["nlu"] if "intent" in one] == ["bill", "yes"]


def test_the_demo_brands_examples_survive_whole(tmp_path: Path) -> None:
    given = load([BRAND])
    (tmp_path / "merged.yml").write_text(rasa_yaml(given))
    back = load([tmp_path / "merged.yml"])
    assert [(e.text, e.intent, e.spans) for e in back.examples] == [(e.text, e.intent, e.spans) for e in given.examples]
    assert fingerprint(back) == fingerprint(given)


def test_what_is_out_of_scope_in_one_file_and_an_intent_in_another_is_taught_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yml", tmp_path / "b.yml"
    first.write_text('version: "3.1"\nnlu:\n- intent: oos\n  examples: |\n    - sell me a sim\n    - pizza\n')
    second.write_text('version: "3.1"\nnlu:\n- intent: buy\n  examples: |\n    - sell me a sim\n')
    whole = yaml.safe_load(rasa_yaml(load([first, second])))["nlu"]
    assert {one["intent"]: one["examples"] for one in whole} == {"oos": "- pizza\n", "buy": "- sell me a sim\n"}


def test_a_models_name_changes_with_examples_pipeline_and_epochs(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(SAMPLE)
    data = load([tmp_path / "nlu.yml"])
    once = lesson(data, 5)
    assert once == lesson(load([tmp_path / "nlu.yml"]), 5)
    assert once.name.startswith(f"parley-{fingerprint(data)}-")
    assert lesson(data, 6).name != once.name
    assert yaml.safe_load(once.pipeline)["pipeline"][5] == {
        "name": "DIETClassifier", "constrain_similarities": True, "random_seed": 0, "epochs": 5,
    }  # fmt: skip
    own = tmp_path / "config.yml"
    own.write_text(PIPELINE.read_text().replace("    random_seed: 0", "    epochs: 2"))
    assert yaml.safe_load(lesson(data, 5, own).pipeline)["pipeline"][5]["epochs"] == 2
    data.examples.pop()
    assert lesson(data, 5).name.partition("-")[2][:12] != once.name.partition("-")[2][:12]


@pytest.mark.parametrize("text", ["pipeline: 7", "[]", "a: [", "policies: []"])
def test_a_pipeline_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(BadExamples, match=r"config\.yml: not a pipeline"):
        lesson(load([]), 1, tmp_path / "config.yml")


def test_the_lesson_can_be_written_for_another_machine(tmp_path: Path) -> None:
    assert main(["--write", str(tmp_path / "out")]) == 0
    name = (tmp_path / "out" / "name").read_text()
    assert name.startswith(f"parley-{fingerprint(load([BRAND]))}-")
    assert "DIETClassifier" in (tmp_path / "out" / "config.yml").read_text()
    assert fingerprint(load([tmp_path / "out" / "nlu.yml"])) in name


def test_a_wrong_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.yml")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and said.count("\n") == 1


# Training, with a program in Rasa's place

TRAINS = """#!/bin/sh
while [ $# -gt 0 ]; do case "$1" in --out) out=$2;; --fixed-model-name) name=$2;; esac; shift; done
printf 'Epochs:  50%%|##  | 1/2 [00:01<00:01, 1.0s/it]\\r' >&2
printf 'Epochs:  50%%|##  | 1/2 [00:01<00:01, 1.0s/it, t_loss=6.31, i_acc=0.392]\\r' >&2
printf 'Epochs: 100%%|####| 2/2 [00:02<00:00, 1.0s/it, t_loss=6.31, i_acc=0.392]\\r' >&2
printf 'Epochs: 100%%|####| 2/2 [00:02<00:00, 1.0s/it, t_loss=4.48, i_acc=0.751]\\n' >&2
env > env.txt
mkdir -p "$out" && echo model > "$out/$name.tar.gz"
"""


async def test_training_shows_epochs_and_keeps_the_model_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_SECRET", "not for Rasa")
    program = python_that_says(tmp_path, "")
    program.write_text(TRAINS)
    given, said = lesson(load([BRAND]), 2), list[str]()
    model = await train(program, given, tmp_path / "work", said.append)
    assert model.name == f"{given.name}.tar.gz" and model.read_text() == "model\n"
    assert "  epoch 1 of 2: 39.2% of the examples right" in said
    assert said[-1].startswith("Trained in")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert await train(program, given, tmp_path / "work", said.append) == model
    environment = (tmp_path / "work" / "env.txt").read_text()
    assert "not for Rasa" not in environment and "RASA_TELEMETRY_ENABLED=false" in environment


async def test_a_training_that_fails_says_its_last_words_and_leaves_no_model(tmp_path: Path) -> None:
    program = python_that_says(tmp_path, "out of memory", code=137)
    with pytest.raises(RasaFailed, match=r"Exit code 137.*training\.log(?s:.*)out of memory"):
        await train(program, lesson(load([BRAND]), 2), tmp_path / "work", print)
    assert not list((tmp_path / "work").glob("models/*"))


async def test_a_command_that_is_broken_off_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    work = asyncio.create_task(run(["sh", "-c", f"echo $$ > {pid}; exec sleep 60"], tmp_path / "log"))
    for _ in range(500):
        await asyncio.sleep(0.01)
        if pid.exists() and pid.read_text().strip():
            break
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_rasas_environment_has_nothing_of_parleys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARLEY_NLU__RASA__TOKEN", "t")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    given = clean(tmp_path)
    assert not {"PARLEY_NLU__RASA__TOKEN", "PYTHONPATH"} & given.keys()
    assert given["HOME"] == str(tmp_path)
