"""Slack's courier passes the suite that every courier passes, before an emulated Slack on a real socket."""

from __future__ import annotations

import pytest

from tests.conformance.courier_suite import CourierBench, CourierSuite
from tests.emulators.slack_bench import SlackBench, _bench, _world  # noqa: F401 - fixtures


class TestSlack(CourierSuite):
    @pytest.fixture
    def bench(self, slack: SlackBench) -> CourierBench:
        return slack
