// The question and its answer in words and tables.

/** What `words` has for the page itself. */
const said = (group, facts = {}) => say("page", group, { confidence: record.fit.confidence, ...facts });

const factsNow = () => factsOf(page.answer.record, page.drawn);

/** What one group of the answer's own topic says. */
const part = (group) => say(topicOf(page.state), group, factsNow());

function questionText() {
  const { state, answer, model } = page, isStored = state.size === "memory";
  const flops = () => answer?.record.flops ?? budgetIn(model, state, costOf(model, state.cost, "training", state.units));
  return say(topicOf(state), "_question", {
    ...state,
    memory: isStored ? state.memory : null,
    nonzeros: state.fixed && !isStored ? state.N : null,
    nonzero_params: state.N,
    flops: state.ask === "serve" ? null : flops(),
    data_unit: record.fit.data_unit,
    cost_label: record.costs[state.cost].label,
    inference_cost_label: record.costs[state.serving].label,
  });
}

/** What stands below the headline: each a number and what it is. */
function certainties() {
  const { near_optimal_pieces, optimal_sparsity } = page.answer.record, has_draws = page.model.draws.length > 0;
  const sure = has_draws ? intervalText("optimal_sparsity", FORMS.percent) : said("no_interval");
  const gain = [part("_gain_amount"), part("_gain") + (optimal_sparsity === 0 ? "" : gainBounds())];
  return [[sure, said("certainty", { has_draws })], [formatSpans(near_optimal_pieces, FORMS.percent), part("_near")], gain];
}

function gainBounds() {
  const [key, form] = page.state.ask === "serve" ? ["saving", FORMS.percent] : ["gain", FORMS.number2];
  const bounds = page.drawn?.intervals[key];
  return bounds ? ` (${said("interval")} ${formatSpan(bounds, form)})` : "";
}

const headline = () => part("_headline");

const advice = () => sentences(topicOf(page.state), factsNow());

function warnings() {
  const cautions = { ...page.answer.cautions, lost_draws: page.drawn?.lost_draws ?? 0 };
  return [...sentences("warnings", cautions), ...page.model.warnings];
}

/** The rows of the table of numbers: what it is, the number, its interval. */
function tableRows() {
  const facts = factsNow(), rows = labelledRows(topicOf(page.state), facts);
  const costs = Object.entries(facts.costs).map(([cost, S]) => [
    said("best_sparsity", { cost_name: record.costs[cost].name }), formatPercent(S), "-",
  ]);
  return [...rows.map(([key, label, form]) => [label, form(facts[key]), intervalText(key, form)]), ...costs];
}

/** A quantity's interval as text: "…" until it is known, "-" if it has none. */
function intervalText(key, form) {
  if (!page.model.draws.length || !(key in page.answer.quantities)) return "-";
  return page.drawn ? formatSpan(page.drawn.intervals[key], form) : "…";
}

/** The answer with the keys of `sparselaw plan --json`, and the question. */
function exported() {
  const { answer, drawn } = page, intervals = drawn?.intervals ?? {};
  const bounds = Object.fromEntries(Object.entries(intervals).map(([name, value]) => [`${name}_interval`, value]));
  const question = Object.fromEntries(relevant(page.state).map((key) => [key, page.state[key]]));
  return {
    question,
    ...answer.record,
    interval: intervals.optimal_sparsity ?? null,
    ...bounds,
    dense_in_draws: drawn?.dense_in_draws ?? null,
    sensitivity: drawn?.sensitivity ?? [],
    advice: advice(),
    warnings: warnings(),
  };
}
