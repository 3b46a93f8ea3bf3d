// The server's clock, as well as a device can know it: a device's own may be wrong by minutes.
// It is asked anew every minute, and whenever the page wakes up.

/** How often the server is asked, in milliseconds. */
const EVERY_MS = 60_000;
/** Of so many answers the quickest is believed. */
const SAMPLES = 3;

/** Gives a function that says the server's time, in milliseconds since 1970. */
export function serverClock() {
  // Until the server has answered, the device's own clock has to do.
  let offset = Date.now() - performance.now();

  async function ask() {
    let quickest = Infinity;
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      try {
        const sent = performance.now();
        const response = await fetch("/clock", { cache: "no-store" });
        const text = await response.text();
        const took = performance.now() - sent;
        if (response.ok && took < quickest) {
          quickest = took;
          offset = Number(text) - (sent + took / 2);
        }
      } catch (error) {
        // Without a connection the last answer goes on.
        return;
      }
    }
  }

  ask();
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  return () => performance.now() + offset;
}
