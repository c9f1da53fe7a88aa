// Nothing here is needed to use the hub: pages work as plain forms. It copies values, and refreshes what changed.

// Parts of the page marked data-live="topic" are fetched again when the hub says that their topic changed. Only while the page is visible.
let stream = null;

function topics() {
  return [...new Set([...document.querySelectorAll("[data-live]")].map(part => part.dataset.live))].sort();
}

// The ids of parts that changed while they were being fetched: the answer may be from before, and what waits in htmx goes with the part that the answer replaces.
const changedAgain = new Set();

function changed(topic) {
  for (const part of document.querySelectorAll("[data-live]")) if (part.dataset.live === topic) fetchAgain(part);
}

function fetchAgain(part) {
  if (part.contains(document.activeElement?.closest("form") ?? null)) return;
  if (part.classList.contains("htmx-request")) changedAgain.add(part.id);
  else htmx.trigger(part, "postrider-changed");
}

function fetchMissed() {
  const missed = [...changedAgain];
  changedAgain.clear();
  for (const part of document.querySelectorAll("[data-live]")) if (missed.includes(part.id)) fetchAgain(part);
}

function listen() {
  const wanted = document.visibilityState === "visible" ? topics() : [];
  const address = wanted.length === 0 ? null : "/live?" + wanted.map(topic => "topic=" + encodeURIComponent(topic)).join("&");
  if ((stream?.address ?? null) === address) return;
  stream?.source.close();
  stream = null;
  if (address === null) return;
  stream = { address, source: new EventSource(address) };
  let opened = false;
  stream.source.addEventListener("open", () => {
    // The line was down: whatever changed meanwhile was not heard.
    if (opened) wanted.forEach(changed);
    opened = true;
  });
  stream.source.addEventListener("changed", event => changed(event.data));
}

document.addEventListener("visibilitychange", () => {
  const wasAway = stream === null;
  listen();
  if (wasAway && document.visibilityState === "visible") topics().forEach(changed);
});
document.addEventListener("htmx:afterSettle", () => { listen(); fetchMissed(); });
addEventListener("pagehide", () => { stream?.source.close(); stream = null; });
addEventListener("pageshow", listen);
listen();

document.addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (button === null) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  await navigator.clipboard.writeText(field.value);
  const label = button.querySelector("span");
  const before = label.textContent;
  label.textContent = button.dataset.copied;
  setTimeout(() => { label.textContent = before; }, 1500);
});

// Says that files will go as links, before they are sent. base64 makes four bytes of three, and line ends besides.
document.addEventListener("change", event => {
  const limit = Number(event.target.dataset?.linksOver);
  if (!limit) return;
  const bytes = [...event.target.files].reduce((sum, file) => sum + file.size, 0);
  document.getElementById("links-note").hidden = bytes * 4 / 3 * 78 / 76 + 4096 <= limit;
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", event => {
  if (event.target.hasAttribute("hx-post")) return;
  if (event.target.dataset.sent === "1") event.preventDefault();
  else if (event.target.method === "post") event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

// Marks every box of a list at once.
document.addEventListener("change", event => {
  const name = event.target.dataset?.pickAll;
  if (name === undefined) return;
  for (const box of event.target.form.querySelectorAll(`input[type=checkbox][name="${name}"]`)) box.checked = event.target.checked;
});

// Ctrl+Enter in a text sends its form.
document.addEventListener("keydown", event => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.tagName !== "TEXTAREA") return;
  const button = event.target.form?.querySelector("button[data-send]");
  if (button) { event.preventDefault(); event.target.form.requestSubmit(button); }
});

// What was unfolded stays so when its part of the page comes anew, and what a person has ticked, chosen or typed there and not yet sent.
let unfolded = new Map();
let begun = [];

function isBegun(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some(option => option.selected !== option.defaultSelected);
  return field.type !== "hidden" && field.type !== "file" && field.value !== field.defaultValue;
}

function sameField(field) {
  if (field.id) return document.getElementById(field.id);
  return [...document.getElementsByName(field.name)].find(one => one.type === field.type && (field.type !== "checkbox" && field.type !== "radio" || one.value === field.value)) ?? null;
}

document.addEventListener("htmx:beforeSwap", event => {
  const part = event.detail.target;
  unfolded = new Map([...part.querySelectorAll("details[id]")].map(fold => [fold.id, fold.open]));
  begun = part.dataset.live === undefined ? [] : [...part.querySelectorAll("input, select, textarea")].filter(isBegun);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const [id, open] of unfolded) { const part = document.getElementById(id); if (part !== null) part.open = open; }
  for (const field of begun) {
    const now = sameField(field);
    if (now === null || now === field) continue;
    if (field.type === "checkbox" || field.type === "radio") now.checked = field.checked;
    else if (field.tagName !== "SELECT" || [...now.options].some(option => option.value === field.value)) now.value = field.value;
  }
  unfolded = new Map();
  begun = [];
});

// A link into a folded message unfolds it.
function unfoldTarget() {
  const fold = location.hash.length > 1 ? document.getElementById(location.hash.slice(1))?.querySelector("details") : null;
  if (fold) fold.open = true;
}
addEventListener("hashchange", unfoldTarget);
unfoldTarget();

// A file that is too large is refused before it is read: the answer is no part of the page, so the words come from the field.
document.addEventListener("htmx:responseError", event => {
  const words = event.detail.elt.dataset?.tooLarge;
  if (words === undefined || event.detail.xhr.status !== 413) return;
  event.detail.elt.value = "";
  const note = document.getElementById("field-attachments-note");
  note.textContent = words;
  note.className = "invalid-feedback d-block";
});
