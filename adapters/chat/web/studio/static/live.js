// Cards follow their jobs. One stream per page says which job changed; htmx then fetches that card's own address again.
//
// Not htmx's hx-sse: it reconnects for ever, also where a session is over (a 401 is retried without end, and the sign-in
// page, which a redirect leads to, is read as a stream that ends at once: two requests a second, for ever). And one stream
// of markup would have to know how each page draws a job; an id is enough, and after a gap every card is simply asked for.
import { say } from "./page.js";

const LONGEST_MS = 60_000;
const REMEMBERED_MS = 15 * 60_000;  // as long as an upload may take
let source = null;
let waits = 0;
let again = 0;
// A page is drawn before its stream begins: what happened between is missed, as in any gap after it.
let missed = true;
let opened = 0;

const shown = () => document.querySelectorAll("[data-job]");
const isSeen = (card) => {
  const { top, bottom } = card.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
};
const changed = (card) => window.htmx?.trigger(card, "job:changed");

function connect() {
  clearTimeout(again);
  if (source || document.hidden || !shown().length && !document.getElementById("cards")) return;
  source = new EventSource("/studio/events");
  source.addEventListener("open", () => {
    waits = 0;
    // What happened while nobody listened; of what has ended, only what one sees, and nothing where it was just drawn.
    if (missed) for (const card of shown()) if (!("ended" in card.dataset) || opened && isSeen(card)) changed(card);
    missed = false;
    opened = performance.now();
  });
  source.addEventListener("job", (event) => {
    remember(event.data);
    for (const card of document.querySelectorAll(`[data-job="${CSS.escape(event.data)}"]`)) changed(card);
  });
  source.addEventListener("error", () => {
    missed = true;
    // While it is connecting, the browser goes on by itself; closed means that the answer was no stream.
    if (source?.readyState === EventSource.CLOSED) { disconnect(); later(); }
  });
}

// An answer may bring a card as it stood before a change that the stream has told meanwhile: the card was not there yet,
// another stood in its place, or it was just being asked for. What was told since a request began is asked for again.
const told = new Map();
const asked = new WeakMap();
function remember(job) {
  const now = performance.now();
  told.delete(job);
  told.set(job, now);
  for (const [oldest, at] of told) {
    if (now - at < REMEMBERED_MS) break;
    told.delete(oldest);
  }
}
document.addEventListener("htmx:before:request", (event) => asked.set(event.detail.ctx, performance.now()));
// Once the card is free for another request, which it is right after this.
document.addEventListener("htmx:finally:request", (event) => setTimeout(() => {
  const since = asked.get(event.detail.ctx) ?? 0;
  for (const card of shown()) {
    if (told.get(card.dataset.job) > since || opened > since && !("ended" in card.dataset)) changed(card);
  }
}));

function disconnect() {
  source?.close();
  source = null;
}

async function later() {
  waits = Math.min(waits ? waits * 2 : 2000, LONGEST_MS);
  try {
    const answer = await fetch("/studio/alive", { redirect: "manual" });
    if (answer.status === 401 || answer.type === "opaqueredirect") {
      say("You are signed out. Load the page anew to sign in again.", { lasts: 0 });
      return;
    }
  } catch { /* the server is away: it comes back */ }
  again = setTimeout(connect, waits * (0.8 + Math.random() * 0.4));
}

document.addEventListener("visibilitychange", () => {
  // A hidden page holds no connection: browsers allow six to one server, over all tabs.
  if (document.hidden) { missed = true; clearTimeout(again); disconnect(); } else connect();
});
window.addEventListener("pagehide", () => { missed = true; disconnect(); });
window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
document.addEventListener("htmx:after:swap", connect);

// A clip that became ready before one's eyes plays by itself, silently, unless motion is unwelcome.
const still = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = new WeakSet();
document.addEventListener("htmx:before:swap", (event) => {
  const card = event.detail.ctx.target;
  if (card?.dataset?.job && !card.querySelector("video")) waiting.add(card);
});
document.addEventListener("htmx:after:swap", (event) => {
  const card = event.detail.ctx.target;
  if (!card?.dataset?.job || !waiting.has(card)) return;
  waiting.delete(card);
  const video = card.querySelector("video[controls]");
  if (video && !still.matches) { video.muted = true; video.play().catch(() => {}); }
});

// In the gallery a clip shows itself while one points at it.
function preview(event, on) {
  const frame = event.target.closest?.(".tile a")?.querySelector("video");
  if (!frame || still.matches) return;
  if (on) frame.play().catch(() => {});
  else { frame.pause(); frame.currentTime = 0; }
}
for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(name, (event) => {
    if (event.relatedTarget && event.target.closest?.(".tile a")?.contains(event.relatedTarget)) return;
    preview(event, on);
  });
}

connect();
