"""`reelbot animate`: from a picture and a sentence to a clip, with or without a running server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bot.cli.output import say, show, show_error

if TYPE_CHECKING:
    from bot.app import App
    from bot.jobs.model import Asset, Job, JobRequest, RenderSettings
    from bot.ports import Model

LOOK_EVERY_S = 0.2

Update = Callable[[str, float | None, str], None]


async def animate(
    image: Path,
    prompt: str,
    *,
    provider: str | None = None,
    model: str | None = None,
    duration: int | None = None,
    resolution: str | None = None,
    audio: Path | None = None,
    negative: str | None = None,
    seed: int | None = None,
    expand: bool | None = None,
    camera: str | None = None,
    motion: str | None = None,
    out: Path | None = None,
    draft: Annotated[bool, Parameter(negative=())] = False,
    yes: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Make a clip from a picture and a sentence.

    Without any account the `local` provider moves a camera over the picture, free of charge.

    Parameters
    ----------
    image
        The picture: JPEG, PNG, WebP, BMP, GIF, HEIC, AVIF or TIFF.
    prompt
        What should happen. May hold words such as `--5s --720p --camera zoom-in`.
    provider
        Who renders; the first one set up, else `local`.
    model
        A model's name.
    duration
        Length in seconds.
    resolution
        480p, 720p or 1080p.
    audio
        A WAV or MP3 of 3 to 30 seconds, for models that take one.
    negative
        What should not be seen.
    seed
        The same seed makes the same clip.
    expand
        Let the provider rewrite the prompt.
    camera
        static, zoom-in, zoom-out, pan-left, pan-right, pan-up, pan-down or orbit.
    motion
        low or high.
    out
        Copy the clip to this file.
    draft
        First show a free clip of the same framing from the `local` renderer, then ask.
    yes
        Start at any price, without asking.
    json
        Print the job as JSON.
    """
    from bot.cli.session import session

    flags = {
        "duration_s": duration, "resolution": resolution, "negative_prompt": negative, "seed": seed,
        "expand": expand, "camera": camera, "motion": motion,
    }  # fmt: skip
    require_place(out)
    async with session() as app:
        wish = await _read_wish(app, prompt, provider, model, flags, audio)
        async with engine_here(app):
            if draft:
                shown = await _draft(app, image, wish)
                if not await _go_on(shown, wish, asked=yes, as_json=json):
                    return await report(app, shown, out, as_json=json)
            request, assets = await _request(app, image, audio, wish, confirmed=yes)
            for sentence in request.adjustments:
                say(sentence)
            job, _ = await app.service.front_desk.accept(request, assets)
            job = await follow(app, job, ask=not json)
        return await report(app, job, out, as_json=json)


def require_place(out: Path | None) -> None:
    """`BadPrompt` unless a clip could be written there: said before anything is paid."""
    from bot.errors import BadPrompt

    if out is not None and not out.parent.is_dir():
        raise BadPrompt(f"There is no directory {out.parent} for --out; make it first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What words and flags mean, before any file is looked at."""

    prompt: str
    model: Model
    settings: RenderSettings


async def _read_wish(
    app: App, prompt: str, provider: str | None, model: str | None, flags: Mapping[str, Any], audio: Path | None
) -> _Wish:
    from bot.jobs.options import combine
    from bot.prompts.words import parse

    written = parse(prompt)
    offer = app.service.front_desk.model(provider, model or written.model)
    settings = combine(offer, written, {**flags, "audio": audio is not None})
    return _Wish(prompt=written.prompt, model=offer, settings=settings)


async def _request(
    app: App, image: Path, audio: Path | None, wish: _Wish, *, confirmed: bool
) -> tuple[JobRequest, list[tuple[str, Asset]]]:
    """The request, with its picture and sound kept."""
    from bot.cli.session import ME
    from bot.jobs.model import JobRequest

    service, model = app.service, wish.model
    picture = await service.take_picture(image, model, filename=image.name)
    sound = None
    if audio is not None:
        sound = await service.take_sound(audio, model, wish.settings.duration_s, filename=audio.name)
    request = JobRequest(
        requester=ME,
        request_key=None,
        prompt=wish.prompt,
        provider=model.provider,
        model=model.slug,
        image=picture.ref,
        audio=sound.ref if sound else None,
        settings=wish.settings,
        confirmed=confirmed,
        adjustments=picture.adjustments + (sound.adjustments if sound else ()),
    )
    return request, [*picture.assets, *(sound.assets if sound else ())]


async def _draft(app: App, image: Path, wish: _Wish) -> Job:
    """A free clip of the same framing and length; it stays in the history like any other."""
    from bot.errors import BadPrompt
    from bot.jobs.catalogue import check_settings, quote
    from bot.money.amount import FREE

    settings = check_settings(wish.model, wish.settings)
    if quote(wish.model, settings) == FREE:
        raise BadPrompt(f"{wish.model.title} costs nothing; leave --draft out.")
    local = app.service.front_desk.model("local", None)
    length = min(local.durations_s, key=lambda seconds: abs(seconds - settings.duration_s))
    plain = replace(settings, duration_s=length, negative_prompt=None, expand=False, audio=False)
    request, assets = await _request(
        app, image, None, _Wish(prompt=wish.prompt, model=local, settings=plain), confirmed=False
    )
    job, _ = await app.service.front_desk.accept(request, assets)
    return await follow(app, job, ask=False)


async def _go_on(draft: Job, wish: _Wish, *, asked: bool, as_json: bool) -> bool:
    """Whether to pay, now that the draft is there."""
    from bot.jobs.catalogue import quote
    from bot.jobs.states import State

    if draft.state is not State.DELIVERED:
        return False
    say(f"This is a draft: a camera move over the picture, free of charge. {wish.model.title} makes the scene itself.")
    if asked:
        return True
    if as_json or not sys.stdin.isatty():
        say("Nothing is paid yet: say --yes, without --draft, to start it.")
        return False
    price = quote(wish.model, wish.settings)
    answer = await asyncio.to_thread(input, f"Go on with {wish.model.title} for {price}? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


@asynccontextmanager
async def engine_here(app: App) -> AsyncIterator[None]:
    """An engine of our own whenever nobody else runs one: also when the other, an `animate` say, ends before we do."""
    ready, done = asyncio.Event(), asyncio.Event()
    standing_in = asyncio.create_task(_stand_in(app, ready, done))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({waiting, standing_in}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if standing_in.done():
        standing_in.result()
    try:
        yield
    finally:
        done.set()
        await standing_in


async def _stand_in(app: App, ready: asyncio.Event, done: asyncio.Event) -> None:
    """Run the engine as long as nobody else does. A running one hears of our job within a second."""
    from bot.errors import AlreadyRunning

    while not done.is_set():
        with contextlib.suppress(AlreadyRunning):
            async with app.run_engine("animate"):
                ready.set()
                # It ends by itself when a `run` asks for it.
                while not done.is_set() and await app.ground.hears_at_once():
                    await _pause(done)
        ready.set()
        await _pause(done)


async def _pause(done: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY_S):
            await done.wait()


async def follow(app: App, job: Job, *, ask: bool) -> Job:
    """Show how a job goes until it ends, or waits for somebody's decision."""
    from bot.cards.messages import headline
    from bot.jobs.states import State

    with _progress(enabled=sys.stderr.isatty()) as update:
        while True:
            job = await app.stores.jobs.load(job.id) or job
            said = " ".join(filter(None, (job.note, await app.service.eta_line(job))))
            update(headline(job), job.progress if job.state is State.RENDERING else None, said)
            if job.is_final or job.state is State.UNCONFIRMED:
                return job
            if job.state is State.QUOTED:
                await _decide(app, job, ask=ask)
            await asyncio.sleep(LOOK_EVERY_S)


async def _decide(app: App, job: Job, *, ask: bool) -> None:
    """The price is above the threshold: ask at a terminal, else do not start."""
    from bot.cli.session import OPERATOR

    wished = [wish.kind.value for wish in await app.stores.wishes.waiting(job.id)]
    if wished:
        return
    answer = "n"
    if ask and sys.stdin.isatty():
        answer = await asyncio.to_thread(input, f"This clip costs {job.quote}. Start? [y/N] ")
    if answer.strip().lower() in ("y", "yes"):
        await app.service.actions.confirm(job.id, OPERATOR)
        return
    if not (ask and sys.stdin.isatty()):
        say(f"This clip costs {job.quote}, which needs a yes: say --yes to start it.")
    await app.service.actions.cancel(job.id, OPERATOR)


@contextlib.contextmanager
def _progress(*, enabled: bool) -> Iterator[Update]:
    if not enabled:
        yield lambda _headline, _progress, _said: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(text: str, progress: float | None, said: str) -> None:
            total = None if progress is None else 1.0
            bar.update(task, description=f"{text}. {said}".strip(), total=total, completed=progress or 0)

        yield update


async def report(app: App, job: Job, out: Path | None, *, as_json: bool) -> int:
    """Say how a job ended, and where its clip is; returns the exit code."""
    from bot.cards.messages import price_line
    from bot.errors import DiskFull
    from bot.jobs.states import State

    document = await app.service.describe(job)
    if job.state is State.DELIVERED and job.output is not None:
        # A store in a cloud has no path on this machine.
        path = str(document["output"]["path"] or f"in the media store (job {job.id})")  # type: ignore[index]  # a finished job has one
        if out is not None:
            half = out.with_name(f".{out.name}.part")
            try:
                await app.service.media.copy_to(job.output.asset_id, half)
                await asyncio.to_thread(shutil.move, half, out)
            except OSError as error:
                with contextlib.suppress(OSError):
                    half.unlink()
                why = f"The clip could not be written to {out} ({error.strerror}); it is kept: {path}."
                raise DiskFull(why) from error
            path = str(out)
        show(document, as_json=as_json, text=path)
        if not as_json:
            say(f"{job.settings.duration_s} s, {job.settings.resolution}, by {job.provider}. {price_line(job)}")
        return 0
    if job.state is State.UNCONFIRMED:
        message = job.note or "Nobody knows yet whether the provider took it."
        code, exit_code = "unconfirmed", 75
    else:
        message = job.error.message if job.error else "The job was cancelled; nothing was charged."
        code, exit_code = (job.error.code if job.error else "cancelled"), 1
        exit_code = {"limit_reached": 75}.get(code, exit_code)
    if as_json:
        show(document, as_json=True)
    else:
        show_error(code, f"{message} (job {job.id})", as_json=False)
    return exit_code
