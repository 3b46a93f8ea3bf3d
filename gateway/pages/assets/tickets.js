// My tickets: printing, and saving them on this device, which nobody does by accident.

const SAVED = "tickets";
const WORKER = "/tickets-worker.js";

const main = document.querySelector("main");
const box = document.querySelector(".device");
const status = box && box.querySelector("[role=status]");

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => print());
});

// A saved copy may be old: whoever reads it without a connection is told so.
if (!navigator.onLine) {
  const note = document.querySelector(".offline");
  note && (note.hidden = false);
}

if (box && "serviceWorker" in navigator && self.caches) {
  const [save, forget] = box.querySelectorAll("button");
  box.hidden = false;
  caches.has(SAVED).then(show);
  save.addEventListener("click", () => keep().then(() => show(true, "saved"), () => show(false, "failed")));
  forget.addEventListener("click", () => drop().then(() => show(false, "forgotten")));

  function show(isSaved, said) {
    save.hidden = isSaved;
    forget.hidden = !isSaved;
    if (said) {
      status.textContent = box.dataset[said];
      (isSaved ? forget : save).focus();
    }
  }
}
// The worker forgets too, where there is one.
document.querySelectorAll("form[action='/logout']").forEach((form) => {
  form.addEventListener("submit", () => self.caches && caches.delete(SAVED));
});

/** Saves this list, each ticket on it, and what they look like. */
async function keep() {
  const links = [...main.querySelectorAll("a.card[href^='/tickets/']")].map((link) => link.href);
  const files = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")];
  const looks = files.map((file) => file.href || file.src);
  await caches.delete(SAVED);
  const saved = await caches.open(SAVED);
  await saved.addAll([location.href, ...links, ...looks]);
  await navigator.serviceWorker.register(WORKER, { scope: "/" });
  await navigator.serviceWorker.ready;
}

async function drop() {
  await caches.delete(SAVED);
  const registration = await navigator.serviceWorker.getRegistration("/");
  return registration && registration.unregister();
}
