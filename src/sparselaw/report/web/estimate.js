// Intervals over the bootstrap draws, and which parameter they come from: the twin of plan/estimate.py.
// A quantity is a function of a law (one parameter vector); its interval is that of its values over all draws.

const { STEP } = record.constants; // of ln(parameter), for slopes
const CERTAIN_IF_GIVEN = ["nonzero_params", "dense_params", "inference_flops"];

/** Asks every draw, one a step; returns {intervals, dense_in_draws, lost_draws, sensitivity}. */
function* estimates(model, { quantities, record: found }) {
  const names = Object.keys(quantities), columns = names.map(() => []);
  for (const law of model.draws) {
    names.forEach((name, k) => columns[k].push(quantities[name](law)));
    yield;
  }
  const best = columns[names.indexOf("optimal_sparsity")];
  const isCertain = (name, k) => CERTAIN_IF_GIVEN.includes(name) && columns[k].every((value) => value === found[name]);
  const share = (isWanted) => best.filter(isWanted).length / best.length;
  return {
    intervals: Object.fromEntries(names.map((name, k) => [name, isCertain(name, k) ? null : interval(columns[k], model.confidence)])),
    dense_in_draws: best.length ? share((S) => S === 0) : null,
    lost_draws: best.length ? share(Number.isNaN) : 0,
    sensitivity: sensitivities(model, quantities.optimal_sparsity, best),
  };
}

/** Central percentile interval; by rank where a draw is infinitely far; null without draws. */
function interval(values, confidence) {
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
