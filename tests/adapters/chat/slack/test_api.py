"""One try per call, and four outcomes: done, refused, not sent, unclear. Before emulated Slacks on real sockets."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.slack.api import (
    LONGEST_PAUSE_S,
    NOBODY_KNOWS,
    TOKEN_DEAD,
    Bot,
    RateLimited,
    SlackApi,
    SlackError,
    TokenDead,
    Unclear,
)
from adapters.http.client import HttpClient
from bot.errors import DeliveryDelayed
from tests.adapters.chat.slack.odd import OddSlack, odd_slack
from tests.emulators.slack_bench import SlackBench, _bench, _world  # noqa: F401 - fixtures
from tests.fakes.clock import FakeClock

BOT = Bot(team="T1", token="xoxb-a-secret")
POST = "/api/chat.postMessage"


@pytest.fixture
async def odd() -> AsyncIterator[OddSlack]:
    async with odd_slack() as slack:
        yield slack


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def an_api(http: HttpClient, odd: OddSlack, clock: FakeClock | None = None) -> SlackApi:
    return SlackApi(http, clock or FakeClock(), api_url=f"{odd.url}/api/")


async def post(api: SlackApi, channel: str = "C1", team: str = "T1") -> dict[str, Any]:
    """A post, as any."""
    return await api.call(Bot(team=team, token="xoxb-a-secret"), "chat.postMessage", channel=channel, text="x")


class TestOutcomes:
    """Whoever calls knows what was done."""

    async def test_done(self, http: HttpClient, odd: OddSlack) -> None:
        odd.says(POST, {"ok": True, "ts": "1.0"}, X_OAuth_Scopes="chat:write, files:read")

        said, scopes = await an_api(http, odd).ask("xoxb", "chat.postMessage", channel="C1", text="x")

        assert said["ts"] == "1.0"
        assert scopes == {"chat:write", "files:read"}

    async def test_refused_with_slacks_own_word(self, http: HttpClient, odd: OddSlack) -> None:
        odd.says(POST, {"ok": False, "error": "missing_scope", "needed": "chat:write"})

        with pytest.raises(SlackError, match="chat:write") as refused:
            await post(an_api(http, odd))

        assert (refused.value.error, refused.value.needed) == ("missing_scope", "chat:write")

    @pytest.mark.parametrize("error", sorted(TOKEN_DEAD))
    async def test_refused_because_of_the_token(self, http: HttpClient, odd: OddSlack, error: str) -> None:
        odd.says(POST, {"ok": False, "error": error})

        with pytest.raises(TokenDead):
            await post(an_api(http, odd))

    @pytest.mark.parametrize(
        ("status", "body"),
        [(500, b""), (502, b"<html>"), (200, b"<html>Slack</html>"), (200, b'{"ok":'), (200, b"[]"), (404, b"no")]
        + [(200, f'{{"ok": false, "error": "{error}"}}'.encode()) for error in sorted(NOBODY_KNOWS)],
    )  # fmt: skip
    async def test_unclear_and_asked_once(self, http: HttpClient, odd: OddSlack, status: int, body: bytes) -> None:
        """What may have been done is nobody's to repeat but the caller's."""
        odd.says(POST, body, status=status)

        with pytest.raises(Unclear):
            await post(an_api(http, odd))

        assert len(odd.asked) == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_a_post_that_was_cut_off_is_not_repeated(self, slack: SlackBench, when: str) -> None:
        """Not even on a connection that had been kept open, where libraries like to."""
        bot = await slack.bots.of(slack.world.team)
        await slack.api.call(bot, "chat.postMessage", channel=slack.channel, text="one")
        slack.world.fault("chat.postMessage", "reset", when=when)

        with pytest.raises(Unclear):
            await slack.api.call(bot, "chat.postMessage", channel=slack.channel, text="two")

        assert slack.world.counts()["chat.postMessage"] >= 2
        assert [message["text"] for message in slack.world.from_bot(slack.channel)].count("two") == (when == "after")

    async def test_not_sent(self, http: HttpClient) -> None:
        """Nobody listens there: not a byte left."""
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            api = SlackApi(http, FakeClock(), api_url=f"http://127.0.0.1:{nobody.getsockname()[1]}/api")

            with pytest.raises(DeliveryDelayed, match="cannot be reached"):
                await post(api)

    async def test_no_secret_is_in_what_is_said(self, http: HttpClient, odd: OddSlack) -> None:
        odd.says(POST, {"ok": False, "error": "invalid_auth"})

        with pytest.raises(TokenDead) as refused:
            await post(an_api(http, odd))

        assert "xoxb" not in str(refused.value) + repr(BOT)


class TestPauses:
    """A pause that Slack asked for is kept: for the method, the workspace, and of posts for the channel."""

    async def test_nothing_is_sent_before_it_is_over(self, http: HttpClient, odd: OddSlack) -> None:
        clock = FakeClock()
        api = an_api(http, odd, clock)
        odd.says(POST, {"ok": False, "error": "ratelimited"}, status=429, Retry_After="30")
        odd.says(POST, {"ok": True})
        with pytest.raises(RateLimited) as first:
            await post(api)
        await clock.advance(29)
        with pytest.raises(RateLimited) as second:
            await post(api)
        await clock.advance(1.1)

        await post(api)

        assert (first.value.retry_after_s, second.value.retry_after_s) == (30, 1)
        assert len(odd.asked) == 2

    async def test_others_do_not_wait_for_it(self, http: HttpClient, odd: OddSlack) -> None:
        api = an_api(http, odd)
        odd.says(POST, {"ok": False, "error": "ratelimited"}, status=429, Retry_After="30")
        odd.says(POST, {"ok": True})
        odd.says("/api/chat.update", {"ok": True})
        with pytest.raises(RateLimited):
            await post(api)

        await post(api, channel="C2")
        await post(api, team="T2")
        await api.call(BOT, "chat.update", channel="C1", ts="1.0")

        assert len(odd.asked) == 4

    @pytest.mark.parametrize(
        ("told", "pause_s"),
        [
            ({}, 30),
            ({"Retry_After": "soon"}, 30),
            ({"Retry_After": "-5"}, 0),
            ({"Retry_After": "inf"}, LONGEST_PAUSE_S),
        ],
    )
    async def test_a_pause_without_a_good_figure_has_an_end(
        self, http: HttpClient, odd: OddSlack, told: dict[str, str], pause_s: float
    ) -> None:
        odd.says(POST, {"ok": False, "error": "ratelimited"}, status=429, **told)

        with pytest.raises(RateLimited) as limited:
            await post(an_api(http, odd))

        assert limited.value.retry_after_s == pause_s


class TestFiles:
    """The bytes go from the disk to the address that Slack gave for them."""

    def file(self, tmp_path: Path, size: int = 3_000_000) -> Path:
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"x" * size)
        return path

    async def test_they_are_streamed_with_their_length_and_without_the_token(
        self, http: HttpClient, odd: OddSlack, tmp_path: Path
    ) -> None:
        odd.says("/upload/v1/x", b"OK")

        await an_api(http, odd).send(f"{odd.url}/upload/v1/x", self.file(tmp_path))

        [request] = odd.asked
        assert request.content_length == 3_000_000
        assert "Transfer-Encoding" not in request.headers
        assert "Authorization" not in request.headers
        assert request.content_type == "application/octet-stream"

    async def test_a_hundred_megabytes_are_never_in_memory(
        self, http: HttpClient, odd: OddSlack, tmp_path: Path
    ) -> None:
        """They go from the disk in pieces."""
        odd.says("/upload/v1/x", b"OK")
        path = tmp_path / "clip.mp4"
        with path.open("wb") as file:
            file.truncate(100_000_000)

        tracemalloc.start()
        await an_api(http, odd).send(f"{odd.url}/upload/v1/x", path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert odd.asked[0].content_length == 100_000_000
        assert peak < 10_000_000

    @pytest.mark.parametrize(
        ("status", "error"), [(413, SlackError), (429, RateLimited), (404, Unclear), (503, Unclear)]
    )
    async def test_what_the_door_says_is_told_apart(
        self, http: HttpClient, odd: OddSlack, tmp_path: Path, status: int, error: type[Exception]
    ) -> None:
        odd.says("/upload/v1/x", b"", status=status)

        with pytest.raises(error):
            await an_api(http, odd).send(f"{odd.url}/upload/v1/x", self.file(tmp_path, 10))


class TestArguments:
    """Every method takes a form; what has a shape is JSON in it."""

    async def test_what_is_not_said_is_not_sent(self, slack: SlackBench) -> None:
        """The emulator refuses arguments it does not know, and wrong types."""
        bot = await slack.bots.of(slack.world.team)

        said = await slack.api.call(
            bot, "chat.postMessage", channel=slack.channel, thread_ts=None, text="grüße, 世界 & <b>", unfurl_links=False,
            blocks=[{"type": "section", "text": {"type": "plain_text", "text": "世界", "emoji": False}}],
        )  # fmt: skip

        assert said["message"]["text"] == "grüße, 世界 & <b>"
        assert said["message"]["blocks"][0]["text"]["text"] == "世界"

    async def test_an_answer_by_its_address(self, http: HttpClient, odd: OddSlack) -> None:
        """Where somebody pressed, for half an hour."""
        api = an_api(http, odd)
        odd.says("/response/1", b"ok")
        odd.says("/response/2", b"expired_url", status=404)

        await api.respond(f"{odd.url}/response/1", {"text": "x"})
        with pytest.raises(SlackError):
            await api.respond(f"{odd.url}/response/2", {"text": "x"})
