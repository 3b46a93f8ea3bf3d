// Every page, in both languages, in usual colours, dark and high contrast, at 200 % of zoom and with the
// largest letters, with all that can be unfolded: no finding of axe, nothing that has to be scrolled sideways.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

import { heading, stage } from "./site.mjs";
import { WORDS } from "./words.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
/** A phone, and the same at 200 % of zoom: half as many CSS pixels, each twice as large. */
const PHONE = { viewport: { width: 360, height: 740 } };
const ZOOMED = { viewport: { width: 320, height: 512 }, deviceScaleFactor: 2 };

/** Pages that are refusals. */
const STATUSES = { "/nowhere": 404, "/book/city/exchange/2/2020-01-01": 422 };

const { site, visitor, logIn } = stage(["--release-in", "30m"]);

/** Addresses of every kind of page, with a ticket of this visitor's among them. */
async function everyPage(page, person) {
  await page.goto("/login?return=%2Ftickets");
  await logIn(page, person);
  await page.goto("/book/city/exchange/1");
  const announced = await page.locator(".cards a.closed").first().getAttribute("href");
  await page.locator("a.day").last().click();
  const times = page.url();
  await page.locator(".times a").last().click();
  const confirm = page.url();
  await page.locator("form.confirm .button:not(.plain)").click();
  await page.waitForURL("**/tickets/*");
  const ticket = page.url();
  return [
    "/",
    "/book/city",
    "/book/city/exchange",
    "/book/city/exchange?q=" + encodeURIComponent("Село"),
    "/book/city/exchange/1",
    "/book/city/exchange/3",
    "/book/city/exchange/4",
    times,
    confirm,
    confirm.replace("exchange", "driving").replace(/[^/]*$/, "08:00"),
    announced,
    `${announced}/ready?wish=09:00&wish=09:20`,
    ticket,
    "/tickets",
    "/nowhere",
    "/book/city/exchange/2/2020-01-01",
    "/problems/quota-exceeded",
  ];
}

async function check(page, address, how) {
  const response = await page.goto(address);
  assert.equal(response.status(), STATUSES[address] ?? 200, address);
  // What can be unfolded is looked at too.
  await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
  // Policies of ours keep foreign scripts out of pages; this one comes from the test itself.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(
    (rules) => self.axe.run(document, { runOnly: rules, resultTypes: ["violations"] }),
    RULES,
  );
  const found = violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], `${address}, ${how}`);
  const { wide, tall } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    tall: innerWidth,
  }));
  assert.ok(wide <= tall, `${address}, ${how}: ${wide} > ${tall} pixels wide`);
}

let person = 200;
for (const words of Object.values(WORDS)) {
  const looks = [
    ["a phone", PHONE, null],
    ["dark, in a browser that cannot run the proof", { ...PHONE, colorScheme: "dark" }, null, true],
    ["200 % of zoom", ZOOMED, null],
    ["high contrast at 200 % of zoom, without the proof", ZOOMED, "0c", true],
    ["the largest letters in high contrast", PHONE, "4c"],
  ];
  test(`every page is accessible (${words.tag})`, async () => {
    const first = await visitor({ locale: words.locale });
    const pages = await everyPage(first.page, ++person);
    const state = await first.context.storageState();
    await first.context.close();
    for (const [how, options, appearance, isUnable] of looks) {
      // The pages are tested in their own policy; only axe's text is let past it.
      const all = { locale: words.locale, storageState: state, bypassCSP: true, ...options };
      const { context, page, errors } = await visitor(all);
      if (appearance) {
        const cookie = { name: "talon_appearance", value: appearance, url: site.origin };
        await context.addCookies([cookie]);
      }
      if (isUnable) {
        await page.addInitScript(() => Object.defineProperty(self, "Worker", { value: undefined }));
      }
      for (const address of pages) {
        await check(page, address, how);
        assert.equal(await page.locator("html").getAttribute("lang"), words.tag);
        assert.ok((await heading(page)).length > 0);
      }
      assert.deepEqual(errors, []);
      await context.close();
    }
  });
}
