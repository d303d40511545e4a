// What training and inference cost at a sparsity: the twin of cost/training.py and cost/relative_time.py.
// A cost is {start, end, exponent, steps: [[sparsity, jump, bend]], kinks, flops_per_param, units}.

function sharePast(S, at, p) {
  if (at === 0) return 1;
  return at < S ? (1 - at / S) ** (1 / p) : 0;
}

/** Mean relative time over a training that ends at sparsity S, and its derivative by S (from the right at a kink). */
function overTraining(cost, S) {
  const ramp = cost.end - cost.start, held = 1 - cost.end, p = cost.exponent;
  let time = 1, slope = 0;
  for (const [at, jump, bend] of cost.steps) {
    if (at > S) break;
    const share = ramp ? sharePast(S, at, p) : 0, ratio = at ? at / S : 0;
    if (jump) time += jump * (held + ramp * share);
    if (jump && ramp) slope += (jump * ramp * (1 - ratio) ** (1 / p - 1) * ratio) / (p * S);
    time += bend * (S - at) * (held + (ramp * share * p) / (p + 1));
    slope += bend * (held + (ramp * share * (p + ratio)) / (p + 1));
  }
  return { time, slope };
}

/** c_mul: FLOPs relative to those of a dense model with as many non-zeros. */
const multiplier = (cost, S) => overTraining(cost, S).time / (1 - S);

/** d ln c_mul / du. */
function multiplierSlope(cost, S) {
  const { time, slope } = overTraining(cost, S);
  return 1 + ((1 - S) * slope) / time;
}

const flopsOfOne = (cost) => cost.flops_per_param * cost.units;

const flopsFor = (cost, S, N, D) => flopsOfOne(cost) * N * D * multiplier(cost, S);

const dataOf = (cost, S, N, flops) => flops / (flopsOfOne(cost) * N * multiplier(cost, S));
