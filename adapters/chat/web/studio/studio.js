// One plain page: a form, progress and a player. Text from people is only ever set as text, never as markup.
const $ = (id) => document.getElementById(id);
const HEADLINES = {
  received: "Looking at your picture", quoted: "Ready when you are", queued: "In line",
  submitting: "Handing it to the renderer", unconfirmed: "Checking whether the provider took it",
  rendering: "Rendering", fetching: "Fetching your clip", delivering: "Finishing", delivered: "Your clip is ready",
  undelivered: "Your clip is kept", failed: "This did not work", cancelled: "Cancelled",
};
const ENDED = new Set(["delivered", "undelivered", "failed", "cancelled"]);
let models = [];
let shown = null;

async function call(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || `The server answered ${answer.status}.`);
  return body;
}

function trouble(error) {
  $("trouble").textContent = error ? error.message : "";
  $("trouble").hidden = !error;
}

function fill(select, values, chosen, label = String) {
  select.replaceChildren(...values.map((value) => new Option(label(value), value, false, value === chosen)));
}

function chosenModel() {
  return models.find((each) => each.model === $("model").value) || models[0];
}

function offer() {
  const model = chosenModel();
  fill($("duration"), model.durations_s, model.default_duration_s, (seconds) => `${seconds} s`);
  fill($("resolution"), model.resolutions, model.default_resolution);
  price();
}

function price() {
  const model = chosenModel();
  const usd = model.prices_usd[`${$("resolution").value} ${$("duration").value} s`];
  const cost = Number(usd) === 0 ? "Free" : `$${usd}`;
  $("price").textContent = `${cost}: ${model.title}, a ${model.kind}.`;
}

function preview() {
  const [file] = $("image").files;
  if (!file) return;
  $("preview").src = URL.createObjectURL(file);
  $("preview").onerror = () => { $("preview").hidden = true; };
  $("preview").hidden = false;
  $("drop-text").textContent = file.name;
}

function show(job) {
  const changed = !shown || shown.id !== job.id || shown.state !== job.state;
  shown = job;
  $("job").hidden = false;
  $("headline").textContent = HEADLINES[job.state] || job.state;
  const notes = [job.error?.message, job.note, job.queue_position ? `Number ${job.queue_position} in line.` : "",
    job.state === "quoted" ? `It will cost $${job.price.quoted_usd}.` : ""];
  $("note").textContent = notes.filter(Boolean).join(" ");
  $("progress").hidden = ENDED.has(job.state) || job.state === "quoted";
  if (job.state === "rendering" && job.progress !== null) $("progress").value = job.progress;
  else $("progress").removeAttribute("value");
  $("start").hidden = job.state !== "quoted";
  $("cancel").hidden = ENDED.has(job.state) || job.state === "delivering" || job.cancel_requested;
  const url = job.output?.url;
  $("player").hidden = $("download").hidden = !url;
  if (url && changed) {
    $("player").src = url;
    $("download").href = url;
    $("download").download = `${job.id}.mp4`;
    $("player").play().catch(() => {});
  } else if (!url) {
    $("player").removeAttribute("src");
  }
}

async function follow(id) {
  for (;;) {
    const job = await call(`/api/v1/jobs/${encodeURIComponent(id)}`);
    if (shown && shown.id !== id) return;
    show(job);
    if (ENDED.has(job.state)) { await history(); return; }
    await new Promise((resume) => setTimeout(resume, document.hidden ? 3000 : 400));
  }
}

async function history() {
  const page = await call("/api/v1/jobs?limit=10");
  $("history").replaceChildren(...page.jobs.map((job) => {
    const row = document.createElement("li");
    const button = document.createElement("button");
    const what = Object.assign(document.createElement("span"), { className: "what", textContent: job.prompt });
    const state = Object.assign(document.createElement("span"), { className: "state", textContent: job.state });
    button.type = "button";
    button.append(what, state);
    button.onclick = () => { show(job); follow(job.id).catch(trouble); };
    row.append(button);
    return row;
  }));
}

async function ask(event) {
  event.preventDefault();
  trouble(null);
  const button = $("ask").querySelector("button[type=submit]");
  button.disabled = true;
  try {
    const form = new FormData($("ask"));
    const key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    const job = await call("/api/v1/jobs", { method: "POST", body: form, headers: { "Idempotency-Key": key } });
    show(job);
    follow(job.id).catch(trouble);
  } catch (error) {
    trouble(error);
  } finally {
    button.disabled = false;
  }
}

async function act(action) {
  try {
    show(await call(`/api/v1/jobs/${encodeURIComponent(shown.id)}/${action}`, { method: "POST" }));
  } catch (error) {
    trouble(error);
  }
}

function take(files) {
  if (!files.length) return;
  $("image").files = files;
  preview();
}

$("ask").addEventListener("submit", ask);
$("image").addEventListener("change", preview);
$("model").addEventListener("change", offer);
$("duration").addEventListener("change", price);
$("resolution").addEventListener("change", price);
$("start").addEventListener("click", () => act("confirm"));
$("cancel").addEventListener("click", () => act("cancel"));
document.addEventListener("paste", (event) => take(event.clipboardData.files));
for (const kind of ["dragover", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));

try {
  models = (await call("/api/v1/models")).models;
  fill($("model"), models.map((each) => each.model), models[0].model, (slug) => models.find((m) => m.model === slug).title);
  offer();
  await history();
} catch (error) {
  trouble(error);
}
