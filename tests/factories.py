"""Builders with sensible defaults. Alice owns the job, Bob is her team mate, Mallory is a stranger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.ids import new_id, new_token
from bot.jobs.model import (
    Asset,
    AssetKind,
    Clip,
    InputRef,
    Job,
    JobRequest,
    Requester,
    Submission,
)
from bot.jobs.states import State
from bot.ports import HostedInput, Parcel, SubmitRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

ALICE = Requester(platform="judge", workspace="team", user="alice", channel="room")
BOB = Requester(platform="judge", workspace="team", user="bob", channel="room")
MALLORY = Requester(platform="judge", workspace="elsewhere", user="mallory", channel="cellar")


def a_requester(**changes: Any) -> Requester:
    """Alice, in her team's room."""
    return replace(ALICE, **changes)


def a_picture(**changes: Any) -> InputRef:
    """An attachment of the judge's chat."""
    return replace(InputRef(source="judge", locator=f"attachment-{new_id()}", filename="picture.png"), **changes)


def a_request(**changes: Any) -> JobRequest:
    """Alice asks for five seconds of 720p from the judge, at half a dollar."""
    request = JobRequest(
        requester=ALICE,
        request_key=f"judge:{new_id()}",
        prompt="the leaves start to move",
        provider="judge",
        model="judge/clip",
        image=a_picture(),
    )
    return replace(request, **changes)


def a_job(**changes: Any) -> Job:
    """Alice's job, just received."""
    request = a_request()
    job = Job(
        id=new_id(),
        state=State.RECEIVED,
        version=1,
        epoch=1,
        requester=request.requester,
        request_key=request.request_key,
        prompt=request.prompt,
        settings=request.settings,
        provider=request.provider,
        model=request.model,
        image=request.image,
        state_since=NOON,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(job, **changes)


def an_asset(**changes: Any) -> Asset:
    """A normalised picture that is in no store."""
    asset = Asset(
        id="ab" * 32, kind=AssetKind.IMAGE, size_bytes=1000, content_type="image/jpeg", width=1280, height=720
    )
    return replace(asset, **changes)


def a_clip(**changes: Any) -> Clip:
    """A finished video that is in no store."""
    return replace(Clip(asset_id="cd" * 32, size_bytes=1000, width=1280, height=720, duration_s=5.0), **changes)


def a_submit_request(image: HostedInput, **changes: Any) -> SubmitRequest:
    """One attempt at a job of its own."""
    request = SubmitRequest(
        attempt_id=new_id(),
        job_id=new_id(),
        model="judge/clip",
        prompt="the leaves start to move",
        settings=a_request().settings,
        image=image,
        token=new_token(),
    )
    return replace(request, **changes)


def a_submission(request: SubmitRequest, **changes: Any) -> Submission:
    """What is written down of an attempt before it is sent."""
    submission = Submission(
        attempt_id=request.attempt_id,
        job_id=request.job_id,
        provider="judge",
        model=request.model,
        token=request.token,
        input_url=request.image.url,
        started_at=NOON,
    )
    return replace(submission, **changes)


def a_parcel(**changes: Any) -> Parcel:
    """Alice's clip, on its first way."""
    job_id = new_id()
    parcel = Parcel(
        delivery_id=new_id(),
        job_id=job_id,
        requester=ALICE,
        clip=a_clip(),
        path=None,
        filename=f"{job_id}-1.mp4",
        text="Here is your clip.",
    )
    return replace(parcel, **changes)
