// Sends a booking form, as soon as its proof is there, and says what came of it in place. A lost answer
// or a busy server is asked again under the same key, which books once however often it is sent.

import { prove } from "./proof.js";

/** Pauses before each further attempt, in milliseconds. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 8_000];
/** How long before the login's end it is told, in seconds. */
const WARNED_BEFORE_S = 120;
/** A server that asks for a longer pause is not waited for, in seconds. */
const MAX_PAUSE_S = 15;
/** Refusals that a moment may end. */
const PASSING = ["not-released", "overloaded", "unavailable", "rate-limited"];

/** Begins to prove, with the options of the proof. */
export function claim(form, options) {
  const proof = form.dataset.challenge ? prove(form, options) : null;
  const status = form.querySelector(".sending");
  const say = (what) => (status.textContent = form.dataset[what] || "");
  let sending = null;
  warnOfEnd(form);
  return {
    /** Shows the text of that name beside the button; without one, none. */
    say,
    isSending: () => sending !== null,
    /** Sends the form, once at a time; fulfilled when that has come to an end. */
    go: () => (sending = sending || go()),
  };

  async function go() {
    say("waiting");
    if (!proof || (await proof.ready())) {
      await send(form, say);
    } else {
      say("");
    }
    sending = null;
  }
}

/** Sends `form`; `say` is told how it goes. Ends on the ticket or on a page that says why not. */
async function send(form, say) {
  const fields = new URLSearchParams(new FormData(form));
  say("sending");
  for (let attempt = 0; ; attempt += 1) {
    const isLast = attempt >= PAUSES_MS.length;
    let pause = PAUSES_MS[attempt] * (1 + Math.random() / 2);
    try {
      const headers = { accept: "text/html" };
      const response = await fetch(form.action, { method: "POST", body: fields, headers });
      if (response.ok && response.redirected) {
        return location.assign(response.url);
      }
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const after = Number(response.headers.get("retry-after")) || 0;
      const problem = page.querySelector("main").dataset.problem;
      if (isLast || !PASSING.includes(problem) || after > MAX_PAUSE_S) {
        return show(page);
      }
      pause = Math.max(pause, after * 1000);
    } catch (error) {
      if (isLast) {
        return say("lost");
      }
    }
    say("again");
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Says in good time that the login ends; the link to extend it stands below the form. */
function warnOfEnd(form) {
  const inS = Math.max(0, Number(form.dataset.lasts) - WARNED_BEFORE_S);
  // Timers are counted in 31 bits.
  const inMs = Math.min(inS * 1000, 2 ** 31 - 1);
  setTimeout(() => (form.querySelector(".ending").textContent = form.dataset.ending), inMs);
}

/** Puts the answer in the page's place and begins to read it at its heading. */
function show(page) {
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  const heading = document.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
  scrollTo(0, 0);
}
