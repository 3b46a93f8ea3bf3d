// A day that is not open yet: counts down, then shows what the same address has by then.
// Everybody asks at a moment of their own, and for the same page, which a cache may answer.

import { serverClock } from "./clock.js";
import { countDown } from "./countdown.js";

/** Everybody waits for a part of this after the moment, in milliseconds. */
const SPREAD_MS = 2_500;
/** Pauses between attempts while the day is not open after all, in milliseconds. */
const PAUSES_MS = [2_000, 4_000, 8_000, 15_000, 30_000, 60_000];

const box = document.querySelector("[data-opens]");
let attempts = 0;
countDown(box, serverClock(), () => setTimeout(look, Math.random() * SPREAD_MS));

async function look() {
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (response.ok && !fresh.querySelector("[data-opens]")) {
      return show(fresh);
    }
  } catch (error) {
    // The connection may come back.
  }
  const pause = PAUSES_MS[Math.min(attempts, PAUSES_MS.length - 1)];
  attempts += 1;
  setTimeout(look, pause + Math.random() * SPREAD_MS);
}

function show(fresh) {
  document.title = fresh.title;
  document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
  const heading = document.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
}
