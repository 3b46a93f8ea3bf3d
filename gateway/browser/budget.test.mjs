// How many bytes a visit costs, as they come over the wire: headers, compressed bodies, everything.

import assert from "node:assert/strict";
import { test } from "node:test";

import { follow, stage } from "./site.mjs";

/** HTML and style of a first visit. */
const MAX_FIRST_VISIT_BYTES = 14 * 1024;
/** Everything from the front page to the ticket, proof and all. */
const MAX_FLOW_BYTES = 60 * 1024;

const { site, visitor, logIn } = stage();

/** Counts what the page's own requests bring, by kind. */
async function counter(context, page, origin) {
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const kinds = new Map();
  const bytes = { all: 0, first: 0 };
  session.on("Network.responseReceived", ({ requestId, type, response }) => {
    if (response.url.startsWith(origin)) kinds.set(requestId, type);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    if (!kind) return;
    bytes.all += encodedDataLength;
    if (kind === "Document" || kind === "Stylesheet") bytes.first += encodedDataLength;
  });
  return bytes;
}

test("a first visit and a whole booking keep to their budgets", async () => {
  const { context, page } = await visitor();
  const bytes = await counter(context, page, site.origin);
  await page.goto("/", { waitUntil: "networkidle" });
  const first = bytes.first;
  assert.ok(bytes.first > 1024, `${bytes.first} bytes were counted`);
  assert.ok(bytes.first <= MAX_FIRST_VISIT_BYTES, `a first visit took ${bytes.first} bytes`);
  await follow(page, page.locator(".cards a[href='/book/city']"));
  await follow(page, page.locator(".cards a[href='/book/city/driving']"));
  await page.locator("details.region summary").first().click();
  await follow(page, page.locator("a[href='/book/city/driving/1']"));
  await follow(page, page.locator("a.day").last());
  await follow(page, page.locator(".times a").first());
  await page.locator(".ways .button").click();
  await logIn(page, 301);
  await page.locator("form.confirm .button:not(.plain)").click();
  await page.waitForURL("**/tickets/*");
  await page.waitForLoadState("networkidle");
  console.log(`a first visit: ${first} bytes; the whole flow: ${bytes.all} bytes`);
  assert.ok(bytes.all <= MAX_FLOW_BYTES, `the whole flow took ${bytes.all} bytes`);
  await context.close();
});
