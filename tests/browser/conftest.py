"""One browser per process of the test run; each test is a visitor of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.driving import HOW_TO_GET_ONE, Visit, a_visit, chromium
from tests.browser.sites import Site, a_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium without a window. As root it runs without its sandbox: it sees nothing but our own pages."""
    path = chromium()
    if path is None:
        pytest.skip(HOW_TO_GET_ONE)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--mute-audio"])
        yield found
        await found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the tests of a module."""
    with a_site(tmp_path_factory.mktemp("site"), env={"REELBOT_LIMITS__USER_DAILY_JOBS": "200"}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    """Somebody at this machine, with a browser of their own."""
    async with a_visit(browser, site.address) as found:
        yield found
