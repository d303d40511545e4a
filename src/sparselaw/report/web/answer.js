// The answer to a question, as `sparselaw plan --json` gives it: point values at once, intervals over the draws in slices.
// A quantity is a function of a law (one parameter vector); its interval is that of its values over all draws.
import { capacity, dataLoss, lawWith, predict, sizeMultiplier } from "./law.js";
import { dataOf, flopsFor } from "./cost.js";
import { evenSparsities, MAX_SPARSITY, rangeWithin } from "./search.js";
import { bestSize, chinchillaFlops, flopsWhereSparsityPays, kinksOnBudget, levelsOf } from "./optimum.js";
import { lossOnBudget, nearOptimalRange, optimalSparsity } from "./optimum.js";
import { bestSparsity, kinksOf, lifeAt } from "./lifetime.js";
import { isMemory, memoryOf, nonzerosAt } from "./storage.js";
import { formatBytes, formatCount, formatNumber, formatPercent } from "./format.js";

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
  return { record, quantities, value, ...limits, warnings, advice: adviceOnBudget(record) };
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
  return `The law ${model.form.name} knows single sparsities only, and not that of ${format}; choose another format.`;
}

function servedAnswer(model, state) {
  if (state.fixed && state.size === "memory") {
    return { problem: "Memory is for a model that is trained once; with inference give non-zeros if N is fixed." };
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
  const value = (s) => lifeAt(law, s, demand).total;
  const allowed = found.total * (1 + LIFE_TOLERANCE);
  const record = {
    ...pointValues(quantities, law),
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
  return { record, quantities, value, levels: law.levels, kinks: kinksOf(demand), warnings, advice: adviceOnLife(record) };
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

function warningsOf(model, size, S, flops, cost, { compared }) {
  const { domain, data_unit: unit, law } = model, N = nonzerosAt(size, S), densest = Math.max(...domain.sparsity);
  const said = [], data = dataOf(cost, S, N, flops), dense = dataOf(cost, 0, nonzerosAt(size, 0), flops);
  if (model.status !== "converged") said.push(`the fit is ${model.status}`);
  said.push(...beyond("non-zeros N", N, domain.nonzero_params), ...beyond(`data D (${unit})`, data, domain.data));
  if (compared && dense > Math.max(data, domain.data[1]) * 1.001) {
    said.push(...beyond(`data of the dense comparison (${unit})`, dense, domain.data));
  }
  if (S > densest + 1e-9) {
    const fold = formatNumber((1 - densest) / (1 - S), 2), most = formatNumber(100 * densest);
    said.push(`${formatPercent(S)} sparsity is beyond the fitted runs (at most ${most}%): density ${fold} times lower`);
  }
  const loss = lossOnBudget(law, S, size, flops, cost), [low, high] = domain.loss.map((value) => formatNumber(value));
  if (loss > domain.loss[1] * 1.001) {
    said.push(`a loss of ${formatNumber(loss)} is worse than that of every fitted run (${low} to ${high})`);
  }
  if (S >= MAX_SPARSITY) said.push(`the optimum is at the largest sparsity considered, ${formatPercent(MAX_SPARSITY)}`);
  if (law.levels.length) said.push("this law knows the fitted sparsities only: the best of them is shown");
  if (!model.draws.length) said.push("no intervals: this fit has no bootstrap draws; fit with --bootstrap 1000");
  if (unit === "images" && cost.units === 1) {
    said.push("FLOPs are counted as 6 N per image; for true FLOPs give the tokens (patches) of an image");
  }
  if (isMemory(size)) said.push(...memoryWarnings(law, size, S, data));
  return [...said, ...model.warnings];
}

function memoryWarnings(law, memory, S, data) {
  const said = [], { format } = memory.storage;
  if (memory.levels.length) {
    said.push(`${format} is compared with dense only, under a law of unstructured sparsity, which loses less`);
  }
  if (law.bD * dataLoss(law, data) > law.bN * capacity(law, S, nonzerosAt(memory, S))) {
    said.push("these FLOPs are too few to fill the memory: a smaller model would reach a lower loss");
  }
  return said;
}

function beyond(what, value, [low, high]) {
  const shown = `${formatCount(low)} to ${formatCount(high)}`;
  if (value > high * 1.001) {
    return [`${what} = ${formatCount(value)} is ${formatCount(value / high)} times beyond the fitted runs (${shown})`];
  }
  if (value < low / 1.001) {
    return [`${what} = ${formatCount(value)} is ${formatCount(low / value)} times below the fitted runs (${shown})`];
  }
  return [];
}

function adviceOnBudget(plan) {
  return [whether(plan), anyDenseSize(plan), ...flips(plan.costs, "zeros")];
}

function whether(plan) {
  const times = formatCount(plan.times_chinchilla), isStored = plan.memory !== null;
  const optimal = `the Chinchilla-optimal compute of ${isStored ? "the dense model of these bytes" : "this N"}`;
  if (plan.optimal_sparsity === 0) {
    const pays = Number.isFinite(plan.pays_from) ? `pays from ${formatCount(plan.pays_from)} times on` : "never pays";
    return (
      `do not prune: the budget is ${times} times ${optimal}, and sparsity${isStored ? ` stored as ${plan.format}` : ""} ${pays}` +
      (isStored ? "" : "; with more room for weights than compute, a dense model is best")
    );
  }
  if (plan.gain < plan.tolerance) {
    return (
      `hardly worth it: sparsity gains ${formatNumber(plan.gain, 2)} nats, less than the ${formatNumber(plan.tolerance, 2)} ` +
      `that make no difference; at ${times} times Chinchilla-optimal compute it pays a little, at high density only`
    );
  }
  const worth = `at ${formatPercent(plan.optimal_sparsity)} a non-zero does the work of ${plan.multiplier.toFixed(2)} dense ones`;
  return `${sinceWhen(plan.pays_from, times, optimal)}; ${worth}`;
}

function sinceWhen(since, times, optimal) {
  if (since === Infinity) {
    return `sparsity pays only where FLOPs are too few to fill the memory, and this budget is ${times} times ${optimal}`;
  }
  if (since > 0) return `sparsity pays from ${formatCount(since)} times ${optimal}, and this budget is ${times} times`;
  return `sparsity pays with any budget, and this one is ${times} times ${optimal}`;
}

function anyDenseSize(plan) {
  const size = formatCount(plan.best_dense_params), loss = formatNumber(plan.best_dense_loss);
  const worse = plan.best_dense_loss - plan.loss, nats = `${formatNumber(Math.abs(worse), 2)} nats`;
  if (Math.abs(worse) <= plan.tolerance) return `a dense model of ${size} does as well with the same FLOPs (${loss})`;
  if (worse > 0) {
    return `no dense model of any size does as well with these FLOPs: the best, of ${size}, is ${nats} worse`;
  }
  const limit = plan.memory === null ? "N" : "memory";
  return `if ${limit} is not what limits you, a dense model of ${size} is ${nats} better with the same FLOPs (${loss})`;
}

function flips(costs, what) {
  const best = Object.values(costs);
  const isFlipping = Math.min(...best) === 0 && Math.max(...best) > 0;
  return isFlipping ? [`the answer flips with the cost of ${what}: dense if they are computed, sparse if they are free`] : [];
}

function adviceOnLife(plan) {
  const share = plan.inference_flops / (plan.flops + plan.inference_flops);
  const said = [`inference is ${formatPercent(share, 0)} of the FLOPs of this model's life`];
  if (plan.optimal_sparsity === 0) {
    said.push("do not prune: no sparsity makes this life cheaper than a dense model's at these costs");
  } else if (plan.saving < plan.tolerance) {
    said.push(`hardly worth it: sparsity saves ${formatPercent(plan.saving, 2)} of the cost of the cheapest dense life`);
  } else {
    const dense = `a dense model of ${formatCount(plan.dense_params)}`;
    said.push(`sparsity saves ${formatPercent(plan.saving)} of the cheapest dense life, which is that of ${dense}`);
  }
  return [...said, ...flips(plan.costs, "zeros in inference")];
}

/** S and the value asked about, for the figure. */
export function curveOf(answer) {
  const even = [...evenSparsities(0, MAX_SPARSITY, CURVE_POINTS), ...answer.kinks].sort((a, b) => a - b);
  const S = answer.levels.length ? answer.levels : even;
  return { S, value: S.map(answer.value) };
}
