// The question and its answer in words and tables.

/** What `words` has for the page itself. */
const said = (group, facts = {}) => say("page", group, { confidence: record.fit.confidence, ...facts });

const factsNow = () => factsOf(page.answer, page.drawn, page.asked);

/** What one group of the answer's own topic says. */
const part = (group) => say(topicOf(page.state), group, factsNow());

function questionText() {
  const { state, answer, model } = page, isStored = state.size === "memory";
  const flops = () => answer?.record.flops ?? budgetIn(inPrecision(model, state), state, costOf(model, state.cost, "training", state.units));
  return say(topicOf(state), "_question", {
    ...state,
    memory: isStored ? state.memory : null,
    limit: isStored ? "bytes" : "count",
    nonzeros: state.fixed && !isStored ? state.N : null,
    nonzero_params: state.N,
    flops: state.ask === "serve" ? null : flops(),
    data_unit: record.fit.data_unit,
    loss_unit: record.fit.loss_unit,
    cost_label: record.costs[state.cost].label,
    inference_cost_label: record.costs[state.serving].label,
  });
}

/** What stands below the headline: each a number and what it is. */
function certainties() {
  const facts = factsNow(), has_draws = page.model.draws.length > 0;
  const sure = has_draws ? intervalText("optimal_sparsity", FORMS.percent) : said("no_interval");
  const near = facts.near_optimal && [formatSpans(facts.near_optimal_pieces, FORMS.percent), part("_near")];
  return [[sure, said("certainty", { has_draws })], near].filter(Boolean);
}

/** The verdict, once the draws have been asked. */
function headline() {
  const isPending = page.model.draws.length > 0 && !page.drawn;
  return isPending ? said("pending", factsNow()) : say("verdict", "headline", factsNow());
}

const reason = () => say("verdict", "reason", factsNow());

/** The reason, and what follows; where the runs cannot tell, what is known of dense models. */
function advice() {
  const facts = factsNow(), topic = topicOf(page.state);
  if (facts.verdict !== "unclear") return [reason(), ...sentences(topic, facts), ...toldOfMeasured(false)];
  return [reason(), facts.knows_sparsity ? "" : say(topic, "any_dense", facts), ...toldOfMeasured(false)].filter(Boolean);
}

function warnings() {
  const cautions = { ...page.answer.cautions, lost_draws: page.drawn?.lost_draws ?? 0 };
  return [...sentences("warnings", cautions), ...toldOfMeasured(true), ...page.model.warnings];
}

/** The measured runs near the answer, as `sparselaw plan --json` gives them. */
function measuredNow() {
  const { answer, drawn } = page;
  return answer.near.map(({ S, N, D, loss, predicted }, k) => ({
    sparsity: S,
    nonzero_params: N,
    data: D,
    loss,
    predicted: drawn?.open[nearName(k)] ? null : predicted,
    predicted_interval: drawn?.intervals[nearName(k)] ?? null,
  }));
}

/** What they say: those that the law misses, or the others. */
function toldOfMeasured(missed) {
  const told = measuredNow().map((run) => {
    const [low, high] = run.predicted_interval ?? [null, null], is_missed = low !== null && (run.loss < low || run.loss > high);
    return { ...run, low, high, is_missed, confidence: record.fit.confidence, data_unit: record.fit.data_unit };
  });
  return told.filter(({ is_missed }) => is_missed === missed).map((run) => say("verdict", "measured", run));
}

/** The rows of the table of numbers: what it is, the number, its interval. */
function tableRows() {
  const facts = factsNow(), rows = labelledRows(topicOf(page.state), facts);
  const costs = Object.entries(facts.costs).map(([cost, S]) => [
    said("best_sparsity", { cost_name: record.costs[cost].name }), formatPercent(S), "-",
  ]);
  const written = ([key, label, name]) => {
    const bounds = page.drawn?.intervals[key], form = bounds && name === "number" ? (x) => formatByInterval(x, bounds) : FORMS[name];
    return [label, form(facts[key]), intervalText(key, form)];
  };
  return [...rows.map(written), ...costs];
}

/** A quantity's interval as text: "…" until it is known, "-" if it has none. */
function intervalText(key, form) {
  if (!page.model.draws.length || !(key in page.answer.quantities)) return "-";
  return page.drawn ? formatSpan(page.drawn.intervals[key], form) : "…";
}

/** The answer with the keys of `sparselaw plan --json`, and the question. */
function exported() {
  const { answer, drawn } = page, intervals = drawn?.intervals ?? {};
  const asked = Object.entries(intervals).filter(([name]) => name in answer.quantities);
  const bounds = Object.fromEntries(asked.map(([name, value]) => [`${name}_interval`, value]));
  const question = Object.fromEntries(relevant(page.state).map((key) => [key, page.state[key]]));
  return {
    question,
    ...knownRecord(answer.record, drawn),
    verdict: factsNow().verdict,
    verdict_reason: reason(),
    interval: intervals.optimal_sparsity ?? null,
    ...("inference" in answer.record ? {} : { loss_band: drawn?.band ?? null }),
    ...bounds,
    dense_in_draws: drawn?.dense_in_draws ?? null,
    measured_near: measuredNow(),
    sensitivity: drawn?.sensitivity ?? [],
    advice: advice(),
    warnings: warnings(),
  };
}
