"""Provider's issue 28019 as reported: a team, its key, ``POST /fallback`` with internal names, the public name."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from litellm_patch.patching.finding import find_target
from tests.proxy import clients
from tests.proxy.arms import behaviours_of
from tests.proxy.crowd import Ask, ask_all
from tests.proxy.database.postgres import cluster, make_database
from tests.proxy.database.prisma import HERE, install_tools
from tests.proxy.process import running
from upkeep.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from upkeep.cells.environment import Environment

INTERNAL, TARGET = "model_name_alpha_down", "model_name_alpha_backup"


class Admin:
    """The admin's calls to a proxy."""

    def __init__(self, url: str) -> None:
        """Take the proxy's root."""
        self.url = url

    def __call__(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        """Send a request and see its status.

        Args:
            method: the HTTP method.
            path: the path.
            status: what must come back.
            body: the body, if any.

        Returns:
            The answer.
        """
        headers = {"Authorization": "Bearer sk-master"}
        answer = requests.request(
            method, f"{self.url}{path}", json=body or None, headers=headers, timeout=clients.PATIENCE_IN_SECONDS
        )
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """PostgreSQL."""
    with cluster() as url:
        yield url


@pytest.mark.parametrize("arm", ["stock", "patched"])
def test_a_chain_that_is_written_over_http(
    arm: str, environments: Mapping[str, Environment], folder: Path, server: str
) -> None:
    environment, here = environments[arm], folder / arm
    site = find_target(environment.folder).package.parent
    tools = install_tools(folder / "tools")
    client = tools.make_client(environment, site / "litellm" / "proxy" / "schema.prisma", here / "client")
    database = make_database(server, arm, site / "litellm_proxy_extras" / "migrations")
    configuration = here / "database.yaml"
    shutil.copy(HERE / "database.yaml", configuration)
    settings = {**tools.settings, "DATABASE_URL": database, "DISABLE_SCHEMA_UPDATE": "True", "PYTHONPATH": str(client)}
    with Provider(behaviours_of(configuration)) as provider:
        settings |= {"UPSTREAM": f"{provider.url}/v1", "LITELLM_SALT_KEY": "sk-salt"}

        def ask(url: str, key: str, model: str) -> tuple[int, tuple[str, ...]]:
            provider.reset(provider.behaviours)
            reply = clients.CHAT(url, key, model)
            return reply.status, tuple(name.partition(".")[2] for name in provider.models_called)

        served = {"stock": (500, ("alpha-down",)), "patched": (200, ("alpha-down", "alpha-backup"))}[arm]
        with running(environment, configuration, here / "first.log", settings) as proxy:
            admin = Admin(proxy.url)
            admin("POST", "/team/new", team_id="alpha", team_alias="alpha")
            key = admin("POST", "/key/generate", team_id="alpha")["key"]
            extra = {"model": "openai/ANSWER.extra", "api_base": f"{provider.url}/v1", "api_key": "unused"}
            admin("POST", "/model/new", model_name="extra", litellm_params=extra)
            assert ask(proxy.url, key, "extra") == (200, ("extra",))
            assert ask(proxy.url, key, "down") == (500, ("alpha-down",))
            admin("POST", "/fallback", model=INTERNAL, fallback_models=[TARGET])
            assert admin("GET", f"/fallback/{INTERNAL}")["fallback_models"] == [TARGET]
            assert ask(proxy.url, key, "down") == served
            with ThreadPoolExecutor(1) as pool:
                changing = pool.submit(_add_models, admin, f"{provider.url}/v1")
                answers = ask_all(proxy.url, [Ask("alpha", "down", number, key) for number in range(40)], at_once=5)
                changing.result()
            assert set(answers) == {"500" if arm == "stock" else "answer from ANSWER.alpha-backup"}
        with running(environment, configuration, here / "again.log", settings) as proxy:
            admin = Admin(proxy.url)
            assert admin("GET", f"/fallback/{INTERNAL}")["fallback_models"] == [TARGET]
            assert ask(proxy.url, key, "down") == served
            admin("DELETE", f"/fallback/{INTERNAL}")
            admin("GET", f"/fallback/{INTERNAL}", 404)
            assert ask(proxy.url, key, "down") == (500, ("alpha-down",))
            # a team's own settings take the place of the proxy's
            admin("POST", "/team/update", team_id="alpha", router_settings={"fallbacks": [{INTERNAL: ["backup"]}]})
            assert ask(proxy.url, key, "down") == served


def _add_models(admin: Admin, url: str) -> None:
    """Let the proxy take up more models, one after the other."""
    for number in range(5):
        params = {"model": f"openai/ANSWER.more-{number}", "api_base": url, "api_key": "unused"}
        admin("POST", "/model/new", model_name=f"more-{number}", litellm_params=params)
