"""The proxy's ``custom_auth``: keys and their teams come from ``keys.json`` beside it, as there is no database.

One key asks the process how it is instead: how many tasks its loop has, and how many objects its collector tracks.
Runs inside the proxy.
"""

from __future__ import annotations

import asyncio
import gc
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth
from packaging.version import Version

if TYPE_CHECKING:
    from fastapi import Request

KEYS = json.loads(Path(__file__).with_name("keys.json").read_text(encoding="utf-8"))
PROBE = "sk-probe"
# before, the proxy asks its database for the team of a key that comes from custom_auth, and fails without one
TEAM_NEEDS_DATABASE = Version(version("litellm")) < Version("1.83.14")


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Say who a key belongs to.

    Args:
        request: not looked at.
        api_key: what the caller sent.

    Returns:
        The key's team and rights.

    Raises:
        HTTPException: nobody has this key; or it is the probe, and the detail is the answer.
    """
    del request
    if api_key == PROBE:
        gc.collect()
        raise HTTPException(418, {"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects())})
    if api_key not in KEYS:
        raise HTTPException(401, "nobody has this key")
    rights = dict(KEYS[api_key])
    if TEAM_NEEDS_DATABASE:
        rights.pop("team_id", None)
    return UserAPIKeyAuth(api_key=api_key, **rights)


# what comes from litellm is Any to the types
class Teams(CustomLogger):  # type: ignore[misc]
    """Says the team before the request is routed, in releases where a key cannot."""

    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Put the team where the proxy puts it.

        Args:
            user_api_key_dict: the key.
            cache: not looked at.
            data: the request.
            call_type: not looked at.

        Returns:
            The request.
        """
        del cache, call_type
        for key, rights in KEYS.items() if TEAM_NEEDS_DATABASE else ():
            if "team_id" in rights and user_api_key_dict.api_key == UserAPIKeyAuth(api_key=key).api_key:
                user_api_key_dict.team_id = rights["team_id"]
                for bucket in {"metadata", "litellm_metadata"} & data.keys():
                    data[bucket]["user_api_key_team_id"] = rights["team_id"]
        return data


teams = Teams()
