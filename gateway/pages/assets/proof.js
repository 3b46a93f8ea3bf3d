// Solves the proof that booking asks for, in a worker, while the person reads the page or waits for a
// release, and puts it into the form. Says how far it is, and how long it usually takes here.

/** A solution is renewed this long before its challenge ends, in milliseconds. */
const MARGIN_MS = 60_000;
/** How often it is asked whether a proof is needed by now, in milliseconds: a challenge for a release can be had ten minutes before. */
const ASK_AGAIN_MS = 30_000;
/** An estimate needs so much of the search, in milliseconds of it. */
const ESTIMATE_AFTER_MS = 600;

/** Starts at once. `needed`: whether a proof that is not asked for yet may be asked for later. */
export function prove(form, { later = false } = {}) {
  const box = form.querySelector(".proof");
  const unable = form.querySelector(".unable");
  const status = box.querySelector("[role=status]");
  const estimate = box.querySelector(".estimate");
  const progress = box.querySelector("progress");
  const answer = form.elements.namedItem("altcha");
  let isReady = false;
  let waiting = [];

  unable.hidden = true;
  box.hidden = false;
  begin();
  return {
    /** Fulfilled with whether the form may go: when the proof is there, or none is asked for. */
    ready() {
      return isReady ? Promise.resolve(true) : new Promise((resolve) => waiting.push(resolve));
    },
  };

  async function begin() {
    isReady = false;
    answer.value = "";
    progress.value = 0;
    say("working");
    if (!self.crypto || !self.crypto.subtle || !self.Worker) {
      return fail("unable");
    }
    try {
      const response = await fetch(form.dataset.challenge, { headers: { accept: "application/json" } });
      if (response.status === 404) {
        return notNeeded();
      }
      if (!response.ok) {
        return fail("failed");
      }
      box.hidden = false;
      solve(await response.json(), Date.parse(response.headers.get("date")) || Date.now());
    } catch (error) {
      fail("failed");
    }
  }

  function solve(challenge, now) {
    // By the server's clock: the device's own may be wrong.
    const lastsMs = challenge.parameters.expiresAt * 1000 - now;
    const started = performance.now();
    const worker = new Worker(form.dataset.worker);
    worker.onerror = () => fail("failed");
    worker.onmessage = ({ data }) => {
      if (data.unable) {
        fail("unable");
      } else if (data.solution) {
        worker.terminate();
        answer.value = btoa(JSON.stringify({ challenge, solution: data.solution }));
        progress.value = 1;
        estimate.textContent = "";
        settle("ready");
        setTimeout(begin, Math.max(lastsMs - MARGIN_MS, MARGIN_MS));
      } else {
        progress.value = data.progress;
        if (performance.now() - started > ESTIMATE_AFTER_MS) {
          const seconds = Math.max(1, Math.round(data.usualMs / 1000));
          estimate.textContent = box.dataset.estimate.replace("[n]", seconds);
        }
      }
    };
    worker.postMessage(challenge.parameters);
  }

  /** Nothing is asked for: the form may go as it is. */
  function notNeeded() {
    box.hidden = true;
    settle("");
    if (later) {
      setTimeout(begin, ASK_AGAIN_MS * (1 + Math.random()));
    }
  }

  function settle(what) {
    isReady = true;
    say(what);
    waiting.forEach((resolve) => resolve(true));
    waiting = [];
  }

  function fail(what) {
    box.hidden = false;
    progress.hidden = true;
    unable.hidden = false;
    say(what);
    waiting.forEach((resolve) => resolve(false));
    waiting = [];
  }

  function say(what) {
    const text = what ? box.dataset[what] : "";
    if (status.textContent !== text) {
      status.textContent = text;
    }
  }
}
