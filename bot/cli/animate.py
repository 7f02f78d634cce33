"""`reelbot animate`: from a picture and a sentence to a clip, with or without a running server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bot.cli.output import say, show, show_error

if TYPE_CHECKING:
    from bot.app import App
    from bot.jobs.model import Job, JobRequest
    from bot.service import Picture

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
    yes: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Make a clip from a picture and a sentence.

    Without any account the `local` provider moves a camera over the picture, free of charge.

    Parameters
    ----------
    image
        The picture: JPEG, PNG, WebP or HEIC.
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
        A sound file, for models that take one.
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
    yes
        Start at any price, without asking.
    json
        Print the job as JSON.
    """
    from bot.cli.session import session
    from bot.errors import BadInput, BadPrompt

    flags = {
        "duration_s": duration, "resolution": resolution, "negative_prompt": negative, "seed": seed,
        "expand": expand, "camera": camera, "motion": motion,
    }  # fmt: skip
    if audio is not None:
        raise BadInput("Sound is not supported by this version; leave --audio out.")
    if out is not None and not out.parent.is_dir():
        raise BadPrompt(f"There is no directory {out.parent} for --out; make it first.")
    async with session() as app:
        request, picture = await _request(app, image, prompt, provider, model, flags, confirmed=yes)
        for change in picture.changes:
            say(f"Picture: {change}.")
        async with engine_here(app):
            job, _ = await app.service.front_desk.accept(request, picture.assets)
            job = await follow(app, job, ask=not json)
        return await report(app, job, out, as_json=json)


async def _request(
    app: App,
    image: Path,
    prompt: str,
    provider: str | None,
    model: str | None,
    flags: Mapping[str, Any],
    *,
    confirmed: bool,
) -> tuple[JobRequest, Picture]:
    """The request the words and flags mean, with its picture kept."""
    from bot.cli.session import ME
    from bot.jobs.model import JobRequest
    from bot.jobs.options import combine
    from bot.prompts.words import parse

    written = parse(prompt)
    offer = app.service.front_desk.model(provider, model or written.model)
    settings = combine(offer, written, flags)
    picture = await app.service.take_picture(image, offer, filename=image.name)
    request = JobRequest(
        requester=ME,
        request_key=None,
        prompt=written.prompt,
        provider=offer.provider,
        model=offer.slug,
        image=picture.ref,
        settings=settings,
        confirmed=confirmed,
    )
    return request, picture


@asynccontextmanager
async def engine_here(app: App) -> AsyncIterator[None]:
    """An engine of our own where nobody runs one; otherwise the running one hears of the job within a second."""
    from bot.errors import AlreadyRunning

    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(AlreadyRunning):
            await stack.enter_async_context(app.run_engine("animate"))
        yield


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
        path = str(document["output"]["path"])  # type: ignore[index]  # a finished job has one
        if out is not None:
            half = out.with_name(f".{out.name}.part")
            try:
                await app.service.media.copy_to(job.output.asset_id, half)
                await asyncio.to_thread(shutil.move, half, out)
            except OSError as error:
                with contextlib.suppress(OSError):
                    half.unlink()
                why = f"The clip could not be written to {out} ({error.strerror}); it is kept at {path}."
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
