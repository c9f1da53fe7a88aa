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

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", event => {
  if (event.target.hasAttribute("hx-post")) return;
  if (event.target.dataset.sent === "1") event.preventDefault();
  else if (event.target.method === "post") event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
