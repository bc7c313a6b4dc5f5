"""A configuration with all that the doctor looks for, secrets planted in it, and a way to ask about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from click.testing import CliRunner

from litellm_patch.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SECRETS = ("sk-planted-in-litellm-params", "sk-planted-in-general-settings", "sk-planted-in-the-environment")
ACME_1, ACME_2 = "model_name_acme_1", "model_name_acme_2"


def configuration() -> dict[str, Any]:
    """A team with two models, two groups for all, an alias, and chains of every worth."""
    return {
        "model_list": [
            model(ACME_1, "acme", "gpt-4.1"),
            model(ACME_2, "acme", "backup"),
            model("gpt-4o"),
            model("claude"),
        ],
        "general_settings": {"master_key": SECRETS[1], "database_url": f"postgres://u:{SECRETS[1]}@h/db"},
        "router_settings": {
            "model_group_alias": {"prod": {"model": "gpt-4o", "hidden": True}},
            "fallbacks": [
                {ACME_1: ["backup"]},
                {"gpt-4o": ["claude"]},
                {"gpt-40": ["claude"]},
                {"claude": ["gpt-4o", "gtp-4o"]},
            ],
            "context_window_fallbacks": [{"claude": ["gpt-4o"]}],
        },
    }


def model(name: str, team: str | None = None, public: str | None = None) -> dict[str, Any]:
    """An entry of the model list."""
    info = {"team_id": team, "team_public_model_name": public} if team else {}
    return {"model_name": name, "litellm_params": {"model": "openai/x", "api_key": SECRETS[0]}, "model_info": info}


@dataclass(frozen=True)
class Clinic:
    """A folder with a configuration file in it.

    Attributes:
        folder: where.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "config.yaml"

    def write(self, content: object) -> Path:
        """Write a configuration: text and bytes as they are, all else as YAML."""
        data = content if isinstance(content, (str, bytes)) else yaml.safe_dump(content, sort_keys=False)
        self.path.write_bytes(data.encode() if isinstance(data, str) else data)
        return self.path

    def run(self, *arguments: object, stdin: bytes = b"", columns: int = 200) -> Result:
        """Ask the doctor, and see that no secret comes out."""
        result = CliRunner().invoke(
            main,
            ["doctor", *map(str, arguments)],
            input=stdin,
            env={"PLANTED": SECRETS[2], "COLUMNS": str(columns)},
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        for secret in SECRETS:
            assert secret not in result.output
        return result

    def json(self, code: int, *arguments: object, stdin: bytes = b"") -> Any:
        """Ask for JSON, with the configuration, and see how it ends."""
        result = self.run(self.path, *arguments, "--json", stdin=stdin)
        answer = json.loads(result.stdout)
        assert (result.exit_code, answer["exit_code"]) == (code, code), result.output
        return answer

    def refused(self, code: int, *arguments: object) -> str:
        """Ask what must be refused: one line, and its code."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        assert len(result.stderr.splitlines()) == 1
        return result.stderr
