// What an answer means and what it rests on: the facts that plan/verdict.py gathers for the sentences of `words`.

/** The topic of the words that speak of an answer to this question. */
const topicOf = (state) => (state.ask === "serve" ? "lifetime" : "budget");

/** What the sentences of an answer speak of; `drawn` is what the draws say, null until they have been asked. */
function factsOf(answer, drawn, model) {
  const found = knownRecord(answer.record, drawn), costs = Object.values(found.costs), first = drawn?.sensitivity[0];
  const facts = {
    ...answer.cautions,
    ...found,
    ...evidenceFacts(answer, drawn, model),
    num_near_pieces: found.near_optimal_pieces?.length ?? 0,
    dense_in_draws: drawn?.dense_in_draws ?? null,
    lowest_of_costs: Math.min(...costs),
    highest_of_costs: Math.max(...costs),
    main_parameter: first?.name ?? null,
    main_share: first?.explained ?? null,
    main_points: first ? 10 * first.slope : null,
    is_lifetime: "inference" in found,
    size_is_free: found.size_is_free ?? false,
    memory: found.memory ?? null,
    limit: "memory" in found && found.memory !== null ? "bytes" : "count",
  };
  facts.verdict = verdictOf(facts);
  if (facts.is_lifetime) {
    const isKnown = found.flops !== null && found.inference_flops !== null;
    return { ...facts, inference_share: isKnown ? found.inference_flops / (found.flops + found.inference_flops) : null };
  }
  const worse = found.best_dense_loss === null || found.loss === null ? null : found.best_dense_loss - found.loss;
  return { ...facts, any_dense_worse: worse, any_dense_better: worse === null ? null : -worse };
}

/** A record with null for what the runs do not determine. */
function knownRecord(found, drawn) {
  const open = Object.keys(drawn?.open ?? {}).filter((name) => name in found);
  const following = open.includes("optimal_sparsity") ? ["near_optimal", "near_optimal_pieces", "start_params", "data"] : [];
  const lost = following.filter((name) => name in found && !("inference" in found && name === "data"));
  return { ...found, ...Object.fromEntries([...open, ...lost].map((name) => [name, null])) };
}

function verdictOf(facts) {
  if (say("verdict", "unclear", facts)) return "unclear";
  return facts.optimal_sparsity > 0 && facts.advantage >= facts.tolerance ? "sparse" : "dense";
}

function evidenceFacts({ evidence, record: found }, drawn, { law }) {
  const { advantage, measured_sparsity, capacity, misfit } = evidence, bounds = (name) => drawn?.intervals[name] ?? [null, null];
  const estimated = (name, S) => {
    const [low, high] = bounds(name), value = drawn?.open[name] ? null : advantage(law, S);
    return { [name]: value, [`${name}_low`]: low, [`${name}_high`]: high };
  };
  const open = drawn?.open ?? {}, measured = { measured: 0, measured_low: null, measured_high: null };
  return {
    ...estimated("advantage", found.optimal_sparsity),
    ...(measured_sparsity === null ? measured : estimated("measured", measured_sparsity)),
    possible: bounds("possible")[1],
    measured_sparsity,
    capacity,
    misfit,
    open_question: open.optimal_sparsity ?? open.advantage ?? open.possible ?? "none",
    sparse_in_draws: drawn && drawn.dense_in_draws !== null ? 1 - drawn.dense_in_draws : null,
  };
}

/** What the warnings speak of, but for what the draws say. */
function cautionsOf(model, size, S, flops, cost, { compared }) {
  const { domain, law } = model, N = nonzerosAt(size, S), densest = Math.max(...domain.sparsity);
  const data = dataOf(cost, S, N, flops), dense = dataOf(cost, 0, nonzerosAt(size, 0), flops);
  const loss = lossOnBudget(law, S, size, flops, cost);
  const isTold = compared && dense > Math.max(data, domain.data[1]) * 1.001;
  return {
    status: model.status,
    status_is_failure: model.status.startsWith("not converged"),
    knows_sparsity: model.form.knows_sparsity,
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
    is_unfilled: isMemory(size) && law.bD * dataLoss(law, data) > law.bN * capacity(law, S, N),
  };
}

const spanned = (name, value, span) => ({
  [name]: value,
  [`${name}_low`]: span[0],
  [`${name}_high`]: span[1],
  [`${name}_fold`]: fold(value, span),
});

/** By which factor a value lies outside a span, 1 inside. */
const fold = (value, [low, high]) => Math.max(1, value / high, low / value);
