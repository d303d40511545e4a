// The figures, each a function of what is shown and of a theme; drawn with plotly where it is there.

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const MAX_PANELS = 4, LINE_POINTS = 60, TYPICAL = 0.75;
const NARROW = 560; // pixels, below which panels stand above each other
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif";

function themeOf(record) {
  return matchMedia("(prefers-color-scheme: dark)").matches ? darkTheme(record) : lightTheme(record);
}

const darkTheme = ({ palette }) => ({
  paper: "#14171a", ink: "#e4e8eb", muted: "#a0aab3", line: "#343b42", accent: "#6fc3df", mark: "#ff9f80",
  palette: palette.dark,
});

const lightTheme = ({ palette }) => ({
  paper: "#ffffff", ink: "#1c2126", muted: "#59636e", line: "#d9dee3", accent: "#31688e", mark: "#b3261e",
  palette: palette.light,
});

// ---- axes and layout

function axis(theme, title, more = {}) {
  return {
    title: { text: title, font: { size: 13 }, standoff: 8 },
    color: theme.ink, gridcolor: theme.line, linecolor: theme.muted, tickcolor: theme.muted,
    zeroline: false, ticks: "outside", automargin: true, ...more,
  };
}

/** A logarithmic axis with numbers as people write them. */
function logAxis(theme, title, range, { form = formatCount, ...more } = {}) {
  const tickvals = logTicks(...range), ticktext = tickvals.map((tick) => form(tick));
  return axis(theme, title, { type: "log", range: range.map(Math.log10), tickvals, ticktext, ...more });
}

/** About six: powers of ten, or 1, 2 and 5 times them where there are few. */
function logTicks(low, high) {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / 7)), steps = to - from > 3 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = from; power <= to; power += every) ticks.push(...steps.map((m) => Number(`${m}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function layout(theme, height, more) {
  return {
    height, paper_bgcolor: theme.paper, plot_bgcolor: theme.paper, margin: { l: 54, r: 12, t: 10, b: 44 },
    font: { family: FONT, size: 12, color: theme.ink }, hoverlabel: { bgcolor: theme.paper, font: { color: theme.ink } },
    legend: { orientation: "h", y: -0.2, x: 0 }, ...more,
  };
}

/** A label without arrow. */
const label = (theme, text, more) => ({ text, showarrow: false, font: { color: theme.ink, size: 12 }, ...more });

const box = (x0, x1, y0, y1, fillcolor) => ({
  type: "rect", xref: "x", yref: "paper", x0, x1, y0, y1, fillcolor, line: { width: 0 }, layer: "below",
});

/** The look of one of the sparsities: its colour, and the symbol and dash of its place, so that colour is never alone. */
function look(theme, S, k) {
  return { color: colorOf(theme, S), symbol: SYMBOLS[k % SYMBOLS.length], dash: DASHES[k % DASHES.length] };
}

/** The colour of a sparsity, the same in all figures. */
const colorOf = ({ palette }, S) => palette[Math.round((1 - (1 - S) ** 0.65) * (palette.length - 1))];

const sparseName = (S) => `${formatNumber(100 * S, 6)}% sparse`;
const spread = (low, high, count) => Array.from({ length: count }, (_, k) => low * (high / low) ** (k / (count - 1)));
const faded = (hex, alpha) => `rgba(${[1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)).join(",")},${alpha})`;

const where = (values, isWanted) => values.map((_, i) => i).filter(isWanted);
const at = (values, places) => places.map((i) => values[i]);

// ---- the answer: loss (or cost) against sparsity, in halvings of density

const halvings = (S) => -Math.log2(1 - S);
const HALVINGS = Array.from({ length: 8 }, (_, k) => k);

function answerFigure({ answer, curve, interval, isServed }, theme) {
  const { optimal_sparsity: S, near_optimal_pieces: near } = answer.record;
  const [bottom, top] = heights(answer, isServed);
  const stem = { type: "line", yref: "paper", x0: halvings(S), x1: halvings(S), y0: 0, y1: 1 };
  const shapes = [{ ...stem, line: { color: theme.mark, width: 1, dash: "dot" } }];
  shapes.push(...near.map((piece) => box(...piece.map(halvings), 0, 0.035, theme.muted)));
  if (interval && !interval.some(Number.isNaN)) shapes.push(box(...interval.map(halvings), 0, 1, faded(theme.accent, 0.16)));
  const forms = isServed ? { tickformat: ".3~g", exponentformat: "e" } : { tickformat: ".4~f", nticks: 6 };
  return {
    data: [curveLine(curve, theme), bestPoint(S, answer.value(S), theme)],
    layout: layout(theme, 320, {
      shapes,
      margin: { l: 54, r: 12, t: 26, b: 44 },
      xaxis: axis(theme, "sparsity (each step halves density)", {
        tickvals: HALVINGS, ticktext: HALVINGS.map((k) => `${formatNumber(100 * (1 - 2 ** -k), 3)}%`), range: [-0.08, rightEnd(curve, top)],
      }),
      yaxis: axis(theme, isServed ? "training + inference FLOPs" : `loss (${record.fit.loss_unit})`, { range: [bottom, top], ...forms }),
      annotations: [label(theme, `best: ${formatPercent(S)}`, { x: halvings(S), yref: "paper", y: 1, yanchor: "bottom" })],
    }),
  };
}

function curveLine(curve, theme) {
  return {
    x: curve.S.map(halvings), y: curve.value.map((y) => (Number.isFinite(y) ? y : null)),
    mode: curve.S.length < 12 ? "markers" : "lines", line: { color: theme.accent, width: 2.5 },
    marker: { size: 9, color: theme.accent }, customdata: curve.S.map((S) => formatPercent(S)),
    hovertemplate: "%{customdata} sparse: %{y:.5g}<extra></extra>", showlegend: false,
  };
}

function bestPoint(S, value, theme) {
  return {
    x: [halvings(S)], y: [value], mode: "markers", showlegend: false, hovertemplate: `best: ${formatPercent(S)}<extra></extra>`,
    marker: { size: 12, color: theme.mark, symbol: "diamond", line: { color: theme.paper, width: 1.5 } },
  };
}

/** From a little below the best to a little above dense, and far enough to see what is as good. */
function heights(answer, isServed) {
  const best = answer.value(answer.record.optimal_sparsity), dense = answer.value(0);
  const gap = isServed ? best * answer.record.tolerance : answer.record.tolerance;
  const above = Math.max(Number.isFinite(dense) ? dense - best : 0, 12 * gap) * 1.25;
  return [best - 0.2 * above, best + above];
}

/** Where the curve leaves the figure, but some way at least. */
function rightEnd(curve, top) {
  const leaves = curve.value.findLastIndex((value) => value <= top);
  return Math.min(Math.max(halvings(curve.S[Math.max(leaves, 0)]) + 0.4, 2.2), 7.2);
}

// ---- the runs

/** At most MAX_PANELS amounts of data, spread over those there are. */
function panelsOf(D) {
  const all = [...new Set(D)].sort((a, b) => a - b), count = Math.min(all.length, MAX_PANELS);
  return Array.from({ length: count }, (_, k) => all[Math.round((k * (all.length - 1)) / Math.max(count - 1, 1))]);
}

function lossFigure({ record, model, width }, theme) {
  const panels = panelsOf(record.runs.D), columns = width < NARROW ? 1 : panels.length;
  const rows = Math.ceil(panels.length / columns), data = [], axes = {}, annotations = [];
  panels.forEach((D, p) => {
    const id = p ? String(p + 1) : "";
    Object.assign(axes, panelAxes(record, theme, { p, id, columns, rows }));
    const text = `${formatCount(D)} ${record.fit.data_unit}`;
    annotations.push(label(theme, text, { xref: `x${id} domain`, yref: `y${id} domain`, x: 0.5, y: 1, yanchor: "bottom" }));
    record.fit.domain.sparsity.forEach((S, k) => data.push(...panelTraces(record, model, theme, { S, k, D, id })));
  });
  const margin = { l: 54, r: 12, t: 26, b: 44 }, legend = { orientation: "h", y: rows > 1 ? -0.08 : -0.24, x: 0 };
  return { data, layout: layout(theme, rows > 1 ? 240 * rows + 60 : 360, { ...axes, annotations, margin, legend }) };
}

function panelAxes(record, theme, { p, id, columns, rows }) {
  const column = p % columns, row = Math.floor(p / columns), across = 0.03, down = 0.11;
  const wide = (1 - across * (columns - 1)) / columns, tall = (1 - down * (rows - 1)) / rows;
  const left = column * (wide + across), top = 1 - row * (tall + down);
  const [low, high] = record.fit.domain.nonzero_params, title = row === rows - 1 ? "non-zero weights N" : "";
  return {
    [`xaxis${id}`]: logAxis(theme, title, [low / 1.25, high * 1.25], { domain: [left, left + wide], anchor: `y${id}` }),
    [`yaxis${id}`]: axis(theme, column ? "" : `loss (${record.fit.loss_unit})`, {
      domain: [top - tall, top], anchor: `x${id}`, showticklabels: !column, ...(p ? { matches: "y" } : {}),
    }),
  };
}

function panelTraces({ runs, fit }, model, theme, { S, k, D, id }) {
  const { color, symbol, dash } = look(theme, S, k), on = { xaxis: `x${id}`, yaxis: `y${id}`, legendgroup: `${S}` };
  const here = where(runs.N, (i) => runs.S[i] === S && runs.D[i] === D), N = at(runs.N, here);
  const points = {
    ...on, x: N, y: at(runs.loss, here), mode: "markers", marker: { color, symbol, size: 8 }, name: sparseName(S),
    showlegend: id === "", customdata: N.map((size) => `${formatCount(size)}, ${sparseName(S)}`),
    hovertemplate: "%{customdata}: %{y:.4f}<extra></extra>",
  };
  if (!model.law) return [points];
  const x = spread(...fit.domain.nonzero_params, LINE_POINTS), y = x.map((size) => predict(model.law, S, size, D));
  return [{ ...on, x, y, mode: "lines", line: { color, width: 1.3, dash }, hoverinfo: "skip", showlegend: false }, points];
}

function predictedFigure({ record }, theme) {
  const { runs, fit } = record, span = extent([...runs.loss, ...(runs.extra ? [runs.extra.loss] : [])]);
  const data = fit.domain.sparsity.flatMap((S, k) => {
    const here = where(runs.S, (i) => runs.S[i] === S), { color, symbol } = look(theme, S, k);
    return comparison(at(runs.loss, here), at(runs.predicted, here), { color, symbol, size: 8 }, sparseName(S));
  });
  if (runs.extra) {
    const name = `not fitted: ${formatCount(runs.extra.nonzero_params)}, ${sparseName(runs.extra.sparsity)}`;
    data.push(...comparison([runs.extra.loss], [runs.extra.predicted], { color: theme.mark, symbol: "star", size: 14 }, name));
  }
  const line = (yref, y0, y1) => ({
    type: "line", x0: span[0], x1: span[1], y0, y1, yref, line: { color: theme.muted, width: 1 }, layer: "below",
  });
  return {
    data,
    layout: layout(theme, 460, {
      shapes: [line("y", ...span), line("y2", 0, 0)],
      xaxis: axis(theme, `measured loss (${record.fit.loss_unit})`, { anchor: "y2" }),
      yaxis: axis(theme, `predicted (${record.fit.loss_unit})`, { domain: [0.36, 1] }),
      yaxis2: axis(theme, "error (%)", { domain: [0, 0.28], anchor: "x" }),
    }),
  };
}

/** Points above (predicted) and below (error in percent). */
function comparison(x, predicted, marker, name) {
  const error = predicted.map((value, i) => 100 * (value / x[i] - 1)), both = { x, mode: "markers", legendgroup: name, name };
  const said = "measured %{x:.4f}, predicted %{y:.4f}<extra></extra>", below = { ...marker, size: marker.size - 1 };
  return [
    { ...both, y: predicted, marker, hovertemplate: said },
    { ...both, y: error, yaxis: "y2", marker: below, showlegend: false, hovertemplate: "error %{y:+.2f}%<extra></extra>" },
  ];
}

function curvesFigure({ record }, theme) {
  const { curves, fit } = record, levels = [...new Set(curves.map((c) => c.sparsity))].sort((a, b) => a - b);
  const data = curves.map((curve) => {
    const k = levels.indexOf(curve.sparsity), { color, dash } = look(theme, curve.sparsity, k);
    const showlegend = curves.find((c) => c.sparsity === curve.sparsity) === curve;
    const about = `${formatCount(curve.nonzero_params)} non-zeros, ${sparseName(curve.sparsity)}`;
    return {
      x: curve.data, y: curve.loss, mode: "lines", line: { color, dash, width: 1.3 }, name: sparseName(curve.sparsity),
      legendgroup: `${k}`, showlegend, hovertemplate: `${about}: %{y:.3f}<extra></extra>`,
    };
  });
  const xaxis = logAxis(theme, `${fit.data_unit} seen`, extent(curves.flatMap((c) => c.data)));
  return { data, layout: layout(theme, 380, { xaxis, yaxis: axis(theme, `training loss (${record.fit.loss_unit})`) }) };
}

// ---- contours

function contoursFigure({ record, answer, cost }, theme) {
  const name = record.contours[cost] ? cost : "dense", found = record.contours[name], asked = answer?.record;
  const last = found.N.length - 1, [low, high] = record.fit.domain.nonzero_params, annotations = [];
  const around = (value, factor) => [value / factor, value * factor];
  const xs = extent([found.N[0], found.N[last], ...(asked ? around(asked.nonzero_params, 2) : [])]);
  const ys = extent([found.flops[0] / 4, found.flops[1], ...(asked ? around(asked.flops, 8) : [])]);
  const banded = nearest(found.levels, asked?.optimal_sparsity ?? TYPICAL);
  const data = found.levels.flatMap((S, k) => contourTraces(found, k, theme, S === banded));
  const line = { color: theme.ink, width: 1.5, dash: "dash" }, hovertemplate = "Chinchilla: %{y:.3g} FLOPs<extra></extra>";
  data.push({ x: found.N, y: found.chinchilla, mode: "lines", line, showlegend: false, hovertemplate });
  const atEnd = (y, text) =>
    label(theme, text, { x: Math.log10(found.N[last]), y: Math.log10(y), xanchor: "left", xshift: 4, align: "left" });
  const isShown = (y) => y >= ys[0] && y <= ys[1] * 1.01;
  found.lines.forEach((ends, k) => {
    if (isShown(ends[last])) annotations.push(atEnd(ends[last], `${formatNumber(100 * found.levels[k])}%`));
  });
  const start = { x: Math.log10(found.N[0]), y: Math.log10(found.chinchilla[0]), xanchor: "left", yanchor: "top", xshift: 24 };
  annotations.push(label(theme, "Chinchilla (dense)", start));
  const middle = Math.log10(Math.sqrt(low * high)), small = { color: theme.muted, size: 11 };
  annotations.push(label(theme, "sizes that were fitted", { yref: "paper", x: middle, y: 0.99, yanchor: "top", font: small }));
  if (asked) {
    data.push(askedPoint(asked, theme));
    const place = { x: Math.log10(asked.nonzero_params), y: Math.log10(asked.flops), yanchor: "bottom", yshift: 8 };
    const text = `your question: ${formatPercent(asked.optimal_sparsity)}`;
    annotations.push(label(theme, text, { ...place, bgcolor: faded(theme.paper, 0.8) }));
  }
  return {
    data,
    layout: layout(theme, 440, {
      shapes: [box(low, high, 0, 1, faded(theme.muted, 0.12))],
      annotations,
      margin: { l: 54, r: 58, t: 10, b: 44 },
      xaxis: logAxis(theme, "non-zero weights N", xs),
      yaxis: logAxis(theme, `training FLOPs (${name} cost)`, ys, { form: formatFlops }),
    }),
  };
}

const nearest = (levels, S) => levels.reduce((a, b) => (Math.abs(b - S) < Math.abs(a - S) ? b : a));

function contourTraces(found, k, theme, hasBand) {
  const color = colorOf(theme, found.levels[k]), both = { mode: "lines", showlegend: false };
  const hovertemplate = `${formatNumber(100 * found.levels[k])}%: %{y:.3g} FLOPs<extra></extra>`;
  const line = { ...both, x: found.N, y: found.lines[k], line: { color, width: 2 }, hovertemplate };
  if (!found.low || !hasBand) return [line];
  const back = (values) => [...values].reverse();
  const outline = { x: [...found.N, ...back(found.N)], y: [...found.low[k], ...back(found.high[k])], fill: "toself" };
  return [{ ...both, ...outline, fillcolor: faded(color, 0.2), line: { width: 0 }, hoverinfo: "skip" }, line];
}

function askedPoint(asked, theme) {
  return {
    x: [asked.nonzero_params], y: [asked.flops], mode: "markers", showlegend: false,
    marker: { size: 13, symbol: "diamond", color: theme.mark, line: { color: theme.paper, width: 1.5 } },
    hovertemplate: `${formatCount(asked.nonzero_params)}, ${formatFlops(asked.flops)} FLOPs<extra></extra>`,
  };
}

// ---- drawing and saving

const FIGURES = {
  answer: answerFigure, loss: lossFigure, predicted: predictedFigure, curves: curvesFigure, contours: contoursFigure,
};

/** Draws a figure in its element, or says why there is none; `width` in place of the element's own, for paper. */
function draw(element, name, shown, theme, width) {
  if (typeof Plotly === "undefined") {
    element.textContent = said("no_figure");
    return;
  }
  const figure = FIGURES[name]({ ...shown, width: width ?? element.clientWidth }, theme);
  Plotly.react(element, figure.data, { ...figure.layout, width }, { displayModeBar: false, responsive: true, scrollZoom: false });
}

/** A figure as the data: address of an SVG or PNG picture, in light colours. */
function picture(name, format, shown, theme) {
  const { data, layout: looks } = FIGURES[name]({ ...shown, width: 1000 }, theme);
  const size = { width: 1000, height: looks.height, scale: format === "png" ? 2 : 1 };
  return Plotly.toImage({ data, layout: looks }, { format, ...size });
}
