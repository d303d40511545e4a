// A law L(S, N, D) with its parameters put in: the JavaScript twin of laws/power.py, for one parameter vector at a time.
// Every law here is N^-b_N * shape(S) + (data term)(D) + floor.

function lawWith(form, values) {
  const at = (name) => values[form.names.indexOf(name)];
  const power = (term, feature) => {
    const pair = term.exponents.find(([, f]) => f === feature);
    return pair ? at(pair[0]) : 0;
  };
  const data = form.terms.find((t) => t.exponents.some(([, f]) => f === "log_D"));
  const floor = form.terms.find((t) => t.exponents.length === 0);
  const capacity = form.terms.filter((t) => t !== data && t !== floor);
  const exponent = power(data, "log_D");
  return {
    values,
    parts: capacity.map((t) => ({
      coefficient: at(t.coefficient),
      density: power(t, "log_density"),
      sparsity: power(t, "log_sparsity"),
      mean: power(t, "log_mean_N"),
      gate: t.gate,
    })),
    bN: power(capacity[0], "log_N") || power(capacity[0], "log_mean_N"),
    bD: exponent,
    logData: Math.log(at(data.coefficient)) * (data.inside ? exponent : 1),
    floor: at(floor.coefficient),
    meanSlope: form.mean_density_slope,
    setsDenseApart: form.terms.some((t) => t.gate === "sparse"),
    levels: form.choices,
  };
}

/** Parameters with which the law predicts at N what it predicts at N times `factor` with these: the twin of laws/precision.py. */
function withFactor(form, values, factor) {
  const scaled = [...values];
  for (const { coefficient, exponents } of form.terms) {
    const pair = exponents.find(([, feature]) => feature === "log_N" || feature === "log_mean_N");
    if (pair) scaled[form.names.indexOf(coefficient)] *= factor ** -values[form.names.indexOf(pair[0])];
  }
  return scaled;
}

const applies = (part, S) => part.gate === null || (part.gate === "sparse" ? S > 0 : part.gate === S);

const meanGrowth = (law, S) => (1 - law.meanSlope * S) / (1 - S);

function partAt(law, part, S) {
  let log = part.density * Math.log1p(-S);
  if (part.sparsity && S > 0) log += part.sparsity * Math.log(S);
  if (part.mean) log -= part.mean * Math.log(meanGrowth(law, S));
  return part.coefficient * Math.exp(log);
}

/** The capacity term at N = 1; NaN at a sparsity that a law of single levels does not know. */
function shape(law, S) {
  if (law.levels.length && !law.levels.includes(S)) return NaN;
  let sum = 0;
  for (const part of law.parts) if (applies(part, S)) sum += partAt(law, part, S);
  return sum;
}

/** d shape / du, u = -ln(1-S); at S = 0 towards sparser models, infinite where the loss jumps or rises as a root of S. */
function shapeSlope(law, S) {
  const odds = S > 0 ? (1 - S) / S : 0;
  const mean = (law.meanSlope * (1 - S)) / (1 - law.meanSlope * S) - 1;
  let sum = 0;
  for (const part of law.parts) {
    if (S === 0 && part.gate === "sparse") sum += riseFromDense(part);
    else if (applies(part, S)) sum += partAt(law, part, S) * (part.sparsity * odds + part.mean * mean - part.density);
  }
  return sum;
}

function riseFromDense({ coefficient, sparsity }) {
  if (sparsity > 1 || !(coefficient > 0)) return 0;
  return sparsity === 1 ? coefficient : Infinity;
}

const capacity = (law, S, N) => shape(law, S) * Math.exp(-law.bN * Math.log(N));

const dataLoss = (law, D) => Math.exp(law.logData - law.bD * Math.log(D));

const predict = (law, S, N, D) => capacity(law, S, N) + dataLoss(law, D) + law.floor;

/** The data at which the data term is `loss`. */
const dataFor = (law, loss) => (loss > 0 ? Math.exp((law.logData - Math.log(loss)) / law.bD) : Infinity);

/** Size of the equivalent dense model over the non-zeros of the sparse one. */
const sizeMultiplier = (law, S) => (shape(law, 0) / shape(law, S)) ** (1 / law.bN);
