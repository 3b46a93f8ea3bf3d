// One panel of a dashboard as HTML: what Prometheus answered, drawn as SVG.
//
// Owns units, axes and legends. Must not know where the data comes from, nor which dashboard it is.

const COLOURS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fa6400", "#c4162a"];
const LEFT = 64;
const RIGHT = 12;
const TOP = 8;
const AXIS = 20;
const LEGEND_LINE = 18;
const MAX_LEGEND_LINES = 6;

/** Text that may stand in HTML. */
export function escaped(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

function scaled(value, base, names) {
  let power = 0;
  while (Math.abs(value) >= base && power < names.length - 1) {
    value /= base;
    power += 1;
  }
  return [value, names[power]];
}

function digits(value) {
  const size = Math.abs(value);
  if (size === 0 || Number.isInteger(value)) return String(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return Number(value.toPrecision(3)).toString();
}

/** A value in a unit of Grafana's. */
export function inUnit(value, unit) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "–";
  switch (unit) {
    case "s": {
      if (value === 0) return "0 s";
      const size = Math.abs(value);
      if (size < 1e-3) return `${digits(value * 1e6)} µs`;
      if (size < 1) return `${digits(value * 1e3)} ms`;
      if (size >= 86_400) return `${digits(value / 86_400)} d`;
      if (size >= 3_600) return `${digits(value / 3_600)} h`;
      return `${digits(value)} s`;
    }
    case "percentunit":
      return `${digits(Number((value * 100).toPrecision(4)))} %`;
    case "bool":
      return value >= 1 ? "true" : "false";
    case "bytes":
    case "Bps": {
      const [scaledValue, name] = scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
      return `${digits(scaledValue)} ${name}${unit === "Bps" ? "/s" : ""}`;
    }
    case "dateTimeFromNow": {
      const days = value / 1000 / 86_400 - Date.now() / 1000 / 86_400;
      return `${digits(days)} d`;
    }
    default: {
      const [scaledValue, name] = scaled(value, 1000, ["", " K", " Mil", " Bil"]);
      const per = { ops: " ops/s", reqps: " req/s", cps: " c/s" }[unit] ?? "";
      return `${digits(scaledValue)}${name}${per}`;
    }
  }
}

/** Round steps from 0 up to `most`, in a unit that people count in. */
function ticks(most, unit) {
  if (unit === "bool") return [0, 1];
  const isBytes = unit === "bytes" || unit === "Bps";
  const ofBytes = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(most, 1)) / Math.log(1024)));
  const ofSeconds = most >= 86_400 ? 86_400 : most >= 3_600 ? 3_600 : 1;
  const base = isBytes ? ofBytes : unit === "s" ? ofSeconds : 1;
  const raw = Math.max(most, Number.MIN_VALUE) / base / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) * base;
  const steps = [];
  for (let at = 0; at < most + step * 0.999; at += step) steps.push(Number(at.toPrecision(12)));
  return steps;
}

function clock(seconds, hasSeconds) {
  const text = new Date(seconds * 1000).toISOString();
  return text.slice(11, hasSeconds ? 19 : 16);
}

function timeTicks(from, to) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600].find((s) => (to - from) / s <= 7) ?? 1200;
  const steps = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) steps.push(at);
  return [steps, step < 60];
}

const numbers = (series) => series.points.map(([, value]) => value).filter((value) => value !== null && Number.isFinite(value));
const last = (series) => numbers(series).at(-1) ?? null;
const highest = (series) => numbers(series).reduce((most, value) => Math.max(most, value), -Infinity);

/** Points as they lie on each other, from the bottom. */
function stack(all) {
  const sums = new Map();
  return all.map((series) => ({
    ...series,
    points: series.points.map(([at, value]) => {
      const below = sums.get(at) ?? 0;
      const above = below + (value !== null && Number.isFinite(value) ? value : 0);
      sums.set(at, above);
      return [at, above, below];
    }),
  }));
}

/** Parts of a line without a gap. */
function pieces(points, step) {
  const parts = [[]];
  let before = null;
  for (const point of points) {
    const isGap = point[1] === null || !Number.isFinite(point[1]) || (before !== null && point[0] - before > step * 1.5);
    if (isGap && parts.at(-1).length > 0) parts.push([]);
    if (point[1] !== null && Number.isFinite(point[1])) parts.at(-1).push(point);
    before = point[0];
  }
  return parts.filter((part) => part.length > 0);
}

function drawn(all, { width, height, from, to, step, unit, isStacked }) {
  const shown = isStacked ? stack(all) : all;
  const most = shown.reduce((top, series) => Math.max(top, highest(series)), 0);
  const levels = ticks(most > 0 ? most : 1, unit);
  const top = levels.at(-1);
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (height - TOP - AXIS);
  const parts = [];
  for (const level of levels) {
    parts.push(`<line x1="${LEFT}" x2="${width - RIGHT}" y1="${y(level)}" y2="${y(level)}" class="grid"/>`);
    parts.push(`<text x="${LEFT - 6}" y="${y(level) + 4}" class="axis" text-anchor="end">${escaped(inUnit(level, unit))}</text>`);
  }
  const [moments, hasSeconds] = timeTicks(from, to);
  for (const at of moments) {
    parts.push(`<line x1="${x(at)}" x2="${x(at)}" y1="${TOP}" y2="${height - AXIS}" class="grid"/>`);
    parts.push(`<text x="${x(at)}" y="${height - 5}" class="axis" text-anchor="middle">${clock(at, hasSeconds)}</text>`);
  }
  shown.forEach((series, index) => {
    const colour = COLOURS[index % COLOURS.length];
    for (const piece of pieces(series.points, step)) {
      const line = piece.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
      if (isStacked) {
        const back = piece.toReversed().map(([at, , below]) => `${x(at).toFixed(1)},${y(below).toFixed(1)}`);
        parts.push(`<polygon points="${[...line, ...back].join(" ")}" fill="${colour}" fill-opacity="0.3"/>`);
      }
      if (line.length === 1) parts.push(`<circle cx="${line[0].split(",")[0]}" cy="${line[0].split(",")[1]}" r="2" fill="${colour}"/>`);
      parts.push(`<polyline points="${line.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`);
    }
  });
  return `<svg width="${width}" height="${height}">${parts.join("")}</svg>`;
}

function legend(all, unit) {
  const lines = all
    .map((series, index) => ({ series, colour: COLOURS[index % COLOURS.length] }))
    .sort((one, other) => highest(other.series) - highest(one.series));
  const shown = lines.slice(0, lines.length > MAX_LEGEND_LINES ? MAX_LEGEND_LINES - 1 : MAX_LEGEND_LINES);
  const rows = shown.map(
    ({ series, colour }) =>
      `<tr><td><i style="background:${colour}"></i>${escaped(series.name)}</td>` +
      `<td class="number">${escaped(inUnit(last(series), unit))}</td>` +
      `<td class="number">${escaped(inUnit(numbers(series).length > 0 ? highest(series) : null, unit))}</td></tr>`,
  );
  if (shown.length < lines.length) rows.push(`<tr><td colspan="3" class="more">and ${lines.length - shown.length} more</td></tr>`);
  return `<table class="legend"><tr><th></th><th class="number">last</th><th class="number">max</th></tr>${rows.join("")}</table>`;
}

function sparkline(series, { width, height, from, to }) {
  const values = numbers(series);
  if (values.length < 2) return "";
  const most = Math.max(...values, Number.MIN_VALUE);
  const points = series.points
    .filter(([, value]) => value !== null && Number.isFinite(value))
    .map(([at, value]) => `${(((at - from) / (to - from)) * width).toFixed(1)},${(height - (value / most) * (height - 2)).toFixed(1)}`);
  return `<svg class="spark" width="${width}" height="${height}"><polyline points="${points.join(" ")}" fill="none" stroke="${COLOURS[0]}" stroke-opacity="0.5"/></svg>`;
}

function stat(all, size, unit) {
  const width = (size.width - 24) / all.length;
  const cells = all.map(
    (series) =>
      `<div class="stat"><b style="font-size:${all.length > 2 ? 20 : 28}px">${escaped(inUnit(last(series), unit))}</b>` +
      `${all.length > 1 ? `<small>${escaped(series.name)}</small>` : ""}` +
      `${sparkline(series, { ...size, width, height: 36 })}</div>`,
  );
  return `<div class="stats" style="height:${size.height}px">${cells.join("")}</div>`;
}

/**
 * The panel. `all` are its series, `{ name, points: [[seconds, value or null]] }`; `size` has the pixels, and the
 * seconds from which to which and how far apart.
 */
export function panel(spec, all, size) {
  const unit = spec.fieldConfig.defaults.unit;
  const head = `<h3>${escaped(spec.title)}</h3>`;
  const filled = all.filter((series) => numbers(series).length > 0);
  const inside = { ...size, width: size.width - 16, height: size.height - 34 };
  let body;
  if (filled.length === 0) {
    body = `<p class="nothing">No data</p>`;
  } else if (spec.type === "stat") {
    body = stat(filled, inside, unit);
  } else {
    const lines = Math.min(filled.length, MAX_LEGEND_LINES) + 1;
    const height = inside.height - lines * LEGEND_LINE;
    const isStacked = spec.fieldConfig.defaults.custom?.stacking?.mode === "normal";
    body = drawn(filled, { ...inside, height, unit, isStacked }) + legend(filled, unit);
  }
  return `<section style="width:${size.width}px;height:${size.height}px;left:${size.left}px;top:${size.top}px">${head}${body}</section>`;
}
