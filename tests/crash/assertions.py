"""The promises of DESIGN §2, asked of the database and the judges' logs. Knows nothing of the product but its tables.

Each check yields sentences about what is wrong; silence is the good news. `PROMISES` is the whole list.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from bot.jobs.states import TRANSITIONS, State
from tests.crash.evidence import UNCONFIRMED_OCCUPIES_S, Evidence, Render, Row
from tests.emulators.judge_provider import clip_of
from tests.emulators.judging import Script

FINAL = {"delivered", "undelivered", "failed", "cancelled"}
HOLDING = {"queued", "submitting", "unconfirmed", "rendering"}
TAKEN_AT_THEIR_WORD = {"lost_at_provider"}
"""Errors that say: the money is gone, and we do not know what for."""


def check(evidence: Evidence) -> list[str]:
    """Every broken promise, each as a sentence that names the promise."""
    return [f"{name}: {finding}" for name, promise in PROMISES.items() for finding in promise(evidence)]


def no_job_is_billed_twice(evidence: Evidence) -> Iterator[str]:
    orders = Counter(render.accepted["job_id"] for render in evidence.renders)
    yield from (f"job {job_id} was accepted {count} times" for job_id, count in orders.items() if count > 1)


def no_order_without_its_row(evidence: Evidence) -> Iterator[str]:
    """Written before it is sent: whatever a provider accepted, the database knows, input and token included."""
    for render in evidence.renders:
        order = render.accepted
        known = evidence.submissions.get(order["attempt_id"])
        if known is None:
            yield f"{render.id} (job {order['job_id']}) was never written down"
        elif evidence.is_erased(known["job_id"]) and known["token"] == order["token"]:
            continue
        elif (known["token"], known["input_url"]) != (order["token"], order["input_url"]):
            yield f"{render.id} was written down differently"


def nobody_breaks_the_protocol(evidence: Evidence) -> Iterator[str]:
    for entry in evidence.provider_log + evidence.chat_log:
        if entry["event"] == "violation":
            yield f"{entry['judge']}: {entry['why']}"


def every_accepted_job_survives(evidence: Evidence) -> Iterator[str]:
    """A row that was acknowledged is there, once, and its job has ended or waits for a person, with a reason."""
    told = defaultdict(set)
    for ack in evidence.acks:
        if "ask" in ack and ack["said"] == "ok":
            told[ack["ask"]].add(ack["job_id"])
    for key, job_ids in told.items():
        if len(job_ids) > 1:
            yield f"request {key} was told {len(job_ids)} different jobs"
        yield from (f"job {job_id} was acknowledged and is gone" for job_id in job_ids - set(evidence.jobs))
    for job in evidence.jobs.values():
        if job["state"] not in FINAL | {"quoted", "unconfirmed"}:
            yield f"job {job['id']} stopped at {job['state']}: {job['note']}"
        if job["state"] in ("unconfirmed", "failed", "undelivered") and not (job["note"] or job["error"]):
            yield f"job {job['id']} is {job['state']} without a reason"


def every_job_moves_by_the_table(evidence: Evidence) -> Iterator[str]:
    for job_id, events in evidence.history.items():
        stands = State.RECEIVED
        for event in events:
            if event["kind"] != "moved":
                continue
            state = State(event["state"])
            if event["details"]["from"] != stands or state not in TRANSITIONS[stands] | {stands}:
                yield f"job {job_id} went from {stands} ({event['details']['from']}) to {state}"
            stands = state
        if evidence.jobs[job_id]["state"] != stands:
            yield f"job {job_id} is {evidence.jobs[job_id]['state']}, its events say {stands}"


def every_clip_paid_for_is_kept_or_owned_up_to(evidence: Evidence) -> Iterator[str]:
    for render in evidence.renders:
        job = evidence.jobs.get(render.accepted["job_id"])
        if job is None:
            yield f"{render.id} belongs to no job"
        elif not _is_honest(render, job, evidence):
            error = job["error"] and job["error"]["code"]
            yield f"{render.id} is {render.status} (kept {render.kept}), its job {job['id']} {job['state']} ({error})"


def _is_honest(render: Render, job: Row, evidence: Evidence) -> bool:
    error = job["error"] or {}
    if evidence.is_erased(job["id"]):
        # Nobody may keep its clip; what it cost is judged with the ledger.
        return job["output"] is None
    if job["state"] == "unconfirmed":
        return True
    if job["output"]:
        return _is_kept(render, job, evidence)
    if job["state"] == "cancelled":
        return render.status == "cancelled"
    if job["state"] != "failed":
        return False
    if error.get("code") in TAKEN_AT_THEIR_WORD:
        return bool(error["charged"])
    if error.get("code") == "never_submitted":
        # An operator said so; what proves the opposite later is acted on, and cannot be proven here.
        resolved = "resolve-lost" in evidence.deeds_done(job["id"])
        return resolved and "cannot-tell" in Script(render.accepted["prompt"], render.provider)
    if render.status == "succeeded":
        return error.get("code") == "result_gone" and "gone" in Script(render.accepted["prompt"], render.provider)
    silent = "failed-silent" in Script(render.accepted["prompt"], render.provider)
    return render.status == "failed" and bool(error.get("charged")) == (render.kept > 0 or silent)


def _is_kept(render: Render, job: Row, evidence: Evidence) -> bool:
    """What the provider made; of an extension the part, which the whole holds after the clip it goes on from."""
    made = clip_of(render.id)
    part = job["output"].get("part_id")
    whole = evidence.file(job["output"]["asset_id"])
    return whole == made if part is None else evidence.file(part) == made and whole is not None and whole.endswith(made)


def nothing_is_delivered_that_nobody_made(evidence: Evidence) -> Iterator[str]:
    made = {render.accepted["job_id"] for render in evidence.renders}
    for job in evidence.jobs.values():
        if job["id"] not in made and (job["output"] or job["state"] in ("delivered", "undelivered")):
            yield f"job {job['id']} is {job['state']} and no provider knows it"


def each_delivery_is_posted_at_most_once(evidence: Evidence) -> Iterator[str]:
    for delivery in evidence.deliveries.values():
        job, posts = evidence.jobs[delivery["job_id"]], evidence.posts(delivery)
        what = f"delivery {delivery['number']} of job {job['id']}"
        if len(posts) > 1:
            yield f"{what} was posted {len(posts)} times"
        if delivery["outcome"] is None and job["state"] in FINAL:
            yield f"{what} has no outcome, and its job is {job['state']}"
        if delivery["outcome"] == "refused" and posts:
            yield f"{what} was posted, and is said to have been refused"
        erased = evidence.is_erased(job["id"])
        said = [delivery["reference"]] if not erased else [post["message_id"] for post in posts[:1]]
        if delivery["outcome"] == "posted" and [post["message_id"] for post in posts] != said:
            yield f"{what} is said to be posted as {delivery['reference']}; the chat has {len(posts)}"
        if not erased:
            yield from (f"{what} posted another clip" for post in posts if post["sha256"] != job["output"]["asset_id"])
    names = {f"{delivery['job_id']}-{delivery['number']}.mp4" for delivery in evidence.deliveries.values()}
    for entry in evidence.chat_log:
        if entry["event"] == "posted" and entry["filename"] not in names:
            yield f"{entry['filename']} was posted and is no delivery"
    for job in evidence.jobs.values():
        outcomes = [d["outcome"] for d in evidence.deliveries.values() if d["job_id"] == job["id"]]
        if job["state"] == "delivered" and "posted" not in outcomes:
            yield f"job {job['id']} is delivered, and nothing was posted"


def the_sums_equal_the_entries(evidence: Evidence) -> Iterator[str]:
    added: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for entry in evidence.ledger:
        for key in _scopes(entry):
            money, jobs = added[key]
            added[key] = (money + entry["delta_micro_usd"], jobs + entry["delta_jobs"])
    for key in added.keys() | evidence.sums.keys():
        if added.get(key, (0, 0)) != evidence.sums.get(key, (0, 0)):
            yield f"{key} should be {added.get(key)}, is {evidence.sums.get(key)}"


def every_job_pays_what_was_charged(evidence: Evidence) -> Iterator[str]:
    """Holds are closed once, when the job has ended; then the ledger says what the provider kept."""
    renders = {render.accepted["job_id"]: render for render in evidence.renders}
    for job in evidence.jobs.values():
        entries = evidence.entries(job["id"])
        closed = Counter(entry["hold_id"] for entry in entries if entry["hold_id"] is not None)
        still_open = [entry for entry in entries if entry["kind"] == "hold" and not closed[entry["id"]]]
        yield from (f"a hold of job {job['id']} was closed {times} times" for times in closed.values() if times > 1)
        if len(still_open) != (job["state"] in HOLDING):
            yield f"job {job['id']} is {job['state']} with {len(still_open)} open holds"
        if job["state"] not in FINAL:
            continue
        owed, net = _owed(job, renders.get(job["id"]), evidence), evidence.net(job["id"])
        if net != owed:
            yield f"job {job['id']} ({job['state']}) is booked at {net}, and the provider kept {owed}"


def _owed(job: Row, render: Render | None, evidence: Evidence) -> int:
    code = (job["error"] or {}).get("code")
    if render is None and "resolve-submitted" in evidence.deeds_done(job["id"]) and code in TAKEN_AT_THEIR_WORD:
        # An operator said that it was taken, and was wrong.
        return int(job["held_micro_usd"])
    if render is None or code == "never_submitted":
        return 0
    silent = "failed-silent" in Script(render.accepted["prompt"], render.provider)
    if render.status == "rendering" or code in TAKEN_AT_THEIR_WORD or (silent and render.status == "failed"):
        return int(job["held_micro_usd"])
    return render.kept


def no_decision_exceeds_a_limit(evidence: Evidence) -> Iterator[str]:
    """After every hold each scope it counts in is within its limit: a settle may exceed one, a hold never."""
    standing: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for entry in evidence.ledger:
        for key in _scopes(entry):
            money, jobs = standing[key]
            standing[key] = (money + entry["delta_micro_usd"], jobs + entry["delta_jobs"])
            limit, most_jobs = _limit(key, entry, evidence)
            if entry["kind"] == "hold" and (
                (entry["micro_usd"] > 0 and standing[key][0] > limit) or standing[key][1] > most_jobs
            ):
                yield f"a hold of job {entry['job_id']} brought {key} to {standing[key]}"


def _limit(key: tuple[str, str], entry: Row, evidence: Evidence) -> tuple[float, float]:
    scope, period = key
    story = evidence.story
    if scope == entry["user_scope"] and period == entry["day"]:
        return story.user_daily_micro_usd, story.user_daily_jobs
    if scope == entry["workspace_scope"] and period == entry["month"]:
        return story.workspace_monthly_micro_usd, float("inf")
    if scope == "installation" and period == entry["installation_month"]:
        return story.installation_monthly_micro_usd, float("inf")
    return float("inf"), float("inf")


def no_provider_is_overrun(evidence: Evidence) -> Iterator[str]:
    """Renders at once, by the provider's own books. What is stuck, or nobody vouched for, gives its place away in time."""
    most = evidence.story.max_concurrent
    if most is None or any({"stuck", "late-cancel"} & _words(render) for render in evidence.renders):
        return
    for render in evidence.renders:
        running = [other for other in evidence.renders if _counts_beside(other, render, evidence)]
        if len(running) >= most:
            yield f"{render.provider} ran {len(running) + 1} at once instead of {most}"


def _counts_beside(other: Render, render: Render, evidence: Evidence) -> bool:
    began, now = other.accepted["at"], render.accepted["at"]
    at_work = other.provider == render.provider and began < now < other.ended_at
    moves = evidence.history.get(other.accepted["job_id"], [])
    doubted = any(move["state"] == "unconfirmed" for move in moves)
    return at_work and not (doubted and now - began > UNCONFIRMED_OCCUPIES_S)


def _words(render: Render) -> set[str]:
    script = Script(render.accepted["prompt"], render.provider)
    return {word for word in ("stuck", "late-cancel") if word in script}


def a_cancel_in_time_is_free(evidence: Evidence) -> Iterator[str]:
    """Nothing is sent for a job after its cancel was acknowledged."""
    for ack in evidence.acks:
        if ack.get("did") != "cancel" or ack["said"] != "ok":
            continue
        for render in evidence.renders:
            if render.accepted["job_id"] == ack["job_id"] and render.accepted["at"] > ack["at"] + 0.5:
                yield f"{render.id} was ordered {render.accepted['at'] - ack['at']:.2f} s after its cancel"


def cards_say_what_is_true(evidence: Evidence) -> Iterator[str]:
    """No card is ahead of the committed row, and in the end each shows how its job ended."""
    last: dict[str, Row] = {}
    for entry in evidence.chat_log:
        if not entry["event"].startswith("card-"):
            continue
        job = evidence.jobs.get(entry["job_id"])
        if job is None or entry["version"] > job["version"]:
            yield f"a card of job {entry['job_id']} showed what was never committed"
        known = evidence.cards.get(entry["job_id"])
        if known is not None and known["reference"] == entry["message_id"]:
            last[entry["job_id"]] = entry
    if "dms" in evidence.story.losses and len(evidence.story.losses) > 1:
        return  # there is no place for a card
    for job in evidence.jobs.values():
        shown = last.get(job["id"])
        if (
            not evidence.is_erased(job["id"])
            and job["state"] in FINAL
            and (shown is None or shown["state"] != job["state"])
        ):
            yield f"the card of job {job['id']} says {shown and shown['state']}, it is {job['state']}"


def what_was_deleted_is_gone(evidence: Evidence) -> Iterator[str]:
    """A job whose deletion was acknowledged is erased once it has ended: no words, no files, no late post."""
    asked = {ack["job_id"]: ack["at"] for ack in evidence.acks if ack.get("did") == "delete" and ack["said"] == "ok"}
    for job_id, at in asked.items():
        job = evidence.jobs[job_id]
        if job["state"] not in FINAL:
            continue
        if not evidence.is_erased(job_id) or job["prompt"] or job["image_asset"] or evidence.files_of(job_id):
            yield f"job {job_id} was to be deleted, and is not"
        for entry in evidence.chat_log:
            if entry["event"] == "posted" and entry["filename"].startswith(job_id) and entry["at"] > at + 0.5:
                yield f"{entry['filename']} was posted after its deletion was asked for"


def _scopes(entry: Row) -> Iterator[tuple[str, str]]:
    yield "installation", entry["installation_day"]
    yield "installation", entry["installation_month"]
    for scope in (entry["workspace_scope"], entry["channel_scope"], entry["user_scope"]):
        if scope is not None:
            yield scope, entry["day"]
            yield scope, entry["month"]


PROMISES: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    "billed twice": no_job_is_billed_twice,
    "not written before it was sent": no_order_without_its_row,
    "foul": nobody_breaks_the_protocol,
    "lost": every_accepted_job_survives,
    "a move the table lacks": every_job_moves_by_the_table,
    "a paid clip was lost": every_clip_paid_for_is_kept_or_owned_up_to,
    "invented": nothing_is_delivered_that_nobody_made,
    "posted twice": each_delivery_is_posted_at_most_once,
    "sums": the_sums_equal_the_entries,
    "wrong amount": every_job_pays_what_was_charged,
    "over a limit": no_decision_exceeds_a_limit,
    "over capacity": no_provider_is_overrun,
    "cancelled and sent": a_cancel_in_time_is_free,
    "untrue": cards_say_what_is_true,
    "not forgotten": what_was_deleted_is_gone,
}
