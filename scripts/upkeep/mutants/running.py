"""Runs what pytest collected, over and over in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class _Watch:
    """A plugin that sees the first failure, and how long each test takes."""

    def __init__(self) -> None:
        self.failed = ""
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


def run_until_failure(
    session: pytest.Session, items: Sequence[pytest.Item], seconds: dict[str, float] | None = None
) -> str:
    """Run the tests in their order until one fails.

    Args:
        session: pytest's.
        items: the tests.
        seconds: takes how long each test took, by its id.

    Returns:
        The id of the test that failed, or nothing.
    """
    watch = _Watch()
    session.config.pluginmanager.register(watch)
    for item, next_item in zip(items, [*items[1:], None], strict=False):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        if watch.failed:
            session._setupstate.teardown_exact(None)  # the next run finds nothing of this one
            break
    session.config.pluginmanager.unregister(watch)
    if seconds is not None:
        seconds.update(watch.seconds)
    return watch.failed
