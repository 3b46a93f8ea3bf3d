// The whole flow in both languages: with scripts, by keyboard alone, and without scripts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { follow, heading, stage } from "./site.mjs";
import { WORDS } from "./words.mjs";

const { visitor, logIn } = stage();

/** From the front page to the confirming page of a time on the last open day. */
async function choose(page, words, service) {
  await page.goto("/");
  assert.equal(await heading(page), words.front);
  await follow(page, page.getByRole("link", { name: words.authority }));
  await follow(page, page.getByRole("link", { name: service }));
  assert.equal(await heading(page), service);
  const region = page.locator("details.region").filter({ hasText: words.town.source.slice(1) }).first();
  await region.locator("summary").click();
  await follow(page, page.getByRole("link", { name: words.town }));
  assert.equal(await heading(page), words.days);
  await follow(page, page.locator("a.day").last());
  assert.equal(await heading(page), words.times);
  await follow(page, page.locator(".times a").first());
  assert.equal(await heading(page), words.confirm);
}

let person = 100;
for (const words of Object.values(WORDS)) {
  test(`a visit is booked, shown and cancelled with a proof (${words.tag})`, async () => {
    const { page, context, errors } = await visitor({ locale: words.locale });
    await choose(page, words, words.driving);
    const confirming = page.url();
    await page.getByRole("link", { name: words.logIn }).click();
    await logIn(page, ++person);
    assert.equal(page.url(), confirming, "a login returns to where it began");
    // Pressed before the proof is there: it goes by itself.
    await page.getByRole("button", { name: words.book, exact: true }).click();
    await page.waitForURL("**/tickets/*");
    assert.equal(await heading(page), words.booked);
    const ticket = page.url();
    await page.goto(confirming);
    assert.equal(page.url(), confirming, "another desk is free at the same time");
    await page.getByRole("button", { name: words.book, exact: true }).click();
    await page.locator("h1", { hasText: words.again }).waitFor();
    const focused = await page.evaluate(() => document.activeElement.tagName);
    assert.equal(focused, "H1", "focus is on the outcome");
    await page.goto(ticket);
    await page.locator("summary", { hasText: words.cancel }).click();
    await follow(page, page.getByRole("button", { name: words.cancelYes }));
    assert.equal(await heading(page), words.cancelled);
    // A limit is said with its rule, and until when it holds.
    await page.goto(confirming);
    await page.getByRole("button", { name: words.book, exact: true }).click();
    await page.locator("h1", { hasText: words.limited }).waitFor();
    assert.match(await page.locator("main").innerText(), words.until);
    assert.deepEqual(errors, []);
    await context.close();
  });

  test(`all but the proof works without scripts, and waiting stands for it (${words.tag})`, async () => {
    const options = { locale: words.locale, javaScriptEnabled: false };
    const { page, context } = await visitor(options);
    await choose(page, words, words.driving);
    await page.getByRole("link", { name: words.logIn }).click();
    await logIn(page, ++person);
    assert.ok(await page.locator(".unable").isVisible(), "what this browser cannot do is said");
    await follow(page, page.getByRole("button", { name: words.wait }));
    assert.equal(await heading(page), words.confirm);
    await page.reload();
    assert.equal(await page.locator(".unable").count(), 0, "a reload keeps the promise");
    await follow(page, page.getByRole("button", { name: words.book, exact: true }));
    assert.equal(await heading(page), words.booked);
    await follow(page, page.locator(".looks button[value=larger]"));
    await follow(page, page.locator(".looks button[value=high-contrast]"));
    assert.equal(await page.locator("html").getAttribute("data-contrast"), "high");
    await follow(page, page.locator(".looks button[name=language]"));
    assert.notEqual(await page.locator("html").getAttribute("lang"), words.tag);
    await page.locator("summary", { hasText: /Скасувати запис|Cancel the booking/ }).click();
    await follow(page, page.getByRole("button", { name: /Так, скасувати|Yes, cancel it/ }));
    assert.match(await heading(page), /Запис скасовано|The booking is cancelled/);
    await context.close();
  });

  test(`times abroad name their zone (${words.tag})`, async () => {
    const { page, context } = await visitor({ locale: words.locale });
    await page.goto("/book/city/exchange/3");
    assert.ok((await page.locator("main").innerText()).includes(words.zone));
    await follow(page, page.locator("a.day").last());
    assert.ok((await page.locator("main").innerText()).includes(words.zone));
    await context.close();
  });
}

test("a browser that cannot run the proof is told so, and the other ways to book", async () => {
  const words = WORDS.en;
  const { page, context, errors } = await visitor({ locale: words.locale });
  // As in a browser without workers.
  await page.addInitScript(() => Object.defineProperty(self, "Worker", { value: undefined }));
  await choose(page, words, words.driving);
  await page.getByRole("link", { name: words.logIn }).click();
  await logIn(page, ++person);
  const notice = page.locator(".unable");
  await page.locator(".proof [role=status]", { hasText: "cannot solve the puzzle" }).waitFor();
  assert.ok(await notice.isVisible());
  assert.equal(await notice.locator("a").first().getAttribute("href"), "tel:+380441234567");
  await follow(page, page.getByRole("button", { name: words.wait }));
  await page.getByRole("button", { name: words.book, exact: true }).click();
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), words.booked);
  assert.deepEqual(errors, []);
  await context.close();
});

test("a proof that takes long shows how far it is and how long it usually takes here", async () => {
  const words = WORDS.uk;
  const { page, context, errors } = await visitor();
  // Harder than any server asks for, so that there is time to look.
  await page.route("**/api/v1/challenge?*", async (route) => {
    const response = await route.fetch();
    const challenge = await response.json();
    challenge.parameters.keyPrefix = "000000";
    await route.fulfill({ response, json: challenge });
  });
  await choose(page, words, words.driving);
  await page.getByRole("link", { name: words.logIn }).click();
  await logIn(page, ++person);
  await page.locator(".estimate", { hasText: /^На цьому пристрої це зазвичай триває близько \d+ с\.$/ }).waitFor();
  const progress = await page.locator(".proof progress").evaluate((bar) => bar.value);
  assert.ok(progress > 0 && progress < 1, String(progress));
  await page.getByRole("button", { name: words.book, exact: true }).click();
  await page.locator(".sending", { hasText: "щойно задачу буде розв’язано" }).waitFor();
  assert.equal(await heading(page), words.confirm, "nothing goes without the proof");
  assert.deepEqual(errors, []);
  await context.close();
});

test("an answer that is lost is asked for again, and books once", async () => {
  const words = WORDS.uk;
  const { page, context } = await visitor();
  await choose(page, words, words.driving);
  await page.getByRole("link", { name: words.logIn }).click();
  await logIn(page, ++person);
  let sent = 0;
  await page.route("**/book/**", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    sent += 1;
    if (sent > 1) return route.continue();
    // The server has booked, and nobody hears of it.
    await route.fetch({ maxRedirects: 0 });
    await route.abort("connectionreset");
  });
  await page.getByRole("button", { name: words.book, exact: true }).click();
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), words.booked);
  assert.equal(sent, 2);
  await page.goto("/tickets");
  assert.equal(await page.locator("a.card").count(), 1);
  await context.close();
});

/** Presses Tab until what has the focus fits, and Enter on it. */
async function press(page, fits, key = "Enter") {
  for (let tabs = 0; tabs < 200; tabs += 1) {
    await page.keyboard.press("Tab");
    const text = await page.evaluate(() => {
      const focused = document.activeElement;
      return focused === document.body ? "" : focused.innerText || focused.value || "";
    });
    if (fits(text)) {
      const visible = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
      });
      assert.ok(visible, `the focus on “${text}” can be seen`);
      return page.keyboard.press(key);
    }
  }
  assert.fail("the keyboard does not reach it");
}

for (const words of Object.values(WORDS)) {
  test(`what people ask is opened by the keyboard, without scripts (${words.tag})`, async () => {
    const options = { locale: words.locale, javaScriptEnabled: false };
    const { page, context } = await visitor(options);
    await page.goto("/book/city/exchange");
    await Promise.all([page.waitForNavigation(), press(page, (text) => text === words.moreQuestions)]);
    assert.equal(new URL(page.url()).pathname, "/book/city");
    assert.ok(await page.getByRole("heading", { name: words.questions }).isVisible());
    const answer = page.getByText(words.lateAnswer);
    assert.ok(!(await answer.isVisible()), "an answer is not in the way");
    await press(page, (text) => text === words.late);
    assert.ok(await answer.isVisible());
    await page.keyboard.press("Enter");
    assert.ok(!(await answer.isVisible()), "and closes again");
    await context.close();
  });
}

test("a visit is booked and cancelled by the keyboard alone", async () => {
  const words = WORDS.uk;
  const { page, context } = await visitor();
  const next = (fits) => Promise.all([page.waitForNavigation(), press(page, fits)]);
  await page.goto("/");
  await next((text) => text.includes(words.authority));
  await next((text) => text.includes(words.service));
  await press(page, (text) => text.startsWith("Київ"));
  await next((text) => text.startsWith("Місто"));
  // Not the first free days, so that the visit can be cancelled.
  let seen = 0;
  await next((text) => /: \d+ місц/.test(text) && (seen += 1) > 2);
  await next((text) => /^\d\d:\d\d/.test(text));
  await press(page, (text) => text.includes(words.logIn));
  await logIn(page, ++person);
  await press(page, (text) => text === words.book);
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), words.booked);
  await press(page, (text) => text === words.cancel);
  await next((text) => text === words.cancelYes);
  assert.equal(await heading(page), words.cancelled);
  await context.close();
});
