"""The doctor finds in a log what this release really says when no chain is found."""

from __future__ import annotations

import io

import pytest

from litellm_patch.doctor.logs import read_log
from litellm_patch.names import Config, Deployment, Kind
from names.calls import ACOMPLETION
from names.world import build_router
from upstream import Behaviour, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_error_of_this_release(upstream: Upstream) -> None:
    config = Config((Deployment("a group"), Deployment("other")), {}, {Kind.GENERAL: [{"other": ["a group"]}]})
    router = build_router(config, upstream.url, ACOMPLETION.provider)
    upstream.reset({"a group": Behaviour.ERROR})
    with pytest.raises(Exception, match="the primary is down") as raised:
        await ACOMPLETION(router, "a group", None)

    assert set(read_log(io.BytesIO(str(raised.value).encode())).groups) == {"a group"}
