// The asking form: the picture at once, pasting and dropping, words by a press, and how far the upload has come.
const form = document.getElementById("ask");
const image = document.getElementById("image");
const preview = document.getElementById("preview");
const drop = document.getElementById("drop");
const hint = document.getElementById("image-hint");
const trouble = document.getElementById("image-trouble");
const prompt = document.getElementById("ask-prompt");
const upload = document.getElementById("upload");
const taken = hint?.textContent;
let address = null;

function show() {
  let [file] = image.files;
  trouble.textContent = "";
  if (file && file.size > Number(image.dataset.most || Infinity)) {
    // Sent all the same it would be refused unread, which a browser may show as a broken connection.
    const most = Math.floor(image.dataset.most / 1e6);
    trouble.textContent = `${file.name} has ${(file.size / 1e6).toFixed(1)} MB; at most ${most} MB are taken.`;
    image.value = "";
    file = undefined;
  }
  if (address) URL.revokeObjectURL(address);
  address = file ? URL.createObjectURL(file) : null;
  preview.hidden = !file;
  drop.classList.toggle("full", Boolean(file));
  hint.textContent = file ? file.name : taken;
  if (file) preview.src = address;
  else preview.removeAttribute("src");
}

function take(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/") || /\.(hei[cf]|avif)$/i.test(file.name));
  if (!pictures.length) {
    if (files.length) trouble.textContent = "This is not a picture.";
    return;
  }
  const chosen = new DataTransfer();
  chosen.items.add(pictures[0]);
  image.files = chosen.files;
  show();
}

// Sends a form as fetch would, and tells how far it has come: fetch itself cannot say.
function send(url, request) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open(request.method, url);
    for (const [name, value] of Object.entries(request.headers)) sending.setRequestHeader(name, value);
    sending.upload.addEventListener("progress", (event) => {
      upload.hidden = !event.lengthComputable || event.loaded === event.total;
      if (event.lengthComputable) upload.value = event.loaded / event.total;
    });
    sending.addEventListener("load", () => {
      const headers = new Headers();
      for (const line of sending.getAllResponseHeaders().trim().split("\r\n")) {
        const at = line.indexOf(":");
        if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1).trim());
      }
      resolve(new Response(sending.status === 204 ? null : sending.responseText, { status: sending.status, headers }));
    });
    sending.addEventListener("loadend", () => { upload.hidden = true; });
    sending.addEventListener("error", () => reject(new TypeError("The upload broke off.")));
    sending.addEventListener("abort", () => reject(new DOMException("Stopped.", "AbortError")));
    request.signal?.addEventListener("abort", () => sending.abort());
    sending.send(request.body);
  });
}

if (form) {
  image.addEventListener("change", show);
  preview.addEventListener("error", () => {
    preview.hidden = true;
    drop.classList.remove("full");
    const [file] = image.files;
    if (!file) return;
    const known = /^image\/(hei[cf]|avif|bmp|tiff)$/.test(file.type) || /\.(hei[cf]|avif|bmp|tiff?)$/i.test(file.name);
    const then = known ? "but Reelbot can use it." : "and Reelbot may not be able to use it.";
    hint.textContent = `${file.name}: your browser cannot show this picture, ${then}`;
  });
  document.getElementById("photo").addEventListener("change", (event) => take(event.target.files));
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) { event.preventDefault(); take(event.clipboardData.files); }
  });
  // Anywhere on the page: a picture that misses the field must not take its place in the window.
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  form.addEventListener("click", (event) => {
    const word = event.target.closest("[data-word]")?.dataset.word;
    if (!word) return;
    prompt.value = `${prompt.value.trimEnd()} ${word}`.trimStart();
    prompt.focus();
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // What opens below the edge would open unseen.
  form.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.scrollIntoView({ block: "nearest" });
  }, true);
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  form.addEventListener("htmx:config:request", (event) => {
    if (event.detail.ctx.sourceElement === form) event.detail.ctx.fetch = send;
  });
  form.addEventListener("htmx:after:swap", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement === form && ctx.response.status < 400) {
      document.querySelector("#cards > :first-child")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      document.getElementById("live").textContent = "Your clip was asked for.";
    }
  });
  // A browser that goes back keeps the file it had.
  if (image.files.length) show();
}
