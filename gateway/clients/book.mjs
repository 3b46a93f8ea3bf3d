// Books a place with npm's ALTCHA solver: logs in, takes a challenge, solves it, books.
//
// Called by check.py with the gateway's address, a synthetic person's number and a service; prints the
// algorithm, and the answer's status and body, as one line of JSON.

import { webcrypto } from "node:crypto";
import { argv } from "node:process";
import { argon2id, pbkdf2, sha, solveChallenge } from "altcha/lib";

// What browsers have by themselves, and Node before version 20 under a name only.
globalThis.crypto ??= webcrypto;

const KDFS = {
  "PBKDF2/SHA-256": pbkdf2.deriveKey,
  "SHA-256": sha.deriveKey,
  ARGON2ID: argon2id.deriveKey,
};
const OFFICE = 1;

const [gateway, person, service] = argv.slice(2);

/** The answer to a request; follows no redirect. */
function ask(url, cookies, options = {}) {
  const headers = cookies ? { cookie: cookies } : {};
  return fetch(url, { redirect: "manual", ...options, headers: { ...headers, ...options.headers } });
}

function cookiesOf(answer) {
  return answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
}

async function logIn() {
  const left = await ask(`${gateway}/login`);
  const hub = await ask(`${left.headers.get("location")}&person=${person}`);
  const back = await ask(hub.headers.get("location"), cookiesOf(left).join("; "));
  const session = cookiesOf(back).find((cookie) => cookie.startsWith("talon_session="));
  return session.slice("talon_session=".length);
}

/** The date so many days from now. */
function day(ahead) {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}

const headers = { authorization: `Bearer ${await logIn()}` };
const place = `authority=small&office=${OFFICE}&service=${service}`;
const asked = await ask(`${gateway}/api/v1/challenge?${place}`, "", { headers });
const challenge = await asked.json();
const { algorithm } = challenge.parameters;
const solution = await solveChallenge({ challenge, deriveKey: KDFS[algorithm] });
// What the widget puts into the form field `altcha`.
const altcha = btoa(JSON.stringify({ challenge, solution }));
const answer = await ask(`${gateway}/api/v1/bookings`, "", {
  method: "POST",
  headers: { ...headers, "content-type": "application/json", "idempotency-key": `npm-${service}` },
  body: JSON.stringify({
    authority: "small",
    office: OFFICE,
    service,
    any: { from: day(2), to: day(9) },
    altcha,
  }),
});
console.log(JSON.stringify({ algorithm, status: answer.status, body: await answer.json() }));
