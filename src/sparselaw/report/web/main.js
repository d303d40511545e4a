// The page's program: the question in the controls, the answer and the figures on the page, the state in the address.
import { formatCount, formatFlops, formatNumber, formatPercent, formatSpan, parseCount } from "./format.js";
import { answerTo, budgetIn, costOf, curveOf, intervalsOf, modelFrom } from "./answer.js";
import { fromHash, isPossible, relevant, toHash } from "./state.js";
import { draw, FIGURES, lightTheme, picture, themeOf } from "./charts.js";

const SLICE = 12; // milliseconds of computing before the page may do something else
const PAPER_WIDTH = 680; // pixels, of a figure in print
const record = JSON.parse(document.getElementById("record").textContent);
const byId = (id) => document.getElementById(id);
const page = { model: record.law ? modelFrom(record) : {}, state: record.state, answer: null, intervals: null, denseInDraws: null, job: 0 };

// ---- controls: each number has a field and a slider

const decades = (low, high) => ({ low: Math.log10(low), high: Math.log10(high), to: Math.log10, from: (x) => Number((10 ** x).toPrecision(3)) });

function scales() {
  const { domain } = record.fit;
  const [lowN, highN] = domain.nonzero_params, [lowD, highD] = domain.data;
  const floor = page.model.law.floor, top = domain.loss[1], least = Math.max(domain.loss[0] - 0.6 * (domain.loss[0] - floor), floor);
  return {
    N: decades(lowN / 10, highN * 1000),
    C: decades(lowN * lowD, highN * highD * 1e6),
    D: decades(lowD / 10, highD * 1000),
    times: decades(0.1, 1e4),
    inference: decades(lowD / 10, highD * 1e5),
    loss: { low: least, high: top, to: (x) => x, from: (x) => Number(x.toPrecision(4)) },
  };
}

const shown = { N: formatCount, C: formatFlops, D: formatCount, times: formatNumber, inference: formatCount, loss: formatNumber, units: formatNumber };
const digits = { N: 3, C: 3, D: 3, inference: 3 };

/** A number as a field shows it: short where that is exact. */
function fieldText(key, value) {
  const short = shown[key](value, digits[key]);
  return parseCount(short) === value ? short : String(value);
}

function setUpControls() {
  const limits = scales();
  for (const [key, scale] of Object.entries(limits)) {
    const slider = byId(`${key}-slider`);
    Object.assign(slider, { min: scale.low, max: scale.high, step: (scale.high - scale.low) / 1000 });
    slider.addEventListener("input", () => change({ [key]: scale.from(Number(slider.value)) }, slider));
  }
  for (const key of Object.keys(shown)) byId(key).addEventListener("input", () => typed(key));
  for (const key of Object.keys(shown)) byId(key).addEventListener("change", () => showControls());
  for (const key of ["ask", "budget"]) onChoice(key, (value) => change({ [key]: value }));
  onChoice("fixed", (value) => change({ fixed: value === "true" }));
  for (const [key, task] of [["cost", "training"], ["serving", "inference"]]) {
    const known = Object.entries(record.costs).filter(([, cost]) => cost[task]);
    byId(key).replaceChildren(...known.map(([name, { label }]) => new Option(label, name)));
    byId(key).addEventListener("change", () => change({ [key]: byId(key).value }));
  }
  const unit = record.fit.data_unit;
  for (const span of document.querySelectorAll("[data-unit]")) span.textContent = unit[0].toUpperCase() + unit.slice(1);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("copy-link").addEventListener("click", copyLink);
  byId("save-json").addEventListener("click", () => download("sparselaw-answer.json", new Blob([byId("answer-json").textContent], { type: "application/json" })));
  byId("reset").addEventListener("click", () => change(record.state));
}

function onChoice(name, act) {
  for (const radio of document.querySelectorAll(`input[name="${name}"]`)) radio.addEventListener("change", () => act(radio.value));
}

function typed(key) {
  const value = key === "loss" || key === "times" || key === "units" ? Number(byId(key).value) : parseCount(byId(key).value);
  const isGood = isPossible(value);
  byId(key).setAttribute("aria-invalid", String(!isGood));
  byId("mistake").textContent = isGood ? "" : "Write a positive number, such as 85M, 1.3B or 4.2e21.";
  if (isGood) change({ [key]: value }, byId(key));
}

/** A change of the question; `source` is the control it came from, which is left as it is. */
function change(what, source) {
  page.state = { ...page.state, ...what };
  writeAddressSoon();
  showControls(source);
  ask();
}

/** Browsers refuse addresses that change with every step of a slider. */
function writeAddressSoon() {
  clearTimeout(page.writing);
  page.writing = setTimeout(writeAddress, 150);
}

function writeAddress() {
  clearTimeout(page.writing);
  history.replaceState(null, "", toHash(page.state));
}

function showControls(source) {
  const { state } = page, limits = scales(), used = new Set(relevant(state));
  for (const key of Object.keys(shown)) {
    const field = byId(key), slider = byId(`${key}-slider`);
    if (field !== source) {
      field.value = fieldText(key, state[key]);
      field.setAttribute("aria-invalid", "false");
    }
    if (slider && slider !== source) slider.value = limits[key].to(state[key]);
    slider?.setAttribute("aria-valuetext", fieldText(key, state[key]));
  }
  if (!Object.keys(shown).some((key) => byId(key) === source)) byId("mistake").textContent = "";
  for (const key of ["ask", "budget", "fixed"]) {
    for (const radio of document.querySelectorAll(`input[name="${key}"]`)) radio.checked = radio.value === String(state[key]);
  }
  byId("cost").value = state.cost;
  byId("serving").value = state.serving;
  for (const part of document.querySelectorAll("[data-for]")) {
    const key = part.dataset.for;
    part.hidden = key === "serve" ? state.ask !== "serve" : key === "units" ? record.fit.data_unit !== "images" : !used.has(key);
  }
}

// ---- the answer: the best sparsity at once, the intervals in slices, so that a slider never waits

function ask() {
  const job = ++page.job;
  document.documentElement.dataset.settled = "false";
  const answer = answerTo(page.model, page.state);
  if (answer.problem) {
    page.answer = null;
    showProblem(answer.problem);
    return;
  }
  Object.assign(page, { answer, intervals: null, denseInDraws: null });
  const steps = intervalsOf(answer.quantities, page.model.draws, page.model.confidence);
  work(job, steps, performance.now());
  if (document.documentElement.dataset.settled === "false") showAnswer();
}

function work(job, steps, began) {
  if (job !== page.job) return;
  let step = steps.next();
  while (!step.done && performance.now() - began < SLICE) step = steps.next();
  if (!step.done) {
    setTimeout(() => work(job, steps, performance.now()));
    return;
  }
  Object.assign(page, step.value);
  document.documentElement.dataset.settled = "true";
  showAnswer();
  saySoon();
}

function showProblem(sentence) {
  byId("headline").textContent = "No answer";
  byId("certainty").replaceChildren(pairOf(["", sentence]));
  saySoon();
  byId("question").textContent = questionText();
  byId("result").hidden = true;
  document.documentElement.dataset.settled = "true";
}

function showAnswer() {
  const { answer, state } = page;
  byId("result").hidden = false;
  byId("question").textContent = questionText();
  const S = answer.record.optimal_sparsity;
  byId("headline").textContent = S > 0 ? `Train it ${formatPercent(S)} sparse` : "Train it dense";
  byId("certainty").replaceChildren(...certainties().map(pairOf));
  list("warnings", answer.warnings);
  list("advice", [...answer.advice, ...surely()]);
  showFacts();
  showCurve();
  byId("answer-json").textContent = JSON.stringify(exported(), (_, value) => (Number.isFinite(value) || typeof value !== "number" ? value : null), 1);
  drawSoon(state.ask === "serve" || record.contours ? ["answer", "contours"] : ["answer"]);
}

function questionText() {
  const { state, answer } = page, unit = record.fit.data_unit;
  const cost = record.costs[state.cost].label;
  if (state.ask === "serve") {
    const size = state.fixed ? `, ${formatCount(state.N)} non-zero weights` : "";
    return `Loss ${formatNumber(state.loss)}${size}, ${formatCount(state.inference)} ${unit} to serve; in training ${cost}, in inference ${record.costs[state.serving].label}.`;
  }
  const C = answer?.record.flops ?? budgetIn(page.model, state, costOf(page.model, state.cost, "training", state.units));
  return `A model of ${formatCount(state.N)} non-zero prunable weights, ${formatFlops(C)} training FLOPs; ${cost}.`;
}

/** What stands below the headline: each a number and what it is. */
function certainties() {
  const { record: found } = page.answer, isServed = page.state.ask === "serve";
  const interval = page.intervals?.optimal_sparsity;
  const [low, high] = found.near_optimal.map((S) => formatPercent(S));
  const gap = isServed ? `${formatPercent(found.tolerance, 0)} of the least cost` : `${formatNumber(found.tolerance, 2)} nats of the best`;
  const within = (key, form) => (page.intervals?.[key] ? ` (95% interval ${formatSpan(page.intervals[key], form)})` : "");
  const gain = isServed
    ? [formatPercent(found.saving), `of the cost of the cheapest dense life is saved${within("saving", (x) => formatPercent(x))}`]
    : [`${formatNumber(found.gain, 2)} nats`, `lower loss than dense at the same N and FLOPs${within("gain", (x) => formatNumber(x, 2))}`];
  const sure = page.model.draws.length
    ? [interval ? formatSpan(interval, (S) => formatPercent(S)) : "…", "holds the best sparsity in 95% of refits to resampled runs"]
    : ["no interval", "since this fit has no bootstrap draws"];
  const near = [`${low} to ${high}`, `is as good: within ${gap}`];
  return [sure, near, found.optimal_sparsity > 0 ? gain : ["no gain", `from any sparsity, ${isServed ? "at these costs" : "at this N and budget"}`]];
}

function pairOf([number, meaning]) {
  const pair = document.createElement("div");
  const make = (tag, textContent) => Object.assign(document.createElement(tag), { textContent });
  pair.append(make("dt", number), make("dd", meaning));
  return pair;
}

/** Tells a screen reader, once the slider rests. */
function saySoon() {
  clearTimeout(page.saying);
  page.saying = setTimeout(() => {
    const parts = page.answer ? certainties().map((pair) => pair.join(" ")) : [];
    byId("said").textContent = [byId("headline").textContent, ...parts].join(". ");
  }, 500);
}

function surely() {
  const share = page.denseInDraws;
  return share !== null && share > 0.025 && share < 0.975 ? [`dense is best in ${formatPercent(share, 0)} of the bootstrap draws`] : [];
}

function list(id, sentences) {
  byId(id).replaceChildren(...sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
}

function factsOf() {
  const unit = record.fit.data_unit;
  return page.state.ask === "serve"
    ? [
        ["nonzero_params", "non-zero weights N", formatCount], ["start_params", "weights before pruning", formatCount],
        ["data", `${unit} to train on`, formatCount], ["flops", "training FLOPs", formatFlops],
        ["inference_flops", "inference FLOPs", formatFlops], ["total", "total FLOPs", formatFlops],
        ["dense_params", "cheapest dense model", formatCount], ["dense_total", "its total FLOPs", formatFlops],
        ["saving", "saving over it", formatPercent], ["times_chinchilla", "times Chinchilla-optimal compute", formatNumber],
        ["equivalent_dense_params", "equivalent dense weights", formatCount],
      ]
    : [
        ["gain", "gain over dense, same N and FLOPs (nats)", formatNumber], ["loss", "loss", formatNumber],
        ["dense_loss", "loss if dense", formatNumber], ["start_params", "weights before pruning", formatCount],
        ["data", `${unit} it pays for`, formatCount], ["dense_data", `${unit} if dense`, formatCount],
        ["flops", "training FLOPs", formatFlops], ["times_chinchilla", "times Chinchilla-optimal compute", formatNumber],
        ["pays_from", "sparsity pays from (times)", formatNumber], ["equivalent_dense_params", "equivalent dense weights", formatCount],
        ["best_dense_params", "best dense model of any size", formatCount], ["best_dense_loss", "its loss, same FLOPs", formatNumber],
      ];
}

function showFacts() {
  const { record: found } = page.answer;
  const rows = factsOf().map(([key, label, form]) => {
    const interval = page.intervals ? page.intervals[key] : page.answer.quantities[key] && page.model.draws.length ? undefined : null;
    return [label, form(found[key]), interval === undefined && key in page.answer.quantities ? "…" : formatSpan(interval, (x) => form(x))];
  });
  const costs = Object.entries(found.costs).map(([name, S]) => [`best sparsity, ${{ dense: "zeros computed", sparse: "zeros free" }[name] ?? name}`, formatPercent(S), "-"]);
  byId("facts").replaceChildren(...[...rows, ...costs].map(rowOf));
}

function rowOf([head, ...cells]) {
  const row = document.createElement("tr");
  const first = Object.assign(document.createElement("th"), { textContent: head, scope: "row", className: "words" });
  row.append(first, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return row;
}

function showCurve() {
  const isServed = page.state.ask === "serve";
  byId("curve-heading").textContent = isServed ? "total FLOPs" : "loss";
  const levels = page.model.law.levels.length ? page.model.law.levels : [0, 0.25, 0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375];
  byId("curve-rows").replaceChildren(...levels.map((S) => rowOf([formatPercent(S), (isServed ? formatFlops : formatNumber)(page.answer.value(S), 5)])));
  byId("answer-caption").textContent =
    `${isServed ? "Training and inference FLOPs" : "Loss"} against sparsity for this question. Shaded: the 95% interval of the best sparsity. ` +
    "Bar on the axis: the range that is as good.";
}

/** The answer with the keys of `sparselaw plan --json`, and the question. */
function exported() {
  const { answer, intervals, denseInDraws } = page;
  const bounds = Object.fromEntries(Object.entries(intervals ?? {}).map(([name, value]) => [`${name}_interval`, value]));
  const interval = bounds.optimal_sparsity_interval ?? null;
  delete bounds.optimal_sparsity_interval;
  const question = Object.fromEntries(relevant(page.state).map((key) => [key, page.state[key]]));
  return { question, ...answer.record, interval, ...bounds, dense_in_draws: denseInDraws, advice: [...answer.advice, ...surely()], warnings: answer.warnings };
}

// ---- figures, links and files

const figureOf = (name) => document.querySelector(`figure[data-figure="${name}"] .plot`);

const shownIn = () => ({
  record, model: page.model, answer: page.answer, intervals: page.intervals, cost: page.state?.cost, isServed: page.state?.ask === "serve",
  curve: page.answer && curveOf(page.answer, page.model.law.levels),
});

function drawAll(names = Object.keys(FIGURES), theme = themeOf(record), width = undefined) {
  const now = shownIn();
  for (const name of names) {
    const element = figureOf(name);
    if (element && (name !== "answer" || page.answer)) draw(element, name, now, theme, width);
  }
}

let waiting = new Set();
function drawSoon(names) {
  if (!waiting.size) {
    requestAnimationFrame(() => {
      drawAll([...waiting]);
      waiting = new Set();
    });
  }
  names.forEach((name) => waiting.add(name));
}

function setUpFigures() {
  if (typeof Plotly === "undefined") return;
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    const tools = Object.assign(document.createElement("p"), { className: "tools" });
    for (const format of ["svg", "png"]) {
      const name = figure.dataset.figure;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Save ${format.toUpperCase()}` });
      button.setAttribute("aria-label", `Save the figure ${name} as ${format.toUpperCase()}`);
      button.addEventListener("click", () => saveFigure(name, format));
      tools.append(button);
    }
    figure.querySelector("figcaption").after(tools);
  }
}

async function saveFigure(name, format) {
  download(`sparselaw-${name}.${format}`, blobOf(await picture(name, format, shownIn(), lightTheme(record))));
}

/** The contents of a data: address. */
function blobOf(address) {
  const comma = address.indexOf(","), head = address.slice(0, comma), body = address.slice(comma + 1);
  const content = head.endsWith(";base64") ? Uint8Array.from(atob(body), (c) => c.charCodeAt(0)) : decodeURIComponent(body);
  return new Blob([content], { type: /^data:([^;,]*)/.exec(head)[1] });
}

function download(name, blob) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copyLink() {
  writeAddress();
  const address = location.href;
  try {
    await navigator.clipboard.writeText(address);
    byId("done").textContent = "Link copied.";
  } catch {
    byId("done").textContent = "The link is in the address bar.";
  }
}

function start() {
  setUpFigures();
  if (record.state) {
    page.state = fromHash(location.hash, record.state, record.costs);
    byId("planner").hidden = false;
    setUpControls();
    showControls();
    ask();
    addEventListener("hashchange", () => {
      if (!location.hash.includes("=")) return; // a link to a section
      page.state = fromHash(location.hash, record.state, record.costs);
      showControls();
      ask();
    });
  } else document.documentElement.dataset.settled = "true";
  drawAll(Object.keys(FIGURES).filter((name) => name !== "answer"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => drawAll(Object.keys(FIGURES), lightTheme(record), PAPER_WIDTH));
  addEventListener("afterprint", () => drawAll());
}

start();
