// The controls: each number has a field and a slider, and the address follows them.
import { formatBytes, formatCount, formatFlops, formatNumber, parseBytes, parseCount } from "./format.js";
import { isPossible, relevant, toHash } from "./state.js";
import { byId, page, record } from "./page.js";

const decades = (low, high) => ({
  low: Math.log10(low),
  high: Math.log10(high),
  to: Math.log10,
  from: (x) => Number((10 ** x).toPrecision(3)),
});

function scales() {
  const { domain } = record.fit;
  const [lowN, highN] = domain.nonzero_params, [lowD, highD] = domain.data;
  const floor = page.model.law.floor, [best, top] = domain.loss, least = Math.max(best - 0.6 * (best - floor), floor);
  return {
    N: decades(lowN / 10, highN * 1000),
    memory: decades(lowN / 10, highN * 4000),
    C: decades(lowN * lowD, highN * highD * 1e6),
    D: decades(lowD / 10, highD * 1000),
    times: decades(0.1, 1e4),
    inference: decades(lowD / 10, highD * 1e5),
    loss: { low: least, high: top, to: (x) => x, from: (x) => Number(x.toPrecision(4)) },
  };
}

const shown = {
  N: formatCount,
  memory: formatBytes,
  C: formatFlops,
  D: formatCount,
  times: formatNumber,
  inference: formatCount,
  loss: formatNumber,
  units: formatNumber,
};

const read = { memory: parseBytes, times: Number, loss: Number, units: Number };

const readAs = (key, text) => (read[key] ?? parseCount)(text);

/** A number as a field shows it: short where that is exact. */
function fieldText(key, value) {
  const short = shown[key](value);
  return readAs(key, short) === value ? short : String(value);
}

const LISTS = ["format", "precision", "cost", "serving"];

/** Fills the controls; `answered` is called after every change of the question. */
export function setUpControls(answered) {
  page.answered = answered;
  const limits = scales();
  for (const [key, scale] of Object.entries(limits)) {
    const slider = byId(`${key}-slider`);
    Object.assign(slider, { min: scale.low, max: scale.high, step: (scale.high - scale.low) / 1000 });
    slider.addEventListener("input", () => change({ [key]: scale.from(Number(slider.value)) }, slider));
  }
  for (const key of Object.keys(shown)) byId(key).addEventListener("input", () => typed(key));
  for (const key of Object.keys(shown)) byId(key).addEventListener("change", () => showControls());
  for (const key of ["ask", "size", "budget"]) onChoice(key, (value) => change({ [key]: value }));
  onChoice("fixed", (value) => change({ fixed: value === "true" }));
  for (const [key, task] of [["cost", "training"], ["serving", "inference"]]) {
    const known = Object.entries(record.costs).filter(([, cost]) => cost[task]);
    byId(key).replaceChildren(...known.map(([name, { label }]) => new Option(label, name)));
  }
  for (const key of LISTS) byId(key).addEventListener("change", () => change({ [key]: byId(key).value }));
  const unit = record.fit.data_unit;
  for (const span of document.querySelectorAll("[data-unit]")) span.textContent = unit[0].toUpperCase() + unit.slice(1);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => change(record.state));
}

function onChoice(name, act) {
  for (const radio of document.querySelectorAll(`input[name="${name}"]`)) {
    radio.addEventListener("change", () => act(radio.value));
  }
}

function typed(key) {
  const value = readAs(key, byId(key).value), isGood = isPossible(value);
  const wanted = key === "memory" ? "number of bytes, such as 8GB, 512MiB or 8e9" : "positive number, such as 85M, 1.3B or 4.2e21";
  byId(key).setAttribute("aria-invalid", String(!isGood));
  byId("mistake").textContent = isGood ? "" : `Write a ${wanted}.`;
  if (isGood) change({ [key]: value }, byId(key));
}

/** A change of the question; `source` is the control it came from, which is left as it is. */
function change(what, source) {
  page.state = { ...page.state, ...what };
  writeAddressSoon();
  showControls(source);
  page.answered();
}

/** Browsers refuse addresses that change with every step of a slider. */
function writeAddressSoon() {
  clearTimeout(page.writing);
  page.writing = setTimeout(writeAddress, 150);
}

export function writeAddress() {
  clearTimeout(page.writing);
  history.replaceState(null, "", toHash(page.state));
}

export function showControls(source) {
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
  for (const key of ["ask", "size", "budget", "fixed"]) {
    for (const radio of document.querySelectorAll(`input[name="${key}"]`)) radio.checked = radio.value === String(state[key]);
  }
  for (const key of LISTS) choose(byId(key), state[key]);
  for (const part of document.querySelectorAll("[data-for]")) {
    const key = part.dataset.for;
    part.hidden = !isOffered(key, state, used);
  }
}

/** Whether a control belongs to the question; bytes belong to no model that is served, but an address may ask. */
function isOffered(key, state, used) {
  if (key === "serve") return state.ask === "serve";
  if (key === "units") return record.fit.data_unit === "images";
  return used.has(key) && !(key === "size" && state.ask === "serve" && state.size === "count");
}

/** Chooses from a list, to which an address may add: there are more formats than it shows. */
function choose(list, value) {
  list.value = value;
  if (list.value !== value) list.add(new Option(value, value, true, true));
}
