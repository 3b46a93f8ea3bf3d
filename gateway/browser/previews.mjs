// Draws every dashboard of `grafana/dashboards` from the data of a Prometheus into a picture each, without
// Grafana. Called by `cargo xtask previews` with the address of Prometheus, the first and the last moment in
// Unix seconds, the folder of the dashboards and the folder for the pictures.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { escaped, panel } from "./panels.mjs";
import { startBrowser } from "./site.mjs";

const [prometheus, fromText, toText, dashboards, pictures] = process.argv.slice(2);
const [from, to] = [Number(fromText), Number(toText)];

const WIDTH = 1440;
const COLUMNS = 24;
/** Grafana's own: a row of the grid, and what is between two panels. */
const ROW = 30;
const GAP = 8;
const HEAD = 64;
/** Seconds between two points, and over which a rate is taken. */
const STEP = 1;
const RATE = "5s";

const STYLE = `
  body { margin: 0; background: #111217; color: #ccccdc; font: 12px "DejaVu Sans", sans-serif; width: ${WIDTH}px; position: relative; }
  header { position: absolute; left: ${GAP}px; right: ${GAP}px; top: 10px; }
  h1 { font-size: 18px; margin: 0 0 4px; display: inline-block; }
  header p { margin: 0; color: #8e8ea0; }
  .label { float: right; border: 1px solid #f2cc0c; color: #f2cc0c; padding: 3px 8px; }
  h2 { position: absolute; margin: 0; font-size: 14px; line-height: ${ROW}px; }
  section { position: absolute; background: #181b1f; border: 1px solid #2c2f36; box-sizing: border-box; padding: 6px 8px; overflow: hidden; }
  h3 { margin: 0 0 4px; font-size: 13px; font-weight: bold; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  .grid { stroke: #2c2f36; } .axis { fill: #8e8ea0; font-size: 10px; }
  .legend { width: 100%; border-collapse: collapse; font-size: 11px; }
  .legend tr { height: 18px; } td, th { padding: 0 4px; text-align: left; white-space: nowrap; font-weight: normal; }
  th { color: #8e8ea0; } .number { text-align: right; width: 80px; } .more { color: #8e8ea0; }
  i { display: inline-block; width: 14px; height: 4px; margin: 0 6px 3px 0; }
  .stats { display: flex; } .stat { flex: 1; text-align: center; position: relative; overflow: hidden; }
  .stat b { color: #73bf69; display: block; margin-top: 4px; white-space: nowrap; } .stat small { color: #8e8ea0; }
  .spark { position: absolute; left: 0; bottom: 0; }
  .nothing { text-align: center; color: #8e8ea0; margin-top: 20px; }
`;

/** What a query finds over the whole time, series by series. */
async function ask(query) {
  const parameters = new URLSearchParams({ query, start: String(from), end: String(to), step: String(STEP) });
  const answer = await fetch(`${prometheus}/api/v1/query_range?${parameters}`);
  const { status, data, error } = await answer.json();
  if (status !== "success") throw new Error(`${query}: ${error}`);
  return data.result;
}

/** With all jobs and instances chosen, as a dashboard is opened. */
function chosen(expression) {
  return expression.replaceAll("$__rate_interval", RATE).replaceAll("$job", ".*").replaceAll("$instance", ".*");
}

function named(legend, labels) {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "");
}

async function seriesOf(spec) {
  const found = await Promise.all(spec.targets.map(async (target) => [target, await ask(chosen(target.expr))]));
  return found.flatMap(([target, all]) =>
    all.map(({ metric, values }) => ({
      name: named(target.legendFormat, metric),
      points: values.map(([at, value]) => [at, value === "NaN" ? null : Number(value)]),
    })),
  );
}

function placed({ x, y, w, h }) {
  const column = (WIDTH - GAP) / COLUMNS;
  return {
    left: GAP + x * column,
    top: HEAD + y * (ROW + GAP),
    width: w * column - GAP,
    height: h * (ROW + GAP) - GAP,
  };
}

async function page(dashboard) {
  const empty = [];
  const parts = [];
  let bottom = 0;
  for (const spec of dashboard.panels) {
    const place = placed(spec.gridPos);
    bottom = Math.max(bottom, place.top + place.height);
    if (spec.type === "row") {
      parts.push(`<h2 style="left:${place.left}px;top:${place.top}px">${escaped(spec.title)}</h2>`);
      continue;
    }
    const all = await seriesOf(spec);
    if (all.length === 0) empty.push(spec.title);
    parts.push(panel(spec, all, { ...place, from, to, step: STEP }));
  }
  const day = new Date(from * 1000).toISOString().slice(0, 16).replace("T", " ");
  const head =
    `<header><span class="label">Preview: drawn by cargo xtask previews, not by Grafana</span>` +
    `<h1>${escaped(dashboard.title)}</h1>` +
    `<p>${escaped(dashboard.description)} A rehearsal of ${Math.round(to - from)} s on one computer, ${day} UTC.</p></header>`;
  const html = `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><body style="height:${bottom + GAP}px">${head}${parts.join("")}`;
  return { html, height: Math.ceil(bottom + GAP), empty };
}

const browser = await startBrowser();
try {
  for (const file of (await readdir(dashboards)).filter((name) => name.endsWith(".json")).sort()) {
    const dashboard = JSON.parse(await readFile(join(dashboards, file), "utf8"));
    const { html, height, empty } = await page(dashboard);
    const view = await browser.newPage({ viewport: { width: WIDTH, height } });
    await view.setContent(html);
    const name = `${basename(file, ".json")}.png`;
    await view.screenshot({ path: join(pictures, name) });
    await view.close();
    console.log(`${name}: ${dashboard.panels.length} panels${empty.length > 0 ? `; nothing in ${empty.join(", ")}` : ""}`);
  }
} finally {
  await browser.close();
}
