// What an answer means and what it rests on: the facts that plan/verdict.py gathers for the sentences of `words`.

/** The topic of the words that speak of an answer to this question. */
const topicOf = (state) => (state.ask === "serve" ? "lifetime" : "budget");

/** What the sentences of an answer speak of; `drawn` is what the draws say, null until they have been asked. */
function factsOf(found, drawn) {
  const costs = Object.values(found.costs), first = drawn?.sensitivity[0];
  const facts = {
    ...found,
    num_near_pieces: found.near_optimal_pieces.length,
    dense_in_draws: drawn?.dense_in_draws ?? null,
    lowest_of_costs: Math.min(...costs),
    highest_of_costs: Math.max(...costs),
    main_parameter: first?.name ?? null,
    main_share: first?.explained ?? null,
    main_points: first ? 10 * first.slope : null,
  };
  if ("inference" in found) {
    return { ...facts, inference_share: found.inference_flops / (found.flops + found.inference_flops) };
  }
  const worse = found.best_dense_loss - found.loss;
  return { ...facts, any_dense_worse: worse, any_dense_better: -worse };
}

/** What the warnings speak of, but for what the draws say. */
function cautionsOf(model, size, S, flops, cost, { compared }) {
  const { domain, law } = model, N = nonzerosAt(size, S), densest = Math.max(...domain.sparsity);
  const data = dataOf(cost, S, N, flops), dense = dataOf(cost, 0, nonzerosAt(size, 0), flops);
  const loss = lossOnBudget(law, S, size, flops, cost);
  const isTold = compared && dense > Math.max(data, domain.data[1]) * 1.001;
  return {
    status: model.status,
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
