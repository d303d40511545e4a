// The question and its answer in words and tables.
import { formatBytes, formatCount, formatFlops, formatNumber, formatPercent, formatSpan } from "./format.js";
import { budgetIn, costOf, factsOf } from "./answer.js";
import { labelledRows, say, sentences } from "./rules.js";
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
  const near = [formatSpan(found.near_optimal, percent), `sparse is as good: ${say(topicOf(), "_near", factsNow())}`];
  return [howSure(), near, gainPair(found, isServed)];
}

const percent = (S) => formatPercent(S);

function howSure() {
  if (!page.model.draws.length) return ["no interval", "since this fit has no bootstrap draws"];
  const interval = page.intervals?.optimal_sparsity;
  return [interval ? formatSpan(interval, percent) : "…", "holds the best sparsity in 95% of refits to resampled runs"];
}

function gainPair(found, isServed) {
  const said = say(topicOf(), "_gain", factsNow());
  if (found.optimal_sparsity === 0) return ["no gain", said];
  const [key, form] = isServed ? ["saving", percent] : ["gain", (x) => formatNumber(x, 2)];
  return [said, page.intervals?.[key] ? `95% interval ${formatSpan(page.intervals[key], form)}` : ""];
}

/** The topic of the words that speak of this answer. */
const topicOf = () => (page.state.ask === "serve" ? "lifetime" : "budget");

const factsNow = () => factsOf(page.answer.record, { dense_in_draws: page.denseInDraws, main_share: null });

export const headline = () => say(topicOf(), "_headline", factsNow());

export const advice = () => sentences(topicOf(), factsNow());

/** The rows of the table of numbers: [key, what it is, how it is written]. */
export const tableRows = () => labelledRows(topicOf(), factsNow());

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
  const said = { advice: advice(), warnings: answer.warnings };
  return { question, ...answer.record, interval, ...bounds, dense_in_draws: denseInDraws, ...said };
}
