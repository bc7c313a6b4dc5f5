"""The doctor reads a real proxy: ``--url`` and a key, GET requests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from litellm_patch.doctor.reporting import ProxyConfig, read_running, report_chains
from litellm_patch.model.names import Kind, Rules
from tests.proxy.arms import CONFIGURATION

if TYPE_CHECKING:
    from packaging.version import Version

    from tests.proxy.arms import Arms

WRITTEN = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["router_settings"]


def test_the_doctor_sees_what_the_proxy_was_started_with(teams: Arms, release: Version) -> None:
    settings, told = read_running(teams.stock.proxy.url, "sk-master")

    assert told in {str(release), None}
    assert settings.config.aliases == WRITTEN["model_group_alias"]
    for kind in (Kind.GENERAL, Kind.CONTEXT_WINDOW):
        assert [{key: list(targets) for key, targets in entry.items()} for entry in settings.config.chains[kind]] == (
            WRITTEN[kind.value]
        )
    report = report_chains(ProxyConfig(settings, release, Rules.UPSTREAM))
    verdicts = {found["key"]: found["verdict"] for found in report.make_data()["chains"]}
    # by its alias, it is found with the patch alone
    assert verdicts["global"] == "partly"
    assert verdicts["own-chain"] == "alive"
