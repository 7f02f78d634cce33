"""One process of each emulated service for all tests of a worker; knobs are put back after each test."""

from __future__ import annotations

import pytest

from tests.emulators.customers import CUSTOMERS
from tests.emulators.processes import slack_emulator, vendor_emulator
from tests.emulators.slack_client import SlackBot
from tests.emulators.slack_world import SlackWorld

SETTINGS = {"render_s": 0.1, "slow_s": 0.5, "trickle_s": 0.001, "webhook_retry_s": 0.01}


@pytest.fixture(scope="session")
def _services(tmp_path_factory):
    started = {}

    def service(vendor):
        if vendor not in started:
            started[vendor] = vendor_emulator(tmp_path_factory.mktemp("vendors"), vendor, **SETTINGS)
        return started[vendor]

    yield service
    for process in started.values():
        process.stop()


def _customer(services, vendor):
    customer = CUSTOMERS[vendor](services(vendor))
    yield customer
    customer.service.knobs(**dict.fromkeys(customer.service.knobs()))
    customer.http.close()


@pytest.fixture(params=sorted(CUSTOMERS))
def customer(request, _services):
    yield from _customer(_services, request.param)


@pytest.fixture
def wavespeed(_services):
    yield from _customer(_services, "wavespeed")


@pytest.fixture
def eachlabs(_services):
    yield from _customer(_services, "eachlabs")


@pytest.fixture(scope="session")
def _slack_process(tmp_path_factory):
    process = slack_emulator(
        tmp_path_factory.mktemp("slack"), limits=False, retry_s=[0, 0.02, 0.05], share_delay_s=0.01
    )
    yield process
    process.stop()


@pytest.fixture
def slack(_slack_process):
    world = SlackWorld(_slack_process.url)
    world.calm()
    world.mark()
    yield world
    assert world.journal("emulator-fault") == []
    world.knobs(**dict.fromkeys(world.knobs()))


@pytest.fixture
def slack_bot(slack):
    bot = SlackBot(slack)
    yield bot
    bot.http.close()
