"""The doctor finds in a log what this release really says when no chain is found."""

from __future__ import annotations

import io

import pytest

from litellm_patch.doctor.logs import read_log
from litellm_patch.model.names import Config, Deployment, Kind
from tests.names.calls import ACOMPLETION
from tests.names.world import build_router
from upkeep.provider import Behaviour, Provider

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_error_of_this_release(provider: Provider) -> None:
    config = Config((Deployment("a group"), Deployment("other")), {}, {Kind.GENERAL: [{"other": ["a group"]}]})
    router = build_router(config, provider.url, ACOMPLETION.provider)
    provider.reset({"a group": Behaviour.ERROR})
    with pytest.raises(Exception, match="the primary is down") as raised:
        await ACOMPLETION(router, "a group", None)

    assert set(read_log(io.BytesIO(str(raised.value).encode())).groups) == {"a group"}
