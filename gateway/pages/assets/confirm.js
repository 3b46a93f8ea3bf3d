// The confirming page: the proof is solved while the person reads. Pressing the button too early is
// no mistake: the form goes as soon as the proof is there.

import { claim } from "./send.js";

const form = document.querySelector("form.confirm");
if (form) {
  const { say, go } = claim(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  // Coming back to this page from the next one: the button works again.
  addEventListener("pageshow", () => say(""));
}
