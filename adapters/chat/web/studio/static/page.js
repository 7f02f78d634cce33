// What every page does besides htmx: times in the reader's zone, the dialog, copying a link, and saying what went wrong.
const notice = document.getElementById("notice");
const dialog = document.getElementById("dialog");
const local = {
  short: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
  medium: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }),
};
let hiding = 0;
let opener = null;

export function say(sentence, { lasts = 8000 } = {}) {
  clearTimeout(hiding);
  notice.textContent = sentence;
  notice.hidden = false;
  if (lasts) hiding = setTimeout(() => { notice.hidden = true; }, lasts);
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function times(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.textContent = (local[time.dataset.local] || local.short).format(new Date(time.dateTime));
  }
  for (const time of root.querySelectorAll("time[data-ago]")) time.title = local.short.format(new Date(time.dateTime));
}

function tick() {
  for (const span of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(span.dataset.since)) / 1000));
    span.textContent = clock(seconds);
  }
}

async function copy(button) {
  const words = button.querySelector("[data-copied]") || button;
  const before = words.textContent;
  const text = button.dataset.copyText ?? new URL(button.dataset.copy, location.href).href;
  try {
    await navigator.clipboard.writeText(text);
    words.textContent = words.dataset.copied || "Copied";
    setTimeout(() => { words.textContent = before; }, 2000);
  } catch {
    // Plain http on another machine than this one has no clipboard.
    window.prompt("Copy this:", text);
  }
}

function open(root) {
  if (root !== dialog || dialog.open || !dialog.childElementCount) return;
  opener = document.activeElement;
  dialog.showModal();
  (dialog.querySelector("[autofocus]") || dialog.querySelector("h2"))?.focus();
}

// The second press of a double click is not meant for what came under the pointer by the first: where Cancel was, Again
// may stand by now, which orders a clip.
let pressed = null;
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("a, button");
  if (event.detail > 1 && button && button !== pressed) { event.preventDefault(); event.stopImmediatePropagation(); }
  else pressed = button;
}, true);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-text]");
  if (button) copy(button);
  if (event.target === dialog || event.target.closest?.("[data-close]")) {
    if (dialog.open) { event.preventDefault(); dialog.close(); }
  }
  for (const menu of document.querySelectorAll("details.me[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.me[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("dialog:close", () => dialog.close());
dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  // Back to what opened it, or, where that was deleted in it, to the page. Left to themselves some browsers go to the
  // first link there is.
  const stays = opener?.isConnected && opener !== document.body;
  (stays ? opener : document.getElementById("main")).focus({ preventScroll: true });
});

function told(text) {
  try { return JSON.parse(text).detail; } catch { /* no problem document, but perhaps a page */ }
  return new DOMParser().parseFromString(text, "text/html").querySelector("h1")?.textContent.trim();
}

// Answers that no fragment of ours stands behind are said, and put nowhere.
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.hx.retarget || ctx.hx.redirect) return;
  event.preventDefault();
  let sentence = "The server could not answer; try again in a moment.";
  if (ctx.response.status === 401) sentence = "You are signed out. Load the page anew to sign in again.";
  else sentence = told(ctx.text) || sentence;
  say(sentence);
});
document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (!ctx || ctx.response) return;
  // Nobody knows whether it arrived; a form with a key may be sent again all the same.
  if (ctx.request.method === "GET") say("The server cannot be reached.");
  else if (ctx.request.body?.get?.("key")) say("The server did not answer. Press again: what did arrive is not done twice.");
  else say("The server did not answer. Look whether it arrived before you press again.");
});
document.addEventListener("htmx:before:request", (event) => {
  // What was said of a form holds until it is sent again; a price that is asked for meanwhile changes nothing about it.
  const form = event.detail.ctx.sourceElement;
  if (form.matches("form")) for (const trouble of form.querySelectorAll(".trouble")) trouble.textContent = "";
});
const held = new WeakMap();
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  const focused = document.activeElement;
  if (ctx.target?.contains?.(focused)) held.set(ctx, { focused, next: ctx.target.nextElementSibling });
});
document.addEventListener("htmx:after:swap", (event) => {
  times(document);
  tick();
  const { ctx } = event.detail;
  open(ctx.target);
  // A button may be gone with what it did, or with what happened to its job: the focus stays in the card; and where the
  // card is gone as well, it goes to the one after it, or to the page. What was only moved about has lost it, too.
  const { focused, next } = held.get(ctx) ?? {};
  const isLost = document.activeElement === document.body || document.activeElement === null;
  if (focused && !focused.isConnected && !dialog.contains(document.activeElement)) {
    const card = document.getElementById(ctx.target.id) ?? (next?.isConnected ? next : null);
    const place = card?.querySelector("h3 a, .buttons .button, a, button") ?? document.getElementById("main");
    place.focus({ preventScroll: true });
  } else if (focused && isLost) focused.focus({ preventScroll: true });
  // What went wrong is beside a field: there the person goes on.
  if (ctx.response?.status >= 400 && ctx.hx?.retarget) {
    const trouble = document.querySelector(ctx.hx.retarget);
    const field = document.querySelector(`[aria-describedby~="${trouble?.id}"]`);
    if (field) field.focus();
    else if (trouble) { trouble.tabIndex = -1; trouble.focus(); }
  }
});

times(document);
setInterval(tick, 1000);
