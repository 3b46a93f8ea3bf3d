// Looks for the counter whose derived key starts with the challenge's prefix (ALTCHA, PBKDF2).
// The derivation is the browser's own, so that phones without a fast engine are not behind.

/** Derivations under way at once: the browser has threads of its own for them. */
const AT_ONCE = 8;
/** Counters are four bytes. */
const END = 2 ** 32;

self.onmessage = async ({ data: parameters }) => {
  const [kind, hash] = parameters.algorithm.split("/");
  if (kind !== "PBKDF2") {
    self.postMessage({ unable: true });
    return;
  }
  const started = performance.now();
  const { keyPrefix } = parameters;
  const expected = 16 ** keyPrefix.length;
  for (let counter = 0; counter < END; counter += AT_ONCE) {
    const counters = Array.from({ length: AT_ONCE }, (_, index) => counter + index);
    const keys = await Promise.all(counters.map((each) => derive(parameters, hash, each)));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    const time = performance.now() - started;
    if (found >= 0) {
      const solution = { counter: counters[found], derivedKey: keys[found], time: Math.round(time) };
      self.postMessage({ solution });
      return;
    }
    const tried = counter + AT_ONCE;
    self.postMessage({
      // The chance that a search of this length has ended by now.
      progress: 1 - Math.exp(-tried / expected),
      // How long a search takes on this device on average, by what it has done so far.
      usualMs: (time / tried) * expected,
    });
  }
};

async function derive({ nonce, salt, cost, keyLength }, hash, counter) {
  const start = bytes(nonce);
  const password = new Uint8Array(start.length + 4);
  password.set(start);
  new DataView(password.buffer).setUint32(start.length, counter);
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const rules = { name: "PBKDF2", hash, salt: bytes(salt), iterations: cost };
  const derived = await crypto.subtle.deriveBits(rules, key, keyLength * 8);
  return Array.from(new Uint8Array(derived), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
}
