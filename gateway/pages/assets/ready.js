// The page that waits for a release: counts down by the server's clock, solves the proof ahead, and
// sends the form once, when the moment has come and the button was pressed, in whichever order.
// What is still free is one snapshot for everybody, asked for at a moment of one's own.

import { serverClock } from "./clock.js";
import { countDown } from "./countdown.js";
import { claim } from "./send.js";

/** Pauses between looks at what is left after the moment, in milliseconds. */
const LOOKS_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000];

const form = document.querySelector("form.confirm");
const box = document.querySelector("[data-opens]");
const left = document.querySelector("[data-snapshot]");
let isOpen = !box;
let isPressed = false;
const claimed = form && claim(form, { later: true });

if (box) {
  countDown(box, serverClock(), () => {
    isOpen = true;
    form && isPressed ? go() : lookLater(0);
  });
} else {
  lookLater(0);
}
if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    isPressed = true;
    isOpen ? go() : arm();
  });
  addEventListener("pageshow", () => isPressed || claimed.say(""));
}

/** The form goes by itself; a phone that falls asleep before could not send it. */
function arm() {
  claimed.say("armed");
  if (navigator.wakeLock) {
    navigator.wakeLock.request("screen").catch(() => {});
  }
}

async function go() {
  await claimed.go();
  isPressed = false;
}

function lookLater(count) {
  const pause = LOOKS_MS[Math.min(count, LOOKS_MS.length - 1)];
  setTimeout(() => look(count), pause * (0.5 + Math.random()));
}

async function look(count) {
  if ((claimed && claimed.isSending()) || !document.contains(left)) {
    return;
  }
  try {
    const response = await fetch(left.dataset.snapshot, { headers: { accept: "application/json" } });
    const day = await response.json();
    if (response.ok && day.open) {
      show(day.starts);
    }
  } catch (error) {
    // The next look may work.
  }
  lookLater(count + 1);
}

function show(starts) {
  const free = new Set(starts.map((start) => start.time));
  left.textContent = left.dataset.left.replace("[n]", free.size);
  document.querySelectorAll("[data-time]").forEach((wish) => {
    const isFree = free.has(wish.dataset.time);
    wish.querySelector(".fate").textContent = isFree ? left.dataset.free : left.dataset.taken;
  });
}
