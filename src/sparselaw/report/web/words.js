// The question and its answer in words and tables.
import { formatBytes, formatCount, formatFlops, formatNumber, formatPercent, formatSpan } from "./format.js";
import { budgetIn, costOf } from "./answer.js";
import { relevant } from "./state.js";
import { page, record } from "./page.js";

export function questionText() {
  const { state, answer } = page, unit = record.fit.data_unit;
  const cost = record.costs[state.cost].label;
  if (state.ask === "serve") {
    const size = state.fixed ? `, ${sizeText(state)}` : "";
    const asked = `Loss ${formatNumber(state.loss)}${size}, ${formatCount(state.inference)} ${unit} to serve`;
    return `${asked}; in training ${cost}, in inference ${record.costs[state.serving].label}.`;
  }
  const C = answer?.record.flops ?? budgetIn(page.model, state, costOf(page.model, state.cost, "training", state.units));
  return `A model of ${sizeText(state)}, ${formatFlops(C)} training FLOPs; ${cost}.`;
}

function sizeText({ size, N, memory, format, precision }) {
  return size === "memory"
    ? `${formatBytes(memory)} of ${precision} weights as ${format}`
    : `${formatCount(N)} non-zero prunable weights`;
}

/** What stands below the headline: each a number and what it is. */
export function certainties() {
  const { record: found } = page.answer, isServed = page.state.ask === "serve";
  const near = [formatSpan(found.near_optimal, percent), `is as good: within ${gapText(found, isServed)}`];
  return [howSure(), near, gainPair(found, isServed)];
}

const percent = (S) => formatPercent(S);

function howSure() {
  if (!page.model.draws.length) return ["no interval", "since this fit has no bootstrap draws"];
  const interval = page.intervals?.optimal_sparsity;
  return [interval ? formatSpan(interval, percent) : "…", "holds the best sparsity in 95% of refits to resampled runs"];
}

const gapText = (found, isServed) =>
  isServed ? `${formatPercent(found.tolerance, 0)} of the least cost` : `${formatNumber(found.tolerance, 2)} nats of the best`;

function gainPair(found, isServed) {
  const same = found.memory ? "bytes" : "N", budget = found.memory ? "these bytes and this budget" : "this N and budget";
  if (found.optimal_sparsity === 0) return ["no gain", `from any sparsity, at ${isServed ? "these costs" : budget}`];
  const within = (key, form) => (page.intervals?.[key] ? ` (95% interval ${formatSpan(page.intervals[key], form)})` : "");
  return isServed
    ? [percent(found.saving), `of the cost of the cheapest dense life is saved${within("saving", percent)}`]
    : [nats(found.gain), `lower loss than dense at the same ${same} and FLOPs${within("gain", (x) => formatNumber(x, 2))}`];
}

const nats = (value) => `${formatNumber(value, 2)} nats`;

export function surely() {
  const share = page.denseInDraws;
  const isOpen = share !== null && share > 0.025 && share < 0.975;
  return isOpen ? [`dense is best in ${formatPercent(share, 0)} of the bootstrap draws`] : [];
}

/** The rows of the table of numbers: [key, what it is, how it is written]. */
export function factsOf() {
  const unit = record.fit.data_unit;
  return page.state.ask === "serve" ? factsOfLife(unit) : factsOfBudget(unit, page.state.size === "memory");
}

const factsOfBudget = (unit, isStored) => [
  ["gain", `gain over dense, same ${isStored ? "bytes" : "N"} and FLOPs (nats)`, formatNumber],
  ["loss", "loss", formatNumber],
  ["dense_loss", "loss if dense", formatNumber],
  ...(isStored ? [["nonzero_params", "non-zero weights N", formatCount]] : []),
  ["start_params", "weights before pruning", formatCount],
  ...(isStored ? [["dense_params", "dense model of these bytes", formatCount]] : []),
  ["data", `${unit} it pays for`, formatCount],
  ["dense_data", `${unit} if dense`, formatCount],
  ["flops", "training FLOPs", formatFlops],
  ["times_chinchilla", `times Chinchilla-optimal compute${isStored ? " of that" : ""}`, formatNumber],
  ["pays_from", "sparsity pays from (times)", formatNumber],
  ["equivalent_dense_params", "equivalent dense weights", formatCount],
  ["best_dense_params", "best dense model of any size", formatCount],
  ["best_dense_loss", "its loss, same FLOPs", formatNumber],
];

const factsOfLife = (unit) => [
  ["nonzero_params", "non-zero weights N", formatCount],
  ["start_params", "weights before pruning", formatCount],
  ["data", `${unit} to train on`, formatCount],
  ["flops", "training FLOPs", formatFlops],
  ["inference_flops", "inference FLOPs", formatFlops],
  ["total", "total FLOPs", formatFlops],
  ["dense_params", "cheapest dense model", formatCount],
  ["dense_total", "its total FLOPs", formatFlops],
  ["saving", "saving over it", percent],
  ["times_chinchilla", "times Chinchilla-optimal compute", formatNumber],
  ["equivalent_dense_params", "equivalent dense weights", formatCount],
];

/** A quantity's interval as text: "…" until it is known, "-" if it has none. */
export function intervalText(key, form) {
  if (!page.model.draws.length || !(key in page.answer.quantities)) return "-";
  return page.intervals ? formatSpan(page.intervals[key], (x) => form(x)) : "…";
}

/** The answer with the keys of `sparselaw plan --json`, and the question. */
export function exported() {
  const { answer, intervals, denseInDraws } = page;
  const bounds = Object.fromEntries(Object.entries(intervals ?? {}).map(([name, value]) => [`${name}_interval`, value]));
  const interval = bounds.optimal_sparsity_interval ?? null;
  delete bounds.optimal_sparsity_interval;
  const question = Object.fromEntries(relevant(page.state).map((key) => [key, page.state[key]]));
  const said = { advice: [...answer.advice, ...surely()], warnings: answer.warnings };
  return { question, ...answer.record, interval, ...bounds, dense_in_draws: denseInDraws, ...said };
}
