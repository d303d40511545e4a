// The answer to a question, as `sparselaw plan --json` gives it: the twin of plan/question.py, plan/answer.py and plan/record.py.

const { TOLERANCE, COST_TOLERANCE, FACTORS, FEWEST, LARGEST, CURVE_POINTS, IMPOSSIBLE, NEAR } = record.constants;

function modelFrom({ law, fit, costs }) {
  const values = fit.parameters.map((value) => value ?? Infinity);
  const draws = rowsOf(fit.draws, law.names.length).map((draw) => lawWith(law, draw));
  const ranks = bytesOf(fit.centres), k = fit.kinds_of_priors.length;
  const centres = Array.from({ length: k ? ranks.length / k : 0 }, (_, i) => ranks.subarray(i * k, i * k + k));
  return { ...fit, form: law, law: lawWith(law, values), draws, centres, costs };
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Rows of so many numbers, from the base64 of the first six bytes of each. */
function rowsOf(text, length) {
  const bytes = bytesOf(text), view = new DataView(new ArrayBuffer(8));
  const numberAt = (k) => {
    for (let byte = 0; byte < 6; byte++) view.setUint8(byte, bytes[6 * k + byte]);
    return view.getFloat64(0);
  };
  const count = bytes.length / (6 * length);
  return Array.from({ length: count }, (_, k) => Array.from({ length }, (_, j) => numberAt(k * length + j)));
}

const costOf = (model, name, task, units) => ({ ...model.costs[name][task], units });

/** A model whose weights have the precision of a question, with the capacity factor of it; as it is where that is 1. */
function inPrecision(model, state) {
  const factor = state.size === "memory" && state.ask !== "serve" ? FACTORS[state.precision] : 1;
  if (factor === 1) return model;
  model.inPrecision ??= {};
  const scaled = (law) => lawWith(model.form, withFactor(model.form, law.values, factor));
  return (model.inPrecision[state.precision] ??= { ...model, law: scaled(model.law), draws: model.draws.map(scaled), measured: model });
}

/** The answer without intervals: {record, quantities, value, levels, kinks, cautions}; {problem} if there is none. */
const answerTo = (model, state) => (state.ask === "serve" ? servedAnswer(model, state) : budgetAnswer(model, state));

/** N, or the memory in its place. */
const sizeIn = (state) => (state.size === "memory" ? memoryOf(state.memory, state.format, state.precision) : state.N);

function budgetIn(model, state, cost) {
  const dense = nonzerosAt(sizeIn(state), 0);
  if (state.budget === "data") return flopsFor(cost, 0, dense, state.D);
  if (state.budget === "chinchilla") return state.times * chinchillaFlops(model.law, dense, cost);
  return state.C;
}

/** Why a question has no answer; empty if these facts say nothing against it. */
const refusal = (group, facts) => say("refusals", group, { ...facts, ...record.arguments });

function budgetAnswer(model, state) {
  const { law } = model, cost = costOf(model, state.cost, "training", state.units), size = sizeIn(state);
  const problem = isMemory(size) && refusedMemory(model, size);
  if (problem) return { problem };
  const C = budgetIn(model, state, cost), S = optimalSparsity(law, size, C, cost), N = nonzerosAt(size, S);
  const quantities = budgetQuantities({ size, S, C, cost }), found = pointValues(quantities, law);
  const tolerance = TOLERANCE * found.loss, pieces = nearOptimalPieces(law, S, size, C, cost, tolerance);
  const record = {
    ...found,
    ...sharedRecord(model, state, S, N),
    ...storedRecord(size),
    nonzero_params: N,
    flops: C,
    near_optimal: pieceWith(S, pieces),
    near_optimal_pieces: pieces,
    tolerance,
    data: dataOf(cost, S, N, C),
    dense_data: dataOf(cost, 0, nonzerosAt(size, 0), C),
    costs: bestByCost(model, state, "cost", "training", (other) => optimalSparsity(law, size, C, other)),
  };
  return {
    record,
    quantities,
    value: (s) => lossOnBudget(law, s, size, C, cost),
    levels: levelsOf(law, size),
    kinks: kinksOnBudget(size, cost),
    newRuns: {
      loss: (N / (1 - S)) * record.data,
      dense_loss: record.dense_params * record.dense_data,
      best_dense_loss: record.best_dense_params * dataOf(cost, 0, record.best_dense_params, C),
    },
    evidence: evidenceOf(model, S, (law, s) => lossOnBudget(law, 0, size, C, cost) - lossOnBudget(law, s, size, C, cost)),
    near: measuredNear(model, [[S, N, record.data], [0, record.dense_params, record.dense_data]]),
    cautions: cautionsOf(model, size, S, C, cost, { compared: true }),
  };
}

function budgetQuantities({ size, S, C, cost }) {
  const N = nonzerosAt(size, S), denseN = nonzerosAt(size, 0), denseLoss = (law) => lossOnBudget(law, 0, size, C, cost);
  return {
    optimal_sparsity: (law) => optimalSparsity(law, size, C, cost),
    loss: (law) => lossOnBudget(law, S, size, C, cost),
    dense_loss: denseLoss,
    gain: (law) => denseLoss(law) - lossOnBudget(law, S, size, C, cost),
    multiplier: (law) => sizeMultiplier(law, S),
    equivalent_dense_params: (law) => N * sizeMultiplier(law, S),
    times_chinchilla: (law) => C / chinchillaFlops(law, denseN, cost),
    best_dense_params: (law) => bestSize(law, 0, C, cost),
    best_dense_loss: (law) => lossOnBudget(law, 0, bestSize(law, 0, C, cost), C, cost),
    pays_from: (law) => flopsWhereSparsityPays(law, size, cost) / chinchillaFlops(law, denseN, cost),
  };
}

const sharedRecord = (model, state, S, N) => ({
  cost: state.cost,
  data_unit: model.data_unit,
  loss_unit: model.loss_unit,
  start_params: N / (1 - S),
  law: model.form.name,
  fit: model.name,
  confidence: model.confidence,
});

const storedRecord = (size) => ({
  dense_params: nonzerosAt(size, 0),
  memory: isMemory(size) ? size.bytes : null,
  format: isMemory(size) ? size.storage.format : null,
  precision: isMemory(size) ? size.storage.precision : null,
  size_is_free: false,
});

function refusedMemory(model, memory) {
  const { format, precision } = memory.storage, held = { memory: memory.bytes, dense_params: nonzerosAt(memory, 0), precision };
  const holds_dense_only = memory.levels.length > 0 && levelsOf(model.law, memory).length < 2;
  const tooLarge = refusal("memory", { ...held, fewest: FEWEST, largest: LARGEST });
  return tooLarge || refusal("pattern", { law: model.form.name, format, holds_dense_only });
}

function servedAnswer(model, state) {
  const { law } = model, training = costOf(model, state.cost, "training", state.units);
  const serving = costOf(model, state.serving, "inference", state.units);
  const demand = { loss: state.loss, inference: state.inference, nonzeros: state.fixed ? state.N : null, training, serving };
  const problem = refusedLifetime(law, state, demand);
  if (problem) return { problem };
  const S = bestSparsity(law, demand), { nonzeros: N, training: C, total } = lifeAt(law, S, demand);
  const quantities = lifetimeQuantities({ N, C, S, demand }), value = (s) => lifeAt(law, s, demand).total;
  const limits = { levels: law.levels, kinks: kinksOf(demand) };
  const pieces = piecesWithin(value, S, total * (1 + COST_TOLERANCE), limits);
  const record = {
    ...pointValues(quantities, law),
    ...sharedRecord(model, state, S, N),
    loss: state.loss,
    inference: state.inference,
    inference_cost: state.serving,
    near_optimal: pieceWith(S, pieces),
    near_optimal_pieces: pieces,
    tolerance: COST_TOLERANCE,
    costs: bestByCost(model, state, "serving", "inference", (other) => bestSparsity(law, { ...demand, serving: other })),
  };
  const evidence = evidenceOf(model, S, (law, s) => 1 - lifeAt(law, s, demand).total / lifeAt(law, 0, demand).total);
  const newRuns = { dense_loss: N * dataOf(training, 0, N, C) };
  const near = measuredNear(model, [[S, N, record.data], [0, N, dataOf(training, 0, N, C)]]);
  return { record, quantities, value, ...limits, evidence, newRuns, near, cautions: cautionsOf(model, N, S, C, training, { compared: false }) };
}

/** What a verdict looks at besides the answer: the twin of plan/evidence.py. `advantage` is of a law at a sparsity. */
function evidenceOf(model, S, advantage) {
  const away = (level) => Math.abs(Math.log1p(-level) - Math.log1p(-S)), sparse = model.domain.sparsity.filter((level) => level > 0);
  return {
    advantage,
    measured_sparsity: sparse.length ? sparse.reduce((best, level) => (away(level) < away(best) ? level : best)) : null,
    capacity: S > 0 ? Math.min(sizeMultiplier(model.law, S) * (1 - S), IMPOSSIBLE) : 1,
    misfit: model.misfit,
  };
}

/** The fitted run nearest to each model [S, N, D], if it is like it in density, N and D: {S, N, D, loss, predicted}. */
function measuredNear(model, models) {
  const { cells, law } = model.measured ?? model;
  const place = (S, N, D) => [Math.log1p(-S), Math.log(N), Math.log(D)], found = new Set();
  for (const model of models) {
    const there = place(...model), away = cells.map(([S, N, D]) => place(S, N, D).map((x, i) => Math.abs(x - there[i])));
    const near = away.map((by) => (by.every((x) => x <= Math.log(NEAR)) ? by[0] + by[1] + by[2] : Infinity));
    const nearest = Math.min(...near);
    if (nearest < Infinity) found.add(cells[near.indexOf(nearest)]);
  }
  return [...found].map(([S, N, D, logLoss]) => ({ S, N, D, loss: Math.exp(logLoss), predicted: predict(law, S, N, D) }));
}

function lifetimeQuantities({ N, C, S, demand }) {
  const at = (name, where = S) => (law) => lifeAt(law, where, demand)[name];
  const size = (where) => (law) => demand.nonzeros ?? lifeAt(law, where, demand).nonzeros;
  return {
    optimal_sparsity: (law) => reachableBest(law, demand),
    nonzero_params: size(S),
    dense_params: size(0),
    data: at("data"),
    flops: at("training"),
    inference_flops: at("inference"),
    total: at("total"),
    dense_total: at("total", 0),
    saving: (law) => 1 - lifeAt(law, S, demand).total / lifeAt(law, 0, demand).total,
    dense_loss: (law) => lossOnBudget(law, 0, N, C, demand.training),
    equivalent_dense_params: (law) => N * sizeMultiplier(law, S),
    times_chinchilla: (law) => C / chinchillaFlops(law, N, demand.training),
  };
}

function refusedLifetime(law, state, demand) {
  if (state.fixed && state.size === "memory") return refusal("memory_in_lifetime", {});
  const { loss, nonzeros } = demand, needed = lifeAt(law, bestSparsity(law, demand), demand).total;
  return refusal("loss", { loss, floor: law.floor, needed, limit: say("refusals", "_limit", { nonzeros }), way: "none" });
}

function reachableBest(law, demand) {
  const S = bestSparsity(law, demand);
  return Number.isFinite(lifeAt(law, S, demand).total) ? S : NaN;
}

function pointValues(quantities, law) {
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, quantity(law)]));
}

/** The best sparsity if zeros are computed, if they are free, and as asked. */
function bestByCost(model, state, key, task, best) {
  const names = [...new Set(["dense", "sparse", state[key]])];
  return Object.fromEntries(names.map((name) => [name, best(costOf(model, name, task, state.units))]));
}

/** S and the value asked about, for the figure. */
function curveOf(answer) {
  const even = [...evenSparsities(0, MAX_SPARSITY, CURVE_POINTS), ...answer.kinks].sort((a, b) => a - b);
  const S = answer.levels.length ? answer.levels : even;
  return { S, value: S.map(answer.value) };
}
