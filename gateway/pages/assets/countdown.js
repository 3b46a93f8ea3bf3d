// Counts down to a release by the server's clock; says aloud only what matters.

/** What is said aloud, in seconds before the moment. */
const SPOKEN_S = [600, 300, 60, 10];
/** After the moment, so that a clock that is a little fast sends nothing too early, in milliseconds. */
const MARGIN_MS = 250;

/** Shows the time left in `box`, and calls `opened` once when it is over. */
export function countDown(box, now, opened) {
  const opensAt = Number(box.dataset.opens);
  const digits = box.querySelector("strong");
  const status = box.querySelector("[role=status]");
  let spoken = Infinity;
  box.hidden = false;

  function tick() {
    const left = opensAt - now();
    if (left <= -MARGIN_MS) {
      digits.textContent = "00:00:00";
      status.textContent = box.dataset.opened;
      return opened();
    }
    const seconds = Math.max(0, Math.ceil(left / 1000));
    digits.textContent = clockFace(seconds);
    const due = SPOKEN_S.find((at) => seconds <= at && at < spoken && seconds > at - 5);
    if (due) {
      spoken = due;
      status.textContent =
        due >= 60
          ? box.dataset.minutes.replace("[n]", due / 60)
          : box.dataset.seconds.replace("[n]", due);
    }
    setTimeout(tick, left > 0 ? Math.min(250, left + MARGIN_MS) : 50);
  }
  tick();
}

function clockFace(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
