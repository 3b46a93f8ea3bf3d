// The real gateway with its stand-in hub, on free ports, and a browser to look at it with.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

/** How long anything may take on a busy machine, in milliseconds. */
export const PATIENCE_MS = 60_000;

const PROGRAM = process.env.GATEWAY_PROGRAM ?? "../../target/debug/talon";
const BROWSER = process.env.BROWSER_PROGRAM ?? "/usr/bin/chromium";
const CONFIG = fileURLToPath(new URL("configs/talon.toml", import.meta.url));

/** A site and a browser for all tests of a file; `flags` are added to the gateway's own. */
export function stage(flags = []) {
  const site = {};
  let browser;
  before(async () => {
    const [started, launched] = await Promise.all([startSite(flags), startBrowser()]);
    Object.assign(site, started);
    browser = launched;
  });
  after(async () => {
    await browser?.close();
    await site.stop?.();
  });
  return {
    site,
    /** A visitor of their own, with a page. `options` are those of a browser context. */
    visitor: (options) => visitor(browser, site, options),
    /** At the hub: logs in as this synthetic person and comes back. */
    logIn: (page, person) => logIn(page, site, person),
  };
}

/** Starts a gateway. */
async function startSite(flags) {
  const [port, hub, admin] = await freePorts(3);
  const folder = await mkdtemp(join(tmpdir(), "talon-browser-"));
  const own = [
    ["--config", CONFIG],
    ["--listen", `127.0.0.1:${port}`],
    ["--set", `hub.origin=http://127.0.0.1:${hub}`],
    ["--set", `admin.listen=127.0.0.1:${admin}`],
    ["--set", "server.threads=1"],
    ["--set", "journal.segment_bytes=8388608"],
    ["--data-dir", join(folder, "data")],
  ];
  const child = spawn(PROGRAM, [...own.flat(), ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = [];
  await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (line.includes("booking is open")) resolve();
    });
    child.once("error", reject);
    ended.then((code) => reject(new Error(`the gateway ended with ${code}:\n${lines.join("\n")}`)));
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    hub: `http://127.0.0.1:${hub}`,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ports that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Starts the browser. */
export function startBrowser() {
  return chromium.launch({
    executablePath: BROWSER,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

async function visitor(browser, site, options = {}) {
  const context = await browser.newContext({ baseURL: site.origin, locale: "uk-UA", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // What a refusal's status makes the browser say is no mistake of ours.
    const isOurs = message.type() === "error" && !message.text().includes("Failed to load resource");
    if (isOurs) errors.push(message.text());
  });
  return { context, page, errors };
}

/** Presses a link or button and waits for the page that it leads to. */
export async function follow(page, locator) {
  await Promise.all([page.waitForNavigation(), locator.click()]);
}

async function logIn(page, site, person) {
  await page.waitForURL((url) => url.origin === site.hub);
  await page.goto(`${page.url()}&person=${person}`);
  await page.waitForURL((url) => url.origin === site.origin);
}

/** The text of the only h1. */
export function heading(page) {
  return page.locator("h1").innerText();
}
