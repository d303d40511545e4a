// The figures, each a function of what is shown and of a theme; drawn with plotly where it is there.
import { predict } from "./law.js";
import { formatCount, formatFlops, formatNumber, formatPercent } from "./format.js";

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const MAX_PANELS = 4, LINE_POINTS = 60;
const NARROW = 560;

export function themeOf(record) {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
  return isDark ? darkTheme(record) : lightTheme(record);
}

const darkTheme = ({ palette }) => ({
  paper: "#14171a", ink: "#e4e8eb", muted: "#a0aab3", line: "#343b42", accent: "#6fc3df", mark: "#ff9f80", palette: palette.dark,
});

export const lightTheme = ({ palette }) => ({
  paper: "#ffffff", ink: "#1c2126", muted: "#59636e", line: "#d9dee3", accent: "#31688e", mark: "#b3261e", palette: palette.light,
});

/** The look of one of the sparsities: colour, symbol and dash, so that colour is never alone. */
function look(theme, k) {
  return { color: theme.palette[k % theme.palette.length], symbol: SYMBOLS[k % SYMBOLS.length], dash: DASHES[k % DASHES.length] };
}

function axis(theme, title, more = {}) {
  return {
    title: { text: title, font: { size: 13 }, standoff: 8 }, color: theme.ink, gridcolor: theme.line, linecolor: theme.muted,
    zeroline: false, ticks: "outside", tickcolor: theme.muted, automargin: true, ...more,
  };
}

/** A logarithmic axis with counts as people write them. */
function logAxis(theme, title, [low, high], more = {}) {
  const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const decades = Array.from({ length: Math.floor(Math.max(to - from, 0) / every) + 1 }, (_, k) => 10 ** (from + k * every));
  const ticks = to - from >= 2 ? decades : [1, 2, 5].flatMap((m) => [from - 1, from, to].map((e) => m * 10 ** e));
  const tickvals = [...new Set(ticks)].filter((x) => x >= low && x <= high).sort((a, b) => a - b);
  const range = [Math.log10(low), Math.log10(high)];
  return axis(theme, title, { type: "log", range, tickvals, ticktext: tickvals.map(formatCount), ...more });
}

function layout(theme, height, more) {
  return {
    height, paper_bgcolor: theme.paper, plot_bgcolor: theme.paper, margin: { l: 54, r: 12, t: 10, b: 44 },
    font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 12, color: theme.ink },
    hoverlabel: { bgcolor: theme.paper, font: { color: theme.ink } }, legend: { orientation: "h", y: -0.2, x: 0 }, ...more,
  };
}

const spread = (low, high, count) => Array.from({ length: count }, (_, k) => low * (high / low) ** (k / (count - 1)));
const withMargin = ([low, high], factor = 1.25) => [low / factor, high * factor];
const faded = (hex, alpha) => `rgba(${[1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)).join(",")},${alpha})`;

// ---- the answer: loss (or cost) against sparsity, in halvings of density

const halvings = (S) => -Math.log2(1 - S);
const SPARSITY_TICKS = [0, 0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375, 0.9921875];
const SPARSITY_LABELS = ["0%", "50%", "75%", "87.5%", "93.8%", "96.9%", "98.4%", "99.2%"];

export function answerFigure({ answer, curve, intervals, isServed }, theme) {
  const { optimal_sparsity: S, near_optimal: near } = answer.record;
  const best = answer.value(S), shown = curve.value.map((y) => (Number.isFinite(y) ? y : null));
  const allowed = isServed ? best * (1 + answer.record.tolerance) : best + answer.record.tolerance;
  const far = Math.max(answer.value(0) - best, 12 * (allowed - best));
  const top = best + 1.25 * (Number.isFinite(far) ? far : best), bottom = best - 0.22 * (top - best);
  const band = (low, high, from, to, color) => ({
    type: "rect", xref: "x", yref: "paper", x0: halvings(low), x1: halvings(high), y0: from, y1: to, fillcolor: color, line: { width: 0 }, layer: "below",
  });
  const interval = intervals?.optimal_sparsity;
  const leaves = curve.S.findLastIndex((_, k) => curve.value[k] <= top);
  const right = Math.min(Math.max(halvings(curve.S[Math.max(leaves, 0)]) + 0.4, 2.2), 7.2);
  const stem = { type: "line", xref: "x", yref: "paper", x0: halvings(S), x1: halvings(S), y0: 0, y1: 1, line: { color: theme.mark, width: 1, dash: "dot" } };
  const shapes = [stem, band(near[0], near[1], 0, 0.035, theme.muted)];
  if (interval && !interval.some(Number.isNaN)) shapes.push(band(interval[0], interval[1], 0, 1, faded(theme.accent, 0.16)));
  const points = curve.S.map(halvings), levels = curve.S.length < 12;
  const data = [
    { x: points, y: shown, mode: levels ? "markers" : "lines", line: { color: theme.accent, width: 2.5 }, marker: { size: 9, color: theme.accent },
      customdata: curve.S.map((s) => formatPercent(s)), hovertemplate: `%{customdata} sparse: %{y:.4g}<extra></extra>`, showlegend: false },
    { x: [halvings(S)], y: [best], mode: "markers", marker: { size: 12, color: theme.mark, symbol: "diamond", line: { color: theme.paper, width: 1.5 } },
      hovertemplate: `best: ${formatPercent(S)}<extra></extra>`, showlegend: false },
  ];
  const title = isServed ? "training + inference FLOPs" : "loss (nats)";
  const yTicks = isServed ? { tickformat: ".3~g", exponentformat: "e" } : { tickformat: ".3~f", nticks: 6 };
  return {
    data,
    layout: layout(theme, 320, {
      shapes,
      xaxis: axis(theme, "sparsity (each step halves density)", { tickvals: SPARSITY_TICKS.map(halvings), ticktext: SPARSITY_LABELS, range: [-0.08, right] }),
      yaxis: axis(theme, title, { range: [bottom, top], ...yTicks }),
      margin: { l: 54, r: 12, t: 26, b: 44 },
      annotations: [{ x: halvings(S), yref: "paper", y: 1, yanchor: "bottom", text: `best: ${formatPercent(S)}`, showarrow: false, font: { color: theme.ink, size: 13 } }],
    }),
  };
}

// ---- the runs

const levelsOf = (record) => record.fit.domain.sparsity;

/** At most MAX_PANELS amounts of data, spread over those there are. */
function panelsOf(D) {
  const all = [...new Set(D)].sort((a, b) => a - b);
  if (all.length <= MAX_PANELS) return all;
  return Array.from({ length: MAX_PANELS }, (_, k) => all[Math.round((k * (all.length - 1)) / (MAX_PANELS - 1))]);
}

export function lossFigure({ record, model, width }, theme) {
  const { runs, fit } = record, panels = panelsOf(runs.D), levels = levelsOf(record);
  const columns = width < NARROW ? 1 : panels.length, rows = Math.ceil(panels.length / columns);
  const sizes = spread(...fit.domain.nonzero_params, LINE_POINTS);
  const data = [], more = { annotations: [] };
  panels.forEach((D, p) => {
    const id = p ? String(p + 1) : "", column = p % columns, row = Math.floor(p / columns);
    const gap = 0.03, wide = (1 - gap * (columns - 1)) / columns, tall = (1 - 0.13 * (rows - 1)) / rows;
    const x = [column * (wide + gap), column * (wide + gap) + wide], y = [1 - row * (tall + 0.13) - tall, 1 - row * (tall + 0.13)];
    const isBottom = row === rows - 1;
    more[`xaxis${id}`] = logAxis(theme, isBottom ? "non-zero weights N" : "", withMargin(fit.domain.nonzero_params), { domain: x, anchor: `y${id}` });
    more[`yaxis${id}`] = axis(theme, column ? "" : "loss (nats)", { domain: y, anchor: `x${id}`, showticklabels: !column, ...(p ? { matches: "y" } : {}) });
    more.annotations.push({ xref: "paper", yref: "paper", x: (x[0] + x[1]) / 2, y: y[1], yanchor: "bottom", showarrow: false, text: `${formatCount(D)} ${fit.data_unit}`, font: { size: 12 } });
    levels.forEach((S, k) => {
      const { color, symbol, dash } = look(theme, k), on = { xaxis: `x${id}`, yaxis: `y${id}`, legendgroup: `${S}` };
      const here = runs.N.map((_, i) => i).filter((i) => runs.S[i] === S && runs.D[i] === D);
      data.push({ ...on, x: sizes, y: sizes.map((N) => (model.law ? predict(model.law, S, N, D) : null)), mode: "lines", line: { color, width: 1.3, dash }, hoverinfo: "skip", showlegend: false });
      data.push({ ...on, x: here.map((i) => runs.N[i]), y: here.map((i) => runs.loss[i]), mode: "markers", marker: { color, symbol, size: 8 }, name: `${100 * S}% sparse`, showlegend: p === 0,
        customdata: here.map((i) => `${formatCount(runs.N[i])}, ${formatPercent(S)} sparse`), hovertemplate: "%{customdata}: %{y:.4f}<extra></extra>" });
    });
  });
  return { data, layout: layout(theme, rows > 1 ? 240 * rows + 60 : 360, { ...more, margin: { l: 54, r: 12, t: 26, b: 44 }, legend: { orientation: "h", y: rows > 1 ? -0.09 : -0.24, x: 0 } }) };
}

export function predictedFigure({ record }, theme) {
  const { runs } = record, levels = levelsOf(record), data = [];
  const all = [...runs.loss, ...(runs.extra ? [runs.extra.loss] : [])], span = [Math.min(...all), Math.max(...all)];
  const pair = (x, y, look, name) => {
    const error = y.map((value, i) => 100 * (value / x[i] - 1));
    data.push({ x, y, mode: "markers", marker: look, name, hovertemplate: "measured %{x:.4f}, predicted %{y:.4f}<extra></extra>" });
    data.push({ x, y: error, yaxis: "y2", mode: "markers", marker: { ...look, size: look.size - 1 }, showlegend: false, hovertemplate: "error %{y:+.2f}%<extra></extra>" });
  };
  levels.forEach((S, k) => {
    const here = runs.S.map((_, i) => i).filter((i) => runs.S[i] === S), { color, symbol } = look(theme, k);
    pair(here.map((i) => runs.loss[i]), here.map((i) => runs.predicted[i]), { color, symbol, size: 8 }, `${100 * S}% sparse`);
  });
  if (runs.extra) {
    const name = `not fitted: ${formatCount(runs.extra.nonzero_params)} at ${100 * runs.extra.sparsity}%`;
    pair([runs.extra.loss], [runs.extra.predicted], { color: theme.mark, symbol: "star", size: 14 }, name);
  }
  const line = (yref, y0, y1) => ({ type: "line", x0: span[0], x1: span[1], y0, y1, yref, line: { color: theme.muted, width: 1 }, layer: "below" });
  return {
    data,
    layout: layout(theme, 460, {
      shapes: [line("y", ...span), line("y2", 0, 0)],
      xaxis: axis(theme, "measured loss (nats)", { anchor: "y2" }),
      yaxis: axis(theme, "predicted (nats)", { domain: [0.36, 1] }),
      yaxis2: axis(theme, "error (%)", { domain: [0, 0.28], anchor: "x" }),
      legend: { orientation: "h", y: -0.18, x: 0 },
    }),
  };
}

export function curvesFigure({ record }, theme) {
  const levels = [...new Set(record.curves.map((c) => c.sparsity))].sort((a, b) => a - b), seen = new Set();
  const data = record.curves.map((curve) => {
    const k = levels.indexOf(curve.sparsity), { color, dash } = look(theme, k), isFirst = !seen.has(k);
    seen.add(k);
    const about = `${formatCount(curve.nonzero_params)} non-zeros, ${formatPercent(curve.sparsity)} sparse`;
    return { x: curve.data, y: curve.loss, mode: "lines", line: { color, dash, width: 1.3 }, name: `${100 * curve.sparsity}% sparse`, legendgroup: `${k}`, showlegend: isFirst,
      hovertemplate: `${about}: %{y:.3f}<extra></extra>` };
  });
  const all = record.curves.flatMap((c) => c.data);
  const range = withMargin([all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))], 1.1);
  return { data, layout: layout(theme, 380, { xaxis: logAxis(theme, `${record.fit.data_unit} seen`, range), yaxis: axis(theme, "training loss (nats)") }) };
}

// ---- contours and multipliers

export function contoursFigure({ record, answer, cost }, theme) {
  const name = record.contours[cost] ? cost : "dense", found = record.contours[name], { N } = found;
  const data = [], annotations = [];
  const colours = found.levels.map((_, k) => theme.palette[Math.round((k * (theme.palette.length - 1)) / Math.max(found.levels.length - 1, 1))]);
  found.levels.forEach((level, k) => {
    const color = colours[k], dash = DASHES[k % DASHES.length];
    if (found.low) data.push({ x: [...N, ...[...N].reverse()], y: [...found.low[k], ...[...found.high[k]].reverse()], fill: "toself", fillcolor: faded(color, 0.16), line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false });
    data.push({ x: N, y: found.lines[k], mode: "lines", line: { color, width: 2, dash }, name: `${formatNumber(100 * level)}% sparse`, hovertemplate: `${formatNumber(100 * level)}%: %{y:.3g} FLOPs<extra></extra>` });
  });
  data.push({ x: N, y: found.chinchilla, mode: "lines", line: { color: theme.ink, width: 1.5, dash: "dash" }, name: "Chinchilla (dense optimum)", hovertemplate: "Chinchilla: %{y:.3g} FLOPs<extra></extra>" });
  const record_ = answer?.record;
  if (record_) data.push({ x: [record_.nonzero_params], y: [record_.flops], mode: "markers", marker: { size: 13, symbol: "diamond", color: theme.mark, line: { color: theme.paper, width: 1.5 } }, name: `your question: ${formatPercent(record_.optimal_sparsity)}`, hovertemplate: `${formatCount(record_.nonzero_params)}, ${formatFlops(record_.flops)} FLOPs<extra></extra>` });
  const [low, high] = record.fit.domain.nonzero_params;
  const xs = record_ ? [Math.min(N[0], record_.nonzero_params), Math.max(N[N.length - 1], record_.nonzero_params)] : [N[0], N[N.length - 1]];
  const ys = record_ ? [Math.min(found.flops[0], record_.flops), Math.max(found.flops[1], record_.flops)] : found.flops;
  annotations.push({ xref: "x", yref: "paper", x: Math.log10(Math.sqrt(low * high)), y: 0.01, yanchor: "bottom", text: "sizes that were fitted", showarrow: false, font: { color: theme.muted, size: 11 } });
  return {
    data,
    layout: layout(theme, 440, {
      shapes: [{ type: "rect", xref: "x", yref: "paper", x0: low, x1: high, y0: 0, y1: 1, fillcolor: faded(theme.muted, 0.12), line: { width: 0 }, layer: "below" }],
      annotations,
      xaxis: logAxis(theme, "non-zero weights N", xs),
      yaxis: logAxis(theme, `training FLOPs (${name} cost)`, ys),
    }),
  };
}

export const FIGURES = { answer: answerFigure, loss: lossFigure, predicted: predictedFigure, curves: curvesFigure, contours: contoursFigure };

/** Draws a figure in its element, or says why there is none. */
export function draw(element, name, shown, theme) {
  if (typeof Plotly === "undefined") {
    element.textContent = "This figure needs plotly.js, which could not be loaded; its numbers are in the tables.";
    return;
  }
  const { data, layout: look } = FIGURES[name]({ ...shown, width: element.clientWidth }, theme);
  Plotly.react(element, data, look, { displayModeBar: false, responsive: true, staticPlot: false, scrollZoom: false });
}

/** Saves a figure in light colours as a file. */
export async function save(name, format, shown, theme) {
  const { data, layout: look } = FIGURES[name]({ ...shown, width: 1000 }, theme);
  const url = await Plotly.toImage({ data, layout: look }, { format, width: 1000, height: look.height, scale: format === "png" ? 2 : 1 });
  return url;
}
