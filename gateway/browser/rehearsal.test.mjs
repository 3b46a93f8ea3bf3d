// A release in the browser: three people wait for the one place at a time, a crowd of bots asks for it
// all the while. One of the three books it by one press; the others are told what is left.

import assert from "node:assert/strict";
import { test } from "node:test";

import { follow, heading, stage } from "./site.mjs";
import { WORDS } from "./words.mjs";

/** Long enough for three browsers to get ready on a busy machine. */
const RELEASE_IN_S = 40;
const BOTS = 12;
/** Between a bot's requests, in milliseconds: a bound on the load. */
const BOT_PAUSE_MS = 200;

const words = WORDS.uk;
const { site, visitor, logIn } = stage(["--release-in", `${RELEASE_IN_S}s`]);

/** Logs a program in through the hub, and gives its session's cookie. */
async function session(person) {
  const jar = (response) => response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  const begun = await fetch(`${site.origin}/login?return=/`, { redirect: "manual" });
  const hub = `${begun.headers.get("location")}&person=${person}`;
  const back = await fetch(hub, { redirect: "manual" });
  const headers = { cookie: jar(begun).join("; ") };
  const done = await fetch(back.headers.get("location"), { redirect: "manual", headers });
  return jar(done).find((cookie) => cookie.startsWith("talon_session="));
}

/** Asks for the place without a proof, again and again, until told to stop. */
async function bot(person, date, stop) {
  const cookie = await session(person);
  const headers = { cookie, origin: site.origin, "content-type": "application/json" };
  const wishes = [{ date, time: "09:00" }];
  const body = JSON.stringify({ authority: "city", office: 2, service: "exchange", wishes });
  const statuses = new Set();
  for (let attempt = 0; !stop.aborted; attempt += 1) {
    const key = { "idempotency-key": `bot-${person}-${attempt}` };
    const options = { method: "POST", headers: { ...headers, ...key }, body };
    const response = await fetch(`${site.origin}/api/v1/bookings`, options);
    await response.arrayBuffer();
    statuses.add(response.status);
    await new Promise((resolve) => setTimeout(resolve, BOT_PAUSE_MS));
  }
  return statuses;
}

/** Goes to the day that opens, wishes for 09:00, logs in, and waits with a solved proof. */
async function prepare(page, person) {
  await page.goto("/book/city/exchange/2");
  await follow(page, page.locator(".cards a.closed").first());
  assert.equal(await heading(page), words.notOpen);
  const date = new URL(page.url()).pathname.split("/").pop();
  await page.getByRole("checkbox", { name: "09:00" }).check();
  await follow(page, page.getByRole("button", { name: words.prepare }));
  await page.getByRole("link", { name: "Увійти й продовжити" }).click();
  await logIn(page, person);
  assert.equal(await heading(page), words.ready, "the login keeps the wishes");
  assert.equal(await page.locator("[data-time='09:00']").count(), 1);
  await page.locator(".proof [role=status]", { hasText: "Готово" }).waitFor();
  assert.match(await page.locator("[role=timer]").innerText(), /^00:0[01]:\d\d$/);
  return date;
}

/** Without scripts: wishes for any time of the day that opens, asks to wait instead of a proof, presses. */
async function pressWithoutScripts(page, person) {
  await page.goto("/book/city/driving/1");
  await follow(page, page.locator(".cards a.closed").first());
  await follow(page, page.getByRole("button", { name: words.prepare }));
  await page.getByRole("link", { name: "Увійти й продовжити" }).click();
  await logIn(page, person);
  await follow(page, page.getByRole("button", { name: words.wait }));
  await follow(page, page.getByRole("button", { name: words.book, exact: true }));
}

test("of three who wait one gets the place, and the others are told what is left", async () => {
  const three = await Promise.all([1, 2, 3].map(() => visitor()));
  // Somebody else only watches the day.
  const watcher = await visitor();
  await watcher.page.goto("/book/city/exchange/2");
  await follow(watcher.page, watcher.page.locator(".cards a.closed").first());
  const plain = await visitor({ javaScriptEnabled: false });
  await pressWithoutScripts(plain.page, 410);
  assert.equal(await heading(plain.page), words.notOpen, "pressed too early");
  const dates = await Promise.all(three.map(({ page }, index) => prepare(page, 401 + index)));
  console.log(`ready ${await three[0].page.locator('[role=timer]').innerText()} before the release`);
  const stop = new AbortController();
  const bots = Array.from({ length: BOTS }, (_, index) => bot(500 + index, dates[0], stop.signal));
  // One press each, before the moment: the form goes by itself.
  for (const { page } of three) {
    await page.getByRole("button", { name: words.book, exact: true }).click();
    await page.locator(".sending", { hasText: "Прийнято" }).waitFor();
    assert.equal(await heading(page), words.ready, "nothing was sent before the moment");
  }
  const outcome = /Вас записано|Обраний час уже зайняли/;
  await Promise.all(three.map(({ page }) => page.locator("h1", { hasText: outcome }).waitFor()));
  stop.abort();
  const headings = await Promise.all(three.map(({ page }) => heading(page)));
  assert.equal(headings.filter((text) => text === words.booked).length, 1, headings.join("; "));
  for (const { page, errors } of three) {
    if ((await heading(page)) === words.booked) {
      assert.ok((await page.locator("main").innerText()).includes("09:00"));
    } else {
      const left = await page.locator(".times strong").allInnerTexts();
      assert.deepEqual(left, ["09:20", "09:40"], "the others are told what is left");
      assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
    }
    assert.deepEqual(errors, []);
  }
  for (const statuses of await Promise.all(bots)) {
    assert.ok(!statuses.has(201), "nobody books without a proof");
    assert.ok(statuses.has(409) || statuses.has(403), [...statuses].join());
  }
  // Whoever watched sees the times without having pressed anything.
  await watcher.page.locator("h1", { hasText: words.times }).waitFor();
  const free = await watcher.page.locator(".times strong").allInnerTexts();
  assert.ok(free.length > 0 && free.every((time) => time.startsWith("09:")), free.join());
  assert.deepEqual(watcher.errors, []);
  // One of those left is booked like any other, with a proof of its own.
  const { page } = three[headings.findIndex((text) => text !== words.booked)];
  await follow(page, page.locator(".times a").last());
  await page.getByRole("button", { name: words.book, exact: true }).click();
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), words.booked);
  // Pressed too early is not lost: the same form goes again.
  await follow(plain.page, plain.page.getByRole("button", { name: "Спробувати ще раз" }));
  assert.equal(await heading(plain.page), words.booked);
  // When the last place is gone, that is the outcome.
  await follow(watcher.page, watcher.page.locator(".times a").first());
  await watcher.page.getByRole("link", { name: "Увійти й продовжити" }).click();
  await logIn(watcher.page, 411);
  await watcher.page.getByRole("button", { name: words.book, exact: true }).click();
  await watcher.page.waitForURL("**/tickets/*");
  const late = three.find((each, index) => headings[index] !== words.booked && each.page !== page).page;
  await late.reload();
  await late.getByRole("button", { name: words.book, exact: true }).click();
  await late.locator("h1", { hasText: "Вільних місць на цей день не лишилося" }).waitFor();
});
