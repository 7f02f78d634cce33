"""What people uploaded to Slack is copied with our token, which goes to Slack and nowhere else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.chat.slack import collecting
from adapters.chat.slack.inputs import SharedFile, pictures, shared_file
from bot.errors import BadInput, ProviderUnavailable
from bot.jobs.model import InputRef
from bot.tracker.intake import LARGEST_PICTURE_BYTES
from tests.adapters.chat.slack.odd import odd_slack
from tests.emulators.slack_bench import IMPATIENT_S, PICTURE, SlackBench, _bench, _world  # noqa: F401 - fixtures


def uploaded(slack: SlackBench, content: bytes = PICTURE, **how: Any) -> dict[str, Any]:
    """What Alice's message says of her picture."""
    message = slack.world.say(slack.alice, slack.channel, "look", files=[("cat.png", content)], **how)
    found: dict[str, Any] = message["files"][0]
    return found


def named(slack: SlackBench, said: dict[str, Any], team: str = "") -> InputRef:
    return shared_file(said, team or slack.world.team).as_input()


async def test_the_bytes_are_copied(slack: SlackBench) -> None:
    """Exactly, and under what they are."""
    asset = await slack.courier.collect(named(slack, uploaded(slack)))

    path = await slack.store.local_path(asset.id)
    assert path is not None
    assert path.read_bytes() == PICTURE


class TestTheToken:
    """It leaves for Slack's hosts only, and follows nobody anywhere."""

    async def test_another_host_is_not_asked_at_all(self, slack: SlackBench) -> None:
        said = uploaded(slack, host=slack.world.stranger)

        with pytest.raises(BadInput, match="attach the picture itself"):
            await slack.courier.collect(named(slack, said))

        assert slack.world.journal("stranger-asked") == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://files.slack.com.evil.example/x",
            "https://evil.example/files.slack.com",
            "https://notslack.com/x",
            "https://files.slack.com@evil.example/x",
            "http://files.slack.com/x",
            "ftp://files.slack.com/x",
            "not an address",
            "file:///etc/passwd",
        ],
    )
    async def test_what_only_looks_like_slack_is_not(self, slack: SlackBench, url: str) -> None:
        """Nothing of these is even looked up."""
        file = SharedFile(team=slack.world.team, id="F1", url=url)

        with pytest.raises(BadInput):
            await slack.courier.collect(file.as_input())

    async def test_also_what_files_info_names(self, slack: SlackBench) -> None:
        """A file of another organisation, whose links lead elsewhere."""
        said = uploaded(slack, host=slack.world.stranger)

        with pytest.raises(BadInput, match="attach the picture itself"):
            await slack.courier.collect(named(slack, {"id": said["id"], "file_access": "check_file_info"}))

        assert slack.world.journal("stranger-asked") == []

    async def test_a_redirect_is_not_followed(self, slack: SlackBench) -> None:
        """To a login page, as Slack does; the emulator calls a token there foul."""
        workspace = slack.world.workspace("Blind", installed=True)
        slack.world.scopes("chat:write", team=workspace["id"])
        carol = slack.world.person("Carol", team=workspace["id"])
        channel = slack.world.new_channel("room", carol, team=workspace["id"])
        message = slack.world.say(carol, channel, "look", files=[("cat.png", PICTURE)])
        slack.open(token=workspace["token"])

        with pytest.raises(BadInput, match="files:read"):
            await slack.courier.collect(named(slack, message["files"][0], workspace["id"]))

        assert len(slack.world.journal("sent-to-login")) == 1
        assert slack.world.journal("login-page") == []

    async def test_a_login_page_is_no_picture(self, slack: SlackBench) -> None:
        """With status 200: whoever keeps it has an unreadable picture, and no idea why."""
        async with odd_slack() as odd:
            odd.says("/files/F1", b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8")
            source = await known(slack, f"{odd.url}/files/F1")
            slack.api.api_url = f"{odd.url}/api"

            with pytest.raises(BadInput, match="invite me to its channel"):
                await slack.courier.collect(source)


class TestWhatIsNotThere:
    """Said in words that say what to do."""

    async def test_deleted_before_it_was_copied(self, slack: SlackBench) -> None:
        said = uploaded(slack)
        slack.world.delete_file(said["id"])

        with pytest.raises(BadInput, match="deleted"):
            await slack.courier.collect(named(slack, said))

    async def test_a_link_to_a_file_elsewhere(self, slack: SlackBench) -> None:
        """Slack has no bytes of it."""
        said = uploaded(slack, remote=True)

        with pytest.raises(BadInput, match="upload the picture itself"):
            await slack.courier.collect(named(slack, {"id": said["id"]}))

    @pytest.mark.parametrize("mode", ["tombstone", "hidden_by_limit", "external"])
    def test_what_has_no_bytes_is_no_picture(self, mode: str) -> None:
        """Nobody is asked for it; what nothing is said of yet may be one."""
        assert pictures([{"id": "F1", "mode": mode, "mimetype": "image/png", "name": "a.png"}]) == []
        assert pictures([{"id": "F1", "file_access": "check_file_info"}]) != []
        assert pictures([{"id": "F1", "mimetype": ""}]) != []
        assert pictures([{"id": "F1", "mimetype": "text/plain", "name": "a.txt"}]) == []

    async def test_hidden_by_a_free_plan(self, slack: SlackBench) -> None:
        async with odd_slack() as odd:
            odd.says("/api/files.info", {"ok": True, "file": {"id": "F1", "mode": "hidden_by_limit"}})
            source = await known(slack)
            slack.api.api_url = f"{odd.url}/api"

            with pytest.raises(BadInput, match="upload the picture itself"):
                await slack.courier.collect(source)

    async def test_larger_than_we_take_it_is_not_even_asked_for(self, slack: SlackBench) -> None:
        said = uploaded(slack) | {"size": LARGEST_PICTURE_BYTES + 1}

        with pytest.raises(BadInput, match="larger than"):
            await slack.courier.collect(named(slack, said))

        assert slack.world.journal("downloaded") == []

    async def test_larger_than_it_said_it_is_broken_off(
        self, slack: SlackBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever names a size need not tell the truth."""
        monkeypatch.setattr(collecting, "LARGEST_PICTURE_BYTES", 1000)
        said = uploaded(slack, PICTURE * 1000) | {"size": 10}

        with pytest.raises(BadInput, match="larger than"):
            await slack.courier.collect(named(slack, said))

        assert not [path for path in slack._folder.rglob("file") if path.is_file()]

    async def test_where_we_were_removed(self, slack: SlackBench) -> None:
        """Not: that it was deleted."""
        workspace = slack.world.workspace("Gone", installed=True)
        slack.open(token=workspace["token"])
        await slack.bots.home()
        slack.world.uninstall(workspace["id"])

        with pytest.raises(BadInput, match="removed from this Slack workspace"):
            await slack.courier.collect(SharedFile(team=workspace["id"], id="F1").as_input())


class TestWhatPasses:
    """Tried again, for as long as intake is patient."""

    async def test_of_another_organisation_it_is_asked_for(self, slack: SlackBench) -> None:
        """Its message says no more than its id."""
        said = uploaded(slack)

        asset = await slack.courier.collect(named(slack, {"id": said["id"], "file_access": "check_file_info"}))

        assert asset.size_bytes == len(PICTURE)

    async def test_while_it_is_scanned_it_has_no_size_yet(self, slack: SlackBench) -> None:
        slack.world.knobs(scan_s=60)
        said = uploaded(slack)
        assert (said["size"], said["mimetype"]) == (0, "")

        asset = await slack.courier.collect(named(slack, said))

        assert asset.size_bytes == len(PICTURE)

    async def test_while_it_is_scanned_it_may_have_no_address_yet(self, slack: SlackBench) -> None:
        """Then it is asked for again, a little later."""
        async with odd_slack() as odd:
            file = {"id": "F1", "mimetype": "", "mode": "hosted"}
            there = file | {"url_private": f"{odd.url}/files/F1"}
            odd.says("/api/files.info", {"ok": True, "file": file}, {"ok": True, "file": there})
            odd.says("/files/F1", PICTURE)
            source = await known(slack)
            slack.api.api_url = f"{odd.url}/api"

            with pytest.raises(ProviderUnavailable, match="still checking") as passing:
                await slack.courier.collect(source)
            asset = await slack.courier.collect(source)

        assert passing.value.retry_after_s
        assert asset.size_bytes == len(PICTURE)

    @pytest.mark.parametrize("route", ["download", "files.info", "auth.test"])
    @pytest.mark.parametrize("fault", ["status:503", "reset", "hang:0.3", "429:0"])
    async def test_trouble_passes(
        self, slack: SlackBench, route: str, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if fault.startswith("hang"):
            monkeypatch.setattr(collecting, "DEADLINE_S", IMPATIENT_S)
        said = uploaded(slack)
        source = named(slack, said if route == "download" else {"id": said["id"]})
        slack.open(patience_s=IMPATIENT_S if fault.startswith("hang") else 5.0)
        # Twice: what only reads is asked once more when a kept connection turns out to be dead.
        slack.world.fault(route, fault, times=2)

        with pytest.raises(ProviderUnavailable):
            await slack.courier.collect(source)
        slack.world.no_faults()
        slack.open()
        monkeypatch.undo()
        asset = await slack.courier.collect(source)

        assert asset.size_bytes == len(PICTURE)

    async def test_half_a_picture_is_none(self, slack: SlackBench) -> None:
        """The connection ended before the announced length: nothing of it is kept."""

        async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n" + PICTURE)
            await writer.drain()
            writer.close()

        source = await known(slack, url="http://127.0.0.1:{port}/files/F1")
        server = await asyncio.start_server(half, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        slack.api.api_url = f"http://127.0.0.1:{port}/api"
        async with server:
            with pytest.raises(ProviderUnavailable):
                await slack.courier.collect(
                    InputRef(source=source.source, locator=source.locator.replace("{port}", str(port)))
                )

        assert [asset async for asset in slack.store.ids()] == []


async def known(slack: SlackBench, url: str | None = None) -> InputRef:
    """A file of a workspace that is known already, before another server takes Slack's place."""
    await slack.bots.home()
    return SharedFile(team=slack.world.team, id="F1", url=url).as_input()
