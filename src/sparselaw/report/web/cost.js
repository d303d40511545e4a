// What training and inference cost at a sparsity: the twin of plan/cost.py and plan/relative_time.py.
// A cost is {name, start, end, exponent, steps: [[sparsity, jump, bend]], kinks, units}.

export const FLOPS_PER_PARAM = 6;

function sharePast(S, at, p) {
  if (at === 0) return 1;
  return at < S ? (1 - at / S) ** (1 / p) : 0;
}

/** Mean relative time over a training that ends at sparsity S, and its derivative by S (from the right at a kink). */
export function overTraining(cost, S) {
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
export const multiplier = (cost, S) => overTraining(cost, S).time / (1 - S);

/** d ln c_mul / du. */
export function multiplierSlope(cost, S) {
  const { time, slope } = overTraining(cost, S);
  return 1 + ((1 - S) * slope) / time;
}

export const flopsFor = (cost, S, N, D) => FLOPS_PER_PARAM * cost.units * N * D * multiplier(cost, S);

export const dataOf = (cost, S, N, flops) => flops / (FLOPS_PER_PARAM * cost.units * N * multiplier(cost, S));
