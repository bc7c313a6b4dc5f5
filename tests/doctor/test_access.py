"""Releases whose check of access to fallback targets refuses a team its own model by the internal name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doctor.clinic import ACME_1, ACME_2, configuration

if TYPE_CHECKING:
    from tests.doctor.clinic import Clinic

SETTING = "enforce_fallback_model_access"


def _remarks(clinic: Clinic, release: str, *, target: str = ACME_2, checked: object = True) -> list[str]:
    content = configuration()
    content["general_settings"][SETTING] = checked
    content["router_settings"] = {"fallbacks": [{ACME_1: [target]}]}
    clinic.write(content)
    remarks: list[str] = clinic.json(9, "--release", release)["remarks"]
    return remarks


@pytest.mark.parametrize("release", ["1.100.0", "1.102.4", "1.104.3", "1.105.1", "1.106.0"])
def test_an_internal_target_is_told(clinic: Clinic, release: str) -> None:
    (remark,) = _remarks(clinic, release)

    assert remark.startswith(f"{SETTING} refuses {ACME_2} to keys and teams")
    assert remark.endswith("name the targets by their public names")


@pytest.mark.parametrize("release", ["1.98.1", "1.104.4", "1.105.2", "1.106.1", "1.109.1"])
def test_other_releases_have_no_such_check_or_a_right_one(clinic: Clinic, release: str) -> None:
    assert _remarks(clinic, release) == []


def test_a_public_target_is_granted(clinic: Clinic) -> None:
    assert _remarks(clinic, "1.102.4", target="backup") == []


@pytest.mark.parametrize("checked", [False, None, "yes"])
def test_nothing_is_checked_where_the_setting_is_not_on(clinic: Clinic, checked: object) -> None:
    assert _remarks(clinic, "1.102.4", checked=checked) == []
