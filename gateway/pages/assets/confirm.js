// The confirming page: the proof is solved while the person reads. Pressing the button too early is
// no mistake: the form goes as soon as the proof is there.

import { prove } from "./proof.js";
import { send, warnOfEnd } from "./send.js";

const form = document.querySelector("form.confirm");
if (form) {
  warnOfEnd(form);
  const proof = form.dataset.challenge ? prove(form) : null;
  const status = form.querySelector(".sending");
  const say = (what) => (status.textContent = form.dataset[what] || "");
  let isSending = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSending) {
      return;
    }
    isSending = true;
    say("waiting");
    if (!proof || (await proof.ready())) {
      await send(form, say);
    } else {
      say("");
    }
    isSending = false;
  });
  // Coming back to this page from the next one: the button works again.
  addEventListener("pageshow", () => say(""));
}
