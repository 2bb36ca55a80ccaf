"""The papers are true: their code blocks run, their links lead somewhere, and all there is stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot import errors
from tests import tables
from tests.papers import ROOT, Block, Runner, Wrong, blocks, matches
from tests.tables import DOCUMENTS

TEXT = {document: document.read_text("utf-8") for document in DOCUMENTS}
CODED = [document for document in DOCUMENTS if blocks(document)]
SLOW = {"authoring.md", "operating.md"}
"""Their commands learn examples or play transcripts."""


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def prose(text: str) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The headings of a document, as links name them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_documents_are_found() -> None:
    wanted = {"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/authoring.md", "docs/brand.md"}
    assert wanted | {"docs/operating.md", "docs/identity.md", "docs/nlu.md"} <= {named(one) for one in DOCUMENTS}


@pytest.mark.parametrize(
    "document", [pytest.param(one, marks=[pytest.mark.slow] if one.name in SLOW else []) for one in CODED], ids=named
)
def test_code_blocks_are_true(document: Path, tmp_path: Path) -> None:
    Runner(document, tmp_path).run()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    # What stands in `code` only looks like a link: examples for the recogniser do.
    plain = re.sub(r"`[^`\n]+`", "", prose(TEXT[document]))
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{named(document)}: {target}"
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), f"{named(document)}: {target}"


def test_every_document_is_linked_from_another() -> None:
    for document in DOCUMENTS:
        if document.parent == ROOT:
            continue
        others = [
            (other.parent / target.partition("#")[0]).resolve()
            for other, text in TEXT.items()
            if other != document
            for target in re.findall(r"\]\(([^)\s:]+)\)", text)
        ]
        assert document in others, f"no document links to {named(document)}"


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if "generated:" in TEXT[one]], ids=named)
def test_tables_are_as_the_code_is(document: Path) -> None:
    assert TEXT[document] == tables.filled(TEXT[document]), "run: python -m tests.tables"


def test_every_kind_of_table_stands_somewhere() -> None:
    everything = "\n".join(TEXT.values())
    for name in tables.TABLES:
        assert f"<!-- generated: {name} -->" in everything, name


def test_every_setting_stands_in_config_with_its_meaning() -> None:
    said = tables.comments()
    missing = [path for path, _ in tables.settings() if not said.get(path)]
    assert not missing
    in_lists = [f"{path}: {field}" for path, field in tables.fields_of_lists() if field not in said[path]]
    assert not in_lists


def test_config_names_no_setting_that_is_none() -> None:
    known = {path for path, _ in tables.settings()}
    sections = {".".join(path.split(".")[:at]) for path in known for at in range(1, path.count(".") + 1)}
    free = ("services.", "backends.", "identity.idle.", "assurance.")
    unknown = [path for path in tables.comments() if path not in known | sections and not path.startswith(free)]
    assert not unknown


def test_every_error_says_something_and_is_documented() -> None:
    papers = TEXT[ROOT / "docs" / "authoring.md"] + TEXT[ROOT / "docs" / "operating.md"]
    for error in tables.all_errors():
        assert error.__doc__ and error.__doc__.strip().endswith("."), error
        assert f"| `{error.__name__}` |" in papers, error
    assert errors.ParleyError in tables.all_errors()


def test_every_command_is_documented_and_says_what_it_does() -> None:
    operating = TEXT[ROOT / "docs" / "operating.md"]
    found = tables.commands()
    assert {"run", "new dialog NAME"} <= {command for command, _, _ in found}
    for command, does, _ in found:
        assert does, command
        assert f"| `{command}` |" in operating, command


def test_every_intent_of_the_demo_brand_opens_a_dialog_or_answers_a_question() -> None:
    domain = yaml.safe_load((ROOT / "brands" / "larkspur" / "nlu" / "domain.yml").read_text("utf-8"))
    opened = {intent for spec in tables.shipped() for intent in spec.intents}
    assert set(domain["intents"]) - opened == {"affirm", "deny", "oos"}
    authoring = TEXT[ROOT / "docs" / "authoring.md"]
    for intent in domain["intents"]:
        assert f"`{intent}`" in authoring + TEXT[ROOT / "docs" / "nlu.md"], intent


def test_every_verb_is_in_the_table_and_has_a_part_of_its_own() -> None:
    from bot.script.convo import Convo

    text = TEXT[ROOT / "docs" / "authoring.md"]
    verbs = [name for name, one in vars(Convo).items() if callable(one) and not name.startswith("_")]
    assert len(verbs) == 12
    for verb in verbs:
        assert re.search(rf"c\.{verb}\(", text), verb
        assert verb in anchors(text), verb


# The runner itself


@pytest.mark.parametrize(
    ("expected", "said", "right"),
    [
        ("a\nb", "a\nb\n", True),
        ("a  b", "a b", True),
        ("a\n...", "a\nb\nc\n", True),
        ("...\nc", "a\nb\nc\n", True),
        ("ok ... [crash]", "ok   x.md: y [crash]", True),
        ("a", "a b", False),
        ("a\n...\nc", "a b", False),
        ("(x)*", "xx", False),
    ],
)
def test_output_is_compared_as_written(expected: str, said: str, right: bool) -> None:
    assert matches(expected, said) is right


@pytest.mark.parametrize(
    "block",
    [
        Block("python", "assert 1 == 2\n", 1),
        Block("python", "x = 1\n", 1, ("from", "bot/errors.py")),
        Block("python", "x = 1\n", 1, ("is", "~/nowhere.py")),
        Block("console", "$ echo a\nb\n", 1),
        Block("console", "$ false\n", 1),
        Block("yaml", "server:\n  prot: 8080\n", 1),
        Block("yaml", 'version: "3.1"\nnlu:\n- intent: a\n', 1),
        Block("fluent", "= nothing\n", 1),
    ],
    ids=lambda block: f"{block.language} {block.mark or ''}".strip(),
)
def test_what_is_not_true_is_told(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.papers.blocks", lambda document: [block])
    with pytest.raises(Wrong, match=r"README\.md:1"):
        Runner(ROOT / "README.md", tmp_path).run()


def test_a_comment_belongs_to_the_block_after_it(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("<!-- to: ~/a -->\n```text\none\n```\n\n```text\ntwo\n```\n", "utf-8")
    assert [block.mark for block in blocks(document)] == [("to", "~/a"), None]
