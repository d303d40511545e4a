// The answer to a question, as `sparselaw plan --json` gives it: point values at once, intervals over the draws in slices.
// A quantity is a function of a law (one parameter vector); its interval is that of its values over all draws.
import { capacity, dataLoss, lawWith, predict, sizeMultiplier } from "./law.js";
import { dataOf, flopsFor } from "./cost.js";
import { evenSparsities, MAX_SPARSITY, rangeWithin } from "./search.js";
import { bestSize, chinchillaFlops, flopsWhereSparsityPays, kinksOnBudget, levelsOf } from "./optimum.js";
import { lossOnBudget, nearOptimalRange, optimalSparsity } from "./optimum.js";
import { bestSparsity, kinksOf, lifeAt } from "./lifetime.js";
import { isMemory, memoryOf, nonzerosAt } from "./storage.js";
import { formatBytes, formatCount, formatNumber } from "./format.js";
import { sentences } from "./rules.js";

const LOSS_TOLERANCE = 1e-3; // share of the loss that counts as no difference
const CURVE_POINTS = 240;
const LIFE_TOLERANCE = 1e-2; // share of the cost
const FEWEST = 1000; // weights in a memory: a layer has more, so a unit must be wrong
const LARGEST = 1e40; // of any quantity: powers of it stay within the range of a double

export function modelFrom(record) {
  const numbers = (values) => values.map((value) => (value === null ? Infinity : value));
  const { law, fit } = record;
  return {
    ...fit,
    form: law,
    law: lawWith(law, numbers(fit.parameters)),
    draws: rowsOf(fit.draws, law.names.length).map((draw) => lawWith(law, draw)),
    costs: record.costs,
  };
}

/** Rows of so many numbers, from the base64 of little-endian doubles. */
function rowsOf(text, length) {
  const view = new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const count = view.byteLength / (8 * length);
  return Array.from({ length: count }, (_, k) => Array.from({ length }, (_, j) => view.getFloat64(8 * (k * length + j), true)));
}

export function costOf(model, name, task, units) {
  return { ...model.costs[name][task], units };
}

/** The answer without intervals: {record, quantities, curve, warnings, advice}; {problem} if there is none. */
export function answerTo(model, state) {
  return state.ask === "serve" ? servedAnswer(model, state) : budgetAnswer(model, state);
}

/** N, or the memory in its place. */
export const sizeIn = (state) => (state.size === "memory" ? memoryOf(state.memory, state.format, state.precision) : state.N);

export function budgetIn(model, state, cost) {
  const dense = nonzerosAt(sizeIn(state), 0);
  if (state.budget === "data") return flopsFor(cost, 0, dense, state.D);
  if (state.budget === "chinchilla") return state.times * chinchillaFlops(model.law, dense, cost);
  return state.C;
}

function budgetAnswer(model, state) {
  const cost = costOf(model, state.cost, "training", state.units), size = sizeIn(state);
  const problem = isMemory(size) ? refusal(model, size) : "";
  if (problem) return { problem };
  const C = budgetIn(model, state, cost), S = optimalSparsity(model.law, size, C, cost);
  const N = nonzerosAt(size, S), denseN = nonzerosAt(size, 0), dense = dataOf(cost, 0, denseN, C);
  const quantities = {
    optimal_sparsity: (law) => optimalSparsity(law, size, C, cost),
    loss: (law) => lossOnBudget(law, S, size, C, cost),
    dense_loss: (law) => predict(law, 0, denseN, dense),
    gain: (law) => predict(law, 0, denseN, dense) - lossOnBudget(law, S, size, C, cost),
    multiplier: (law) => sizeMultiplier(law, S),
    equivalent_dense_params: (law) => N * sizeMultiplier(law, S),
    times_chinchilla: (law) => C / chinchillaFlops(law, denseN, cost),
    best_dense_params: (law) => bestSize(law, 0, C, cost),
    best_dense_loss: (law) => lossOnBudget(law, 0, bestSize(law, 0, C, cost), C, cost),
    pays_from: (law) => flopsWhereSparsityPays(law, size, cost) / chinchillaFlops(law, denseN, cost),
  };
  const found = pointValues(quantities, model.law);
  const gap = LOSS_TOLERANCE * found.loss;
  const record = {
    ...found,
    nonzero_params: N,
    flops: C,
    cost: state.cost,
    near_optimal: nearOptimalRange(model.law, S, size, C, cost, gap),
    tolerance: gap,
    data: dataOf(cost, S, N, C),
    dense_data: dense,
    data_unit: model.data_unit,
    start_params: N / (1 - S),
    dense_params: denseN,
    memory: isMemory(size) ? size.bytes : null,
    format: isMemory(size) ? size.storage.format : null,
    precision: isMemory(size) ? size.storage.precision : null,
    costs: bestByCost(model, state.cost, "training", state.units, (other) => optimalSparsity(model.law, size, C, other)),
    law: model.form.name,
    fit: model.name,
    confidence: model.confidence,
  };
  const warnings = warningsOf(model, size, S, C, cost, { compared: true });
  const value = (s) => lossOnBudget(model.law, s, size, C, cost);
  const limits = { levels: levelsOf(model.law, size), kinks: kinksOnBudget(size, cost) };
  return { record, quantities, value, ...limits, warnings };
}

/** Why nothing can be planned in a memory; empty if something can. */
function refusal(model, memory) {
  const { format, precision } = memory.storage, dense = nonzerosAt(memory, 0);
  if (!(dense >= FEWEST && dense < LARGEST)) {
    const much = dense < FEWEST ? "less than one layer" : "more than any model has";
    const held = `${formatCount(dense)} weights of ${precision}`;
    return `${formatBytes(memory.bytes)} hold ${held}, ${much}; check the unit of memory.`;
  }
  if (!memory.levels.length || levelsOf(model.law, memory).length > 1) return "";
  return `The law ${model.form.name} knows the fitted sparsities only, and not that of ${format}; choose another format.`;
}

function servedAnswer(model, state) {
  if (state.fixed && state.size === "memory") {
    return { problem: "Memory limits a model that is only trained; with inference give non-zeros if N is fixed." };
  }
  const demand = {
    loss: state.loss,
    inference: state.inference,
    nonzeros: state.fixed ? state.N : null,
    training: costOf(model, state.cost, "training", state.units),
    serving: costOf(model, state.serving, "inference", state.units),
  };
  const problem = outOfReach(model, demand);
  if (problem) return { problem };
  const { law } = model;
  const S = bestSparsity(law, demand);
  const at = (name, where = S) => (one) => lifeAt(one, where, demand)[name];
  const quantities = {
    optimal_sparsity: (one) => reachableBest(one, demand),
    nonzero_params: at("nonzeros"),
    data: at("data"),
    flops: at("training"),
    inference_flops: at("inference"),
    total: at("total"),
    dense_params: at("nonzeros", 0),
    dense_total: at("total", 0),
    saving: (one) => 1 - lifeAt(one, S, demand).total / lifeAt(one, 0, demand).total,
  };
  const found = pointValues(quantities, law);
  const N = found.nonzero_params, C = found.flops;
  Object.assign(quantities, {
    dense_loss: (one) => lossOnBudget(one, 0, N, C, demand.training),
    equivalent_dense_params: (one) => N * sizeMultiplier(one, S),
    times_chinchilla: (one) => C / chinchillaFlops(one, N, demand.training),
  });
  const points = pointValues(quantities, law);
  if (demand.nonzeros) for (const certain of ["nonzero_params", "inference_flops", "dense_params"]) delete quantities[certain];
  const value = (s) => lifeAt(law, s, demand).total;
  const allowed = found.total * (1 + LIFE_TOLERANCE);
  const record = {
    ...points,
    loss: state.loss,
    inference: state.inference,
    cost: state.cost,
    inference_cost: state.serving,
    near_optimal: rangeWithin(value, S, allowed, { levels: law.levels, kinks: kinksOf(demand) }),
    tolerance: LIFE_TOLERANCE,
    data_unit: model.data_unit,
    start_params: N / (1 - S),
    costs: bestByCost(model, state.serving, "inference", state.units, (serving) => bestSparsity(law, { ...demand, serving })),
    law: model.form.name,
    fit: model.name,
    confidence: model.confidence,
  };
  const warnings = warningsOf(model, N, S, C, demand.training, { compared: false });
  return { record, quantities, value, levels: law.levels, kinks: kinksOf(demand), warnings };
}

function outOfReach(model, demand) {
  const { law } = model;
  if (demand.loss <= law.floor) {
    return `A loss of ${formatNumber(demand.loss)} is below the irreducible loss ${formatNumber(law.floor)} of this fit.`;
  }
  if (Number.isFinite(lifeAt(law, bestSparsity(law, demand), demand).total)) return "";
  const what = demand.nonzeros ? `${formatCount(demand.nonzeros)} non-zeros` : "any size";
  return `A loss of ${formatNumber(demand.loss)} is out of reach with ${what}, at any sparsity.`;
}

function reachableBest(law, demand) {
  const S = bestSparsity(law, demand);
  return Number.isFinite(lifeAt(law, S, demand).total) ? S : NaN;
}

function pointValues(quantities, law) {
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, quantity(law)]));
}

/** The best sparsity if zeros are computed, if they are free, and as asked. */
function bestByCost(model, asked, task, units, best) {
  const names = [...new Set(["dense", "sparse", asked])];
  return Object.fromEntries(names.map((name) => [name, best(costOf(model, name, task, units))]));
}

/** Goes through the draws, one a step; returns {intervals, denseInDraws}. */
export function* intervalsOf(quantities, draws, confidence) {
  const names = Object.keys(quantities);
  const columns = names.map(() => []);
  for (const law of draws) {
    names.forEach((name, k) => columns[k].push(quantities[name](law)));
    yield;
  }
  const intervals = Object.fromEntries(names.map((name, k) => [name, interval(columns[k], confidence)]));
  const best = columns[names.indexOf("optimal_sparsity")];
  return { intervals, denseInDraws: best.length ? best.filter((S) => S === 0).length / best.length : null };
}

/** Central percentile interval; by rank where a draw is infinitely far; null without draws. */
export function interval(values, confidence) {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  if (!known.length) return null;
  const isFinite = Number.isFinite(known[0]) && Number.isFinite(known[known.length - 1]);
  return [(1 - confidence) / 2, (1 + confidence) / 2].map((q) => (isFinite ? quantile(known, q) : rankedQuantile(known, q)));
}

function quantile(ordered, q) {
  const at = q * (ordered.length - 1), k = Math.floor(at);
  const next = ordered[Math.min(k + 1, ordered.length - 1)];
  return ordered[k] + (next - ordered[k]) * (at - k);
}

function rankedQuantile(ordered, q) {
  const at = ordered.length * q - 1.5, k = Math.floor(at);
  const rank = at === k && k % 2 === 1 ? k : k + 1;
  return ordered[Math.min(Math.max(rank, 0), ordered.length - 1)];
}

/** What a reader should know before trusting an answer: the facts that plan/verdict.py gathers. */
function warningsOf(model, size, S, flops, cost, { compared }) {
  const { domain, law } = model, N = nonzerosAt(size, S), densest = Math.max(...domain.sparsity);
  const data = dataOf(cost, S, N, flops), dense = dataOf(cost, 0, nonzerosAt(size, 0), flops);
  const loss = lossOnBudget(law, S, size, flops, cost);
  const isTold = compared && dense > Math.max(data, domain.data[1]) * 1.001;
  const facts = {
    status: model.status,
    lost_draws: 0,
    ...spanned("size", N, domain.nonzero_params),
    ...spanned("data", data, domain.data),
    data_unit: model.data_unit,
    dense_data: dense,
    dense_data_fold: isTold ? fold(dense, domain.data) : 1,
    sparsity: S,
    sparsity_high: densest,
    density_fold: S > densest + 1e-9 ? (1 - densest) / (1 - S) : 1,
    ...spanned("loss", loss, domain.loss),
    loss_fold: loss / domain.loss[1],
    is_at_end_of_search: S >= MAX_SPARSITY,
    max_sparsity: MAX_SPARSITY,
    knows_levels_only: law.levels.length > 0,
    has_draws: model.draws.length > 0,
    counts_images: model.data_unit === "images" && cost.units === 1,
    format_has_levels: isMemory(size) && size.levels.length > 0,
    format: isMemory(size) ? size.storage.format : null,
    is_unfilled: isMemory(size) && law.bD * dataLoss(law, data) > law.bN * capacity(law, S, nonzerosAt(size, S)),
  };
  return [...sentences("warnings", facts), ...model.warnings];
}

const spanned = (name, value, span) => ({
  [name]: value,
  [`${name}_low`]: span[0],
  [`${name}_high`]: span[1],
  [`${name}_fold`]: fold(value, span),
});

/** By which factor a value lies outside a span, 1 inside. */
const fold = (value, [low, high]) => Math.max(1, value / high, low / value);

/** What the sentences of an answer speak of; `more` is what the draws say, once they have been asked. */
export function factsOf(found, more = {}) {
  const costs = Object.values(found.costs);
  const facts = { memory: null, ...found, lowest_of_costs: Math.min(...costs), highest_of_costs: Math.max(...costs), ...more };
  if ("inference" in found) {
    return { ...facts, inference_share: found.inference_flops / (found.flops + found.inference_flops) };
  }
  const worse = found.best_dense_loss - found.loss;
  return { size_is_free: false, ...facts, any_dense_worse: worse, any_dense_better: -worse };
}

/** S and the value asked about, for the figure. */
export function curveOf(answer) {
  const even = [...evenSparsities(0, MAX_SPARSITY, CURVE_POINTS), ...answer.kinks].sort((a, b) => a - b);
  const S = answer.levels.length ? answer.levels : even;
  return { S, value: S.map(answer.value) };
}
