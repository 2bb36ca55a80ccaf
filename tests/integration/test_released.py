"""Released dialogs: their code is what was released, and saved conversations can still be continued."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import compose
from bot import assembly, checking
from bot.configuration import load_settings
from bot.dev.sampling import JournalBroken, Sample, load, replay, samples, save
from bot.dev.scaffold import new_brand, new_dialog
from bot.dev.world import BrandWorld
from bot.ports import Recogniser
from bot.releasing import ChangedUnderItsVersion, release
from bot.settings import HOME, Settings
from tests.worlds.demo import recogniser

DEMO = load_settings(HOME / "config.yml", {})
JOURNALS = sorted((HOME / "tests" / "journals").glob("*.json"))


def world(settings: Settings, given: Sequence[str]) -> BrandWorld:
    return BrandWorld(settings, given, recogniser(), compose.services)


async def test_the_shipped_dialogs_are_as_a_replay_needs_them_and_as_they_were_released() -> None:
    found = await checking.of_dialogs(assembly.parts(DEMO))()
    assert found.wrong == ()


@pytest.mark.parametrize("file", JOURNALS, ids=lambda file: file.stem)
async def test_a_saved_conversation_goes_on(file: Path) -> None:
    sample = load(file)
    made = world(DEMO, sample.given)
    try:
        await replay(sample, made)
    finally:
        await made.close()


@cache
def _learnt(config: Path) -> Recogniser:
    settings = load_settings(config, {})
    return assembly.recogniser_of(assembly.parts(settings), lambda line: None)


@pytest.fixture
def brand(tmp_path: Path) -> Path:
    """A brand with one dialog of its own."""
    new_brand(tmp_path, "acme")
    config = tmp_path / "acme" / "config.yml"
    new_dialog(load_settings(config, {}), "change_address")
    return config


async def _sampled(config: Path) -> dict[tuple[str, int], Sample]:
    settings = load_settings(config, {})
    files = sorted((config.parent / "transcripts").glob("*.md"))
    return await samples(files, lambda given: BrandWorld(settings, given, _learnt(config), compose.services))


def _own_code_alone(config: Path) -> Settings:
    """Only the brand's own dialogs: releasing must never write into the tree from a test."""
    text = config.read_text().replace("data: ./var\n", "data: ./var\n\ndialogs:\n  packages: [.dialogs]\n")
    config.write_text(text)
    return load_settings(config, {})


def test_a_dialog_whose_code_changed_under_its_version_is_refused(brand: Path) -> None:
    settings = _own_code_alone(brand)
    lock = brand.parent / "dialogs" / "versions.lock"
    assert release(assembly.parts(settings)) == [lock]
    assert "change_address 1 " in lock.read_text()
    assert release(assembly.parts(settings)) == []
    code = brand.parent / "dialogs" / "change_address.py"
    code.write_text(code.read_text().replace('c.say("change_address.kept")', 'c.say("change_address.done")'))
    fresh = _reloaded(settings)
    with pytest.raises(ChangedUnderItsVersion, match="change_address version 1"):
        release(fresh)
    code.write_text(code.read_text().replace("requires=known)", "requires=known, version=2)"))
    assert release(_reloaded(settings)) == [lock]
    assert [line.split()[:2] for line in lock.read_text().splitlines()[2:]] == [
        ["change_address", "1"],
        ["change_address", "2"],
    ]


def _reloaded(settings: Settings) -> assembly.Parts:
    import importlib
    import linecache

    from bot.dev.chat import forget

    forget(settings)
    linecache.clearcache()
    importlib.invalidate_caches()
    return assembly.parts(settings)


@pytest.mark.slow
async def test_a_sample_journal_is_replayed_and_a_broken_one_is_found(brand: Path, tmp_path: Path) -> None:
    settings = load_settings(brand, {})
    found = await _sampled(brand)
    sample = found[("change_address", 1)]
    assert sample.weight >= 2
    assert sample.customer == "C-1001"
    again = load(save(sample, tmp_path / "journals"))
    assert again == sample
    made = BrandWorld(settings, again.given, _learnt(brand), compose.services)
    try:
        await replay(again, made)
    finally:
        await made.close()
    # The step that the journal waits at is asked under another verb now.
    code = brand.parent / "dialogs" / "change_address.py"
    asked = 'c.ask("wanted", "change_address.ask", parse)'
    code.write_text(code.read_text().replace(asked, 'c.confirm("wanted", "change_address.ask")'))
    (brand.parent / "dialogs" / "versions.lock").write_text("change_address 1 0000\n")
    fresh = _reloaded(settings).settings
    made = BrandWorld(fresh, again.given, _learnt(brand), compose.services)
    try:
        with pytest.raises(JournalBroken):
            await replay(again, made)
    finally:
        await made.close()
