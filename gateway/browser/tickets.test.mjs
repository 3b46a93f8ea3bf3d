// My tickets: the code, the calendar file, the checklist, printing, moving; saved on the device only when
// asked to, shown without a connection, and erased by logging out.

import assert from "node:assert/strict";
import { test } from "node:test";

import jsQR from "jsqr";

import { follow, heading, stage } from "./site.mjs";
import { WORDS } from "./words.mjs";

const words = WORDS.uk;
const { site, visitor, logIn } = stage();

/** Logs in and books the last exchange of the last day at an office. */
async function book(page, person, office) {
  await page.goto("/login?return=%2Ftickets");
  await logIn(page, person);
  await page.goto(`/book/city/exchange/${office}`);
  await follow(page, page.locator("a.day").last());
  await follow(page, page.locator(".times a").last());
  await page.locator("form.confirm .button:not(.plain)").click();
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), words.booked);
}

/** Reads the page's QR code as a scanner does, from its pixels. */
async function readCode(page) {
  const { pixels, side } = await page.evaluate(async () => {
    const text = new XMLSerializer().serializeToString(document.querySelector(".qr svg"));
    const image = new Image(300, 300);
    image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 300;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 300, 300);
    context.drawImage(image, 0, 0, 300, 300);
    return { pixels: [...context.getImageData(0, 0, 300, 300).data], side: 300 };
  });
  return jsQR(Uint8ClampedArray.from(pixels), side, side)?.data;
}

/** Whether anything is saved on the device. */
const isSaved = (page) => page.evaluate(() => caches.has("tickets"));

test("a ticket has a code, a calendar file, a checklist and a view for paper", async () => {
  const { context, page, errors } = await visitor();
  await book(page, 601, 3);
  const id = page.url().split("/").pop();
  assert.ok(await page.getByRole("img", { name: /QR-код талона/ }).isVisible());
  assert.equal(await readCode(page), `TALON:${id.toUpperCase()}`, "the number and nothing else");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Додати в календар" }).click(),
  ]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  const file = Buffer.concat(chunks).toString();
  assert.ok(file.startsWith("BEGIN:VCALENDAR\r\n") && file.includes(`UID:${id}@talon\r\n`), file);
  // The last visit of a day in New York begins at 19:30, by the clocks there.
  const said = /DTSTART:(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)00Z/.exec(file).slice(1).map(Number);
  const start = new Date(Date.UTC(said[0], said[1] - 1, said[2], said[3], said[4]));
  const there = { timeZone: "America/New_York", hour: "2-digit", minute: "2-digit", hour12: false };
  assert.equal(new Intl.DateTimeFormat("en-GB", there).format(start), "19:30");
  await page.getByRole("checkbox", { name: "Паспорт" }).check();
  assert.ok(await page.getByRole("button", { name: "Надрукувати" }).isVisible());
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator(".ticket .number").isVisible());
  assert.ok(!(await page.locator(".looks").isVisible()) && !(await page.locator(".ways").first().isVisible()));
  await page.emulateMedia({ media: "screen" });
  const text = await page.locator("main").innerText();
  assert.match(text, /Скасувати запис можна до \d/);
  assert.match(text, /Перенести запис на інший час можна до \d/);
  // Moving leads to another time of the same service.
  await follow(page, page.getByRole("link", { name: "Перенести на інший час" }));
  await follow(page, page.locator("a.day").last());
  await follow(page, page.locator(".times a").first());
  await page.locator("form.confirm .button:not(.plain)").click();
  await page.waitForURL("**/tickets/*");
  assert.equal(await heading(page), "Запис перенесено");
  assert.notEqual(new URL(page.url()).pathname, `/tickets/${id}`);
  await page.goto(`/tickets/${id}`);
  assert.equal(await heading(page), "Запис перенесено на інший час");
  assert.equal(await page.locator("svg").count(), 0, "a code that is over is not shown");
  assert.deepEqual(errors, []);
  await context.close();
});

test("the pages can be installed, in the reader's language", async () => {
  const { context, page } = await visitor({ locale: "en-GB" });
  await page.goto("/");
  const manifest = await page.evaluate(async () => {
    const link = document.querySelector("link[rel=manifest]");
    const response = await fetch(link.href);
    return { kind: response.headers.get("content-type"), ...(await response.json()) };
  });
  assert.equal(manifest.kind, "application/manifest+json");
  assert.equal(manifest.short_name, "Talon");
  for (const { src, type } of manifest.icons) {
    const response = await page.request.get(src);
    assert.equal(response.headers()["content-type"], type, src);
  }
  const session = await context.newCDPSession(page);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  const ids = installabilityErrors.map((error) => error.errorId);
  assert.deepEqual(ids.filter((id) => id !== "in-incognito"), []);
  await context.close();
});

// The last one: it ends the gateway.
test("tickets are saved on the device when asked, shown offline, and erased by logging out", async () => {
  const { context, page, errors } = await visitor();
  await book(page, 602, 1);
  const ticket = page.url();
  await page.goto("/tickets");
  assert.ok(!(await isSaved(page)), "nothing is saved by itself");
  const save = page.getByRole("button", { name: "Зберегти на цьому пристрої" });
  await save.click();
  await page.locator(".device [role=status]", { hasText: "Збережено" }).waitFor();
  assert.ok(await isSaved(page));
  await follow(page, page.getByRole("button", { name: "Вийти" }));
  assert.ok(!(await isSaved(page)), "logging out erases");
  await page.goto("/login?return=%2Ftickets");
  await logIn(page, 602);
  await save.click();
  await page.locator(".device [role=status]", { hasText: "Збережено" }).waitFor();
  // No connection, and no server either.
  await context.setOffline(true);
  await site.stop();
  await page.goto("/tickets");
  assert.equal(await heading(page), "Мої талони");
  assert.ok(await page.locator(".offline").isVisible(), "a copy is called a copy");
  await page.goto(ticket);
  assert.equal(await heading(page), words.booked);
  assert.ok(await page.getByRole("img", { name: /QR-код талона/ }).isVisible());
  await page.goto("/tickets");
  await page.getByRole("button", { name: "Стерти з цього пристрою" }).click();
  await page.locator(".device [role=status]", { hasText: "Стерто" }).waitFor();
  assert.ok(!(await isSaved(page)));
  assert.deepEqual(errors, []);
  await context.close();
});
