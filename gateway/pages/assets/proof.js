// Solves the proof that booking asks for, while the person reads the page, and sends the form with
// it. Pressing the button too early is no mistake: the form goes as soon as the proof is there.

const form = document.querySelector("form[data-challenge]");
const box = form.querySelector(".proof");
const status = box.querySelector("[role=status]");
const progress = box.querySelector("progress");
const answer = form.elements.namedItem("altcha");

/** A solution is renewed this long before its challenge ends, in milliseconds. */
const MARGIN_MS = 60_000;

let isNeeded = true;
let isPressed = false;
let isSent = false;

box.hidden = false;
form.addEventListener("submit", (event) => {
  if (isSent) {
    event.preventDefault();
  } else if (answer.value || !isNeeded) {
    isSent = true;
  } else {
    event.preventDefault();
    isPressed = true;
    say("waiting");
  }
});
// Coming back to this page from the next one: the button works again.
addEventListener("pageshow", () => (isSent = false));
begin();

async function begin() {
  answer.value = "";
  progress.value = 0;
  say(isPressed ? "waiting" : "working");
  if (!globalThis.crypto?.subtle || !globalThis.Worker) {
    return fail("unable");
  }
  try {
    const response = await fetch(form.dataset.challenge, { headers: { accept: "application/json" } });
    if (response.status === 404) {
      return letGo();
    }
    if (!response.ok) {
      return fail("failed");
    }
    const challenge = await response.json();
    // By the server's clock: the device's own may be wrong.
    const now = Date.parse(response.headers.get("date")) || Date.now();
    const lastsMs = challenge.parameters.expiresAt * 1000 - now;
    const worker = new Worker(form.dataset.worker, { type: "module" });
    worker.onerror = () => fail("failed");
    worker.onmessage = ({ data }) => {
      if (data.unable) {
        fail("unable");
      } else if (data.solution) {
        worker.terminate();
        finish(challenge, data.solution, lastsMs);
      } else {
        progress.value = data.progress;
      }
    };
    worker.postMessage(challenge.parameters);
  } catch {
    fail("failed");
  }
}

function finish(challenge, solution, lastsMs) {
  answer.value = btoa(JSON.stringify({ challenge, solution }));
  progress.value = 1;
  say("ready");
  if (isPressed) {
    form.requestSubmit();
  } else {
    setTimeout(() => isSent || begin(), Math.max(lastsMs - MARGIN_MS, MARGIN_MS));
  }
}

/** The pressure is over and nothing is asked for any more: the form goes as it is. */
function letGo() {
  isNeeded = false;
  box.hidden = true;
  if (isPressed) {
    form.requestSubmit();
  }
}

function fail(what) {
  progress.hidden = true;
  say(what);
}

function say(what) {
  const text = box.dataset[what];
  if (status.textContent !== text) {
    status.textContent = text;
  }
}
