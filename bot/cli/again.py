"""`reelbot again`: another clip from one that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bot.cli.output import say

Flag = Annotated[bool, Parameter(negative=())]


async def again(
    id: str,  # noqa: A002 - the public name of the argument
    *,
    relation: Literal["again", "edit", "extend", "loop", "frame"] = "again",
    prompt: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    duration: int | None = None,
    resolution: str | None = None,
    negative: str | None = None,
    seed: int | None = None,
    expand: bool | None = None,
    camera: str | None = None,
    motion: str | None = None,
    silent: Flag = False,
    out: Path | None = None,
    yes: Flag = False,
    json: Flag = False,
) -> int:
    """Make another clip from one that exists.

    `again` is the same with a new seed; `edit` changes words or settings; `extend` goes on from the last frame and joins
    both; `loop` turns the finished clip into a seamless loop, free of charge; `frame` begins anew from its last frame.

    Parameters
    ----------
    id
        The job's id, or its first characters (eight at least).
    relation
        again, edit, extend, loop or frame.
    prompt
        What should happen now. May hold words such as `--10s`.
    provider
        Another provider.
    model
        Another model.
    duration
        Length in seconds.
    resolution
        480p, 720p or 1080p.
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
    silent
        Leave the sound out.
    out
        Copy the clip to this file.
    yes
        Start at any price, without asking.
    json
        Print the job as JSON.
    """
    from bot.cli.animate import engine_here, follow, report, require_place
    from bot.cli.session import ME, OPERATOR, session
    from bot.jobs.lineage import Changes
    from bot.jobs.model import Relation

    said = {
        "duration_s": duration, "resolution": resolution, "negative_prompt": negative, "seed": seed, "expand": expand,
        "camera": camera, "motion": motion, "audio": False if silent else None,
    }  # fmt: skip
    changes = Changes(prompt=prompt, settings=said, provider=provider, model=model)
    require_place(out)
    async with session() as app:
        parent = await app.service.actions.find(id)
        async with engine_here(app):
            job, is_new = await app.service.lineage.descend(
                parent, Relation(relation), ME, OPERATOR, changes, confirmed=yes
            )
            if not is_new:
                say("The same was asked a moment ago; this is that job.")
            job = await follow(app, job, ask=not json)
        return await report(app, job, out, as_json=json)
