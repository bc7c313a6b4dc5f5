"""Access to fallback targets, where the proxy can check it: the patch makes nobody reach what they could not ask for.

``general_settings.enforce_fallback_model_access`` is there from 1.100 on, and on by default from 1.108.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from litellm_patch.model.abilities import refuses_internal_targets
from litellm_patch.patching.finding import find_target
from tests.proxy import clients
from tests.proxy.arms import standing
from tests.proxy.cases import KEYS, Case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.proxy.arms import ArmReplies, Arms
    from tests.proxy.conftest import Table
    from upkeep.cells.environment import Environment

SINCE = Version("1.100")
# it knows by what public name a team's internal name is granted
KNOWS_OWNERS = "_owning_team_names_for_team_deployment"
ACCESS_KEYS = {
    **KEYS,
    # alpha's chains: down to model_name_alpha_backup, busy to backup
    "sk-both": {"team_id": "alpha", "models": ["down", "busy", "listed", "backup"]},
    "sk-primaries": {"team_id": "alpha", "models": ["down", "busy", "listed"]},
    "sk-team-of-primaries": {"team_id": "alpha", "team_models": ["down", "busy", "listed"]},
    "sk-internal": {"team_id": "alpha", "models": ["down", "busy", "model_name_alpha_backup"]},
}


@pytest.fixture(scope="module")
def checked(environments: Mapping[str, Environment], folder: Path, release: Version) -> Iterator[Arms]:
    """Both arms, with the check on."""
    if release < SINCE:
        pytest.skip("cannot check the access to a fallback target")
    with standing(environments, folder / "access", ACCESS_KEYS, {"enforce_fallback_model_access": True}) as arms:
        yield arms


@pytest.fixture(scope="module")
def knows_owners(environments: Mapping[str, Environment]) -> bool:
    """Whether the check of this release takes an internal name for granted with its public name."""
    checks = find_target(environments["stock"].folder).package / "proxy" / "auth" / "auth_checks.py"
    return KNOWS_OWNERS in checks.read_text(encoding="utf-8")


def test_the_doctor_knows_where_internal_targets_are_refused(
    checked: Arms,
    knows_owners: bool,  # noqa: FBT001 - pytest gives it by name
    release: Version,
) -> None:
    del checked
    assert refuses_internal_targets(release) is not knows_owners


def _see(checked: Arms, table: Table, key: str, model: str) -> tuple[ArmReplies, ArmReplies]:
    stock, patched = checked.both(lambda arm: arm.send(Case("", clients.CHAT, model, key)))
    table.add(f"access checked: {key.removeprefix('sk-')} asks for {model}", stock, patched)
    return stock, patched


@pytest.mark.parametrize("key", ["sk-primaries", "sk-team-of-primaries"])
@pytest.mark.parametrize("model", ["down", "busy"])
def test_a_target_that_is_not_granted_is_refused(checked: Arms, table: Table, key: str, model: str) -> None:
    stock, patched = _see(checked, table, key, model)

    assert stock.called == (f"alpha-{model}",)
    assert patched.called == stock.called
    assert patched.reply.status == stock.reply.status
    assert patched.reply.status >= 400


def test_a_target_is_granted_by_its_public_name(checked: Arms, table: Table) -> None:
    stock, patched = _see(checked, table, "sk-both", "busy")

    assert stock.called == ("alpha-busy",)
    assert patched.called == ("alpha-busy", "alpha-backup")
    assert patched.reply.status == 200


def test_an_internal_target_is_granted_with_its_public_name_where_the_release_knows(
    checked: Arms,
    table: Table,
    knows_owners: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    stock, patched = _see(checked, table, "sk-both", "down")

    assert stock.called == ("alpha-down",)
    assert patched.called == (("alpha-down", "alpha-backup") if knows_owners else ("alpha-down",))


def test_an_internal_target_is_granted_by_its_own_name(checked: Arms, table: Table) -> None:
    stock, patched = _see(checked, table, "sk-internal", "down")

    assert stock.called == ("alpha-down",)
    assert patched.called == ("alpha-down", "alpha-backup")


def test_a_key_without_limits_reaches_all(checked: Arms, table: Table) -> None:
    stock, patched = _see(checked, table, "sk-alpha", "down")

    assert stock.called == ("alpha-down",)
    assert patched.called == ("alpha-down", "alpha-backup")


@pytest.mark.parametrize("key", ["sk-both", "sk-primaries"])
def test_a_chain_that_stock_finds_is_checked_as_before(checked: Arms, table: Table, key: str) -> None:
    stock, patched = _see(checked, table, key, "listed")

    assert stock.called == (("alpha-listed", "alpha-backup") if key == "sk-both" else ("alpha-listed",))
    assert patched.comparable == stock.comparable
