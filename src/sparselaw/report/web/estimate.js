// Intervals over the bootstrap draws, and which parameter they come from: the twin of plan/estimate.py.
// A quantity is a function of a law (one parameter vector); its interval is that of its values over all draws.

const { STEP, FREE } = record.constants; // of ln(parameter), for slopes; the share of the priors that leaves an answer free
const CERTAIN_IF_GIVEN = ["nonzero_params", "dense_params", "inference_flops"];

/**
 * Asks every draw, one a step; returns {intervals, open, dense_in_draws, lost_draws, sensitivity}. `open` names what the runs do
 * not determine, with the kind of runs that would; the advantages of the evidence are among the intervals.
 */
function* estimates(model, { quantities, record: found, evidence, near = [], newRuns = {} }) {
  const names = Object.keys(quantities), columns = Object.fromEntries(names.map((name) => [name, []]));
  const gains = { advantage: [], possible: [], ...(evidence.measured_sparsity === null ? {} : { measured: [] }) };
  near.forEach((_, k) => (gains[nearName(k)] = []));
  const measured = (model.measured ?? model).draws;
  for (const [draw, law] of model.draws.entries()) {
    for (const name of names) columns[name].push(quantities[name](law));
    gains.advantage.push(evidence.advantage(law, found.optimal_sparsity));
    gains.possible.push(evidence.advantage(law, columns.optimal_sparsity.at(-1) || 0));
    gains.measured?.push(evidence.advantage(law, evidence.measured_sparsity));
    near.forEach(({ S, N, D }, k) => gains[nearName(k)].push(predict(measured[draw], S, N, D)));
    yield;
  }
  const best = columns.optimal_sparsity, all = { ...columns, ...gains };
  const isCertain = (name) => CERTAIN_IF_GIVEN.includes(name) && all[name].every((value) => value === found[name]);
  const share = (isWanted) => best.filter(isWanted).length / best.length;
  const asked = Object.keys(all).filter((name) => !isCertain(name));
  const open = Object.fromEntries(asked.map((name) => [name, openQuestion(model, all[name])]).filter(([, kind]) => kind));
  const bounds = (name) => (isCertain(name) || open[name] ? null : interval(all[name], model.confidence));
  const intervals = Object.fromEntries(Object.keys(all).map((name) => [name, bounds(name)]));
  const band = intervals.loss ?? null;
  for (const [name, compute] of Object.entries(newRuns)) {
    if (!open[name] && best.length) intervals[name] = ofNewRun(model, found[name], intervals[name], compute);
  }
  near.forEach(({ S, N, D, predicted }, k) => {
    const name = nearName(k);
    if (!open[name] && best.length) intervals[name] = ofNewRun(model, predicted, intervals[name], (N / (1 - S)) * D);
  });
  return {
    intervals,
    band,
    open,
    dense_in_draws: best.length ? share((S) => S === 0) : null,
    lost_draws: best.length ? share(Number.isNaN) : 0,
    sensitivity: sensitivities(model, quantities.optimal_sparsity, best),
  };
}

/** What the prediction for the k-th measured run near the answer is called among the intervals. */
const nearName = (k) => `near ${k}`;

/** The interval that a new run of so much compute falls in: the law's band, its noise and its misfit. */
function ofNewRun({ spread, reach }, value, band, compute) {
  if (!spread || !(value > 0)) return band;
  const [low, high] = band ?? [value, value], [least, most] = spread.compute;
  const outside = Math.max(Math.log10(compute / most), Math.log10(least / compute), 0);
  const deviation = reach * Math.hypot(spread.noise, spread.per_decade * outside);
  const below = Math.log(Math.max(value / low, 1)), above = Math.log(Math.max(high / value, 1));
  return [value * Math.exp(-Math.hypot(below, deviation)), value * Math.exp(Math.hypot(above, deviation))];
}

/** The kind of runs that would determine an answer; null if these do: the twin of fit/resampling.py. */
function openQuestion({ centres, kinds_of_priors }, answers) {
  const known = answers.map((_, i) => i).filter((i) => !Number.isNaN(answers[i])), values = known.map((i) => answers[i]);
  const k = kinds_of_priors.length;
  if (centres.length !== answers.length || known.length < k + 3 || values.every((value) => value === values[0])) return null;
  const answer = centredRanks(values), columns = kinds_of_priors.map((_, j) => centredRanks(known.map((i) => centres[i][j])));
  const along = columns.map((column) => dot(column, answer));
  const slopes = solved(columns.map((one) => columns.map((other) => dot(one, other))), along);
  const unexplained = 1 - dot(slopes, along) / dot(answer, answer);
  const share = 1 - (unexplained * (known.length - 1)) / (known.length - k - 1);
  return share > FREE ? kinds_of_priors[along.map(Math.abs).reduce((top, size, j, all) => (size > all[top] ? j : top), 0)] : null;
}

/** Ranks less their mean; ties in the order of the draws. */
function centredRanks(values) {
  const ranks = new Array(values.length), middle = (values.length - 1) / 2;
  values.map((_, i) => i).sort((a, b) => values[a] - values[b] || a - b).forEach((i, rank) => (ranks[i] = rank - middle));
  return ranks;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** The solution of a small positive definite system, by elimination. */
function solved(matrix, right) {
  const rows = matrix.map((row, i) => [...row, right[i]]), size = rows.length;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (j === i) continue;
      const factor = rows[j][i] / rows[i][i];
      rows[j] = rows[j].map((value, c) => value - factor * rows[i][c]);
    }
  }
  return rows.map((row, i) => row[size] / row[i]);
}

/** Central percentile interval; by rank where a draw is infinitely far; null without draws, and where they agree. */
function interval(values, confidence) {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  if (!known.length) return null;
  const isFinite = Number.isFinite(known[0]) && Number.isFinite(known[known.length - 1]);
  const ends = [(1 - confidence) / 2, (1 + confidence) / 2].map((q) => (isFinite ? quantile(known, q) : rankedQuantile(known, q)));
  return ends[0] === ends[1] ? null : ends;
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

/** How a quantity depends on each parameter, the one that explains most of `answers`, over the draws, first. */
function sensitivities({ form, law, draws, pinned }, quantity, answers) {
  const found = form.names.flatMap((name, k) => {
    if (pinned.includes(name)) return [];
    const moved = (by) => quantity(lawWith(form, law.values.map((value, j) => (j === k ? value * (1 + by) : value))));
    const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP);
    return { name, slope, explained: explained(draws.map((draw) => draw.values[k]), answers) };
  });
  const order = ({ slope, explained }) => (explained === null ? -Math.abs(slope) : -explained);
  return found.sort((a, b) => order(a) - order(b));
}

/** The squared correlation of answers with the ranks of a parameter; null where there is none. */
function explained(drawn, answers) {
  const known = answers.map((_, i) => i).filter((i) => !Number.isNaN(answers[i]));
  const values = known.map((i) => drawn[i]), found = known.map((i) => answers[i]), [low, high] = extent(found);
  if (known.length < 3 || high - low < 1e-9 || values.every((value) => value === values[0])) return null;
  const ranks = new Float64Array(known.length);
  known.map((_, i) => i).sort((a, b) => values[a] - values[b]).forEach((i, rank) => (ranks[i] = rank));
  return covariance(ranks, found) ** 2 / (covariance(ranks, ranks) * covariance(found, found));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function covariance(a, b) {
  const meanA = mean(a), meanB = mean(b);
  return a.reduce((sum, value, k) => sum + (value - meanA) * (b[k] - meanB), 0);
}

const extent = (values) => [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
