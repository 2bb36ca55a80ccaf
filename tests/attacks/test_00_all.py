"""The list of attacks and their tests are one, and the scan that follows each of them can find something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.attacks import scan
from tests.attacks.site import Site, site

HERE = Path(__file__).parent
PAPER = HERE.parents[1] / "docs" / "identity.md"
NAMED = re.compile(r"^(?:async )?def test_(\d\d)_\w+", re.MULTILINE)


def test_each_of_the_45_attacks_has_a_test_of_its_number() -> None:
    numbers = {int(number) for file in HERE.glob("test_*.py") for number in NAMED.findall(file.read_text("utf-8"))}
    assert numbers == set(range(1, 46))


def test_the_paper_names_each_attack_and_its_test() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| `test_(\d\d)_…`", PAPER.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 46))
    assert all(int(number) == int(test) for number, test in rows)


@pytest.mark.promise("secret")
@pytest.mark.parametrize("what", ["handle", "code", "cookie link", "refresh token"])
async def test_37_the_scan_finds_what_is_left_lying_about(what: str) -> None:
    async def leave() -> None:
        async with site() as here:
            await here.link()
            secrets = await scan.secrets_of(here)
            left = next(secret for secret, kind in secrets.items() if kind == what)
            await here.run("UPDATE audit SET detail = :left WHERE what = 'link.done'", left=f"it was {left}")

    with pytest.raises(AssertionError, match=f"secrets are left lying about: .'{what} in the database'"):
        await leave()


@pytest.mark.promise("secret")
async def test_37_the_scan_knows_every_kind_of_secret(here: Site) -> None:
    await here.approve(await here.link())
    found = set((await scan.secrets_of(here)).values())
    assert found >= {
        "handle", "code", "refresh token", "cookie link", "cookie demo-idp", "state", "nonce", "code_challenge",
        "client secret",
    }  # fmt: skip
