// Best sparsity of N non-zeros on a budget, and what it is compared with: the twin of plan/optimum.py and plan/free_size.py.
import { capacity, dataFor, dataLoss, predict, shape, shapeSlope } from "./law.js";
import { dataOf, flopsFor, multiplier, multiplierSlope, overTraining } from "./cost.js";
import { lowestPoint, rangeWithin, scanPoints } from "./search.js";

export const lossOnBudget = (law, S, N, flops, cost) => predict(law, S, N, dataOf(cost, S, N, flops));

export function slopeOnBudget(law, S, N, flops, cost) {
  const { time, slope } = overTraining(cost, S);
  const data = dataLoss(law, (dataOf(cost, 0, N, flops) * (1 - S)) / time);
  return shapeSlope(law, S) * Math.exp(-law.bN * Math.log(N)) + data * law.bD * (1 + ((1 - S) * slope) / time);
}

export function optimalSparsity(law, N, flops, cost) {
  return lowestPoint(
    (S) => lossOnBudget(law, S, N, flops, cost),
    (S) => slopeOnBudget(law, S, N, flops, cost),
    { levels: law.levels, kinks: cost.kinks, ...(law.levels.length ? {} : scanned(law, N, flops, cost)) },
  );
}

/** The scan of a law, from its table. */
function scanned(law, N, flops, cost) {
  const { grid, shapes, powers } = tableOf(law, cost);
  const size = Math.exp(-law.bN * Math.log(N)), data = dataLoss(law, dataOf(cost, 0, N, flops));
  const tried = new Float64Array(grid.length);
  for (let k = 0; k < grid.length; k++) tried[k] = size * shapes[k] + data * powers[k];
  return { grid, tried };
}

const grids = new WeakMap(); // steps of a cost -> {grid, log multipliers}
const tables = new WeakMap(); // law -> Map(steps of a cost -> table)

function gridOf(cost) {
  if (!grids.has(cost.steps)) {
    const grid = scanPoints(cost.kinks);
    grids.set(cost.steps, { grid, logs: grid.map((S) => Math.log(multiplier(cost, S))) });
  }
  return grids.get(cost.steps);
}

/** What a law and a cost give at every point of the scan, whatever N and the budget: capacity at N = 1, c_mul^b_D. */
function tableOf(law, cost) {
  if (!tables.has(law)) tables.set(law, new Map());
  const known = tables.get(law);
  if (!known.has(cost.steps)) {
    const { grid, logs } = gridOf(cost);
    const shapes = Float64Array.from(grid, (S) => shape(law, S));
    known.set(cost.steps, { grid, shapes, powers: Float64Array.from(logs, (log) => Math.exp(law.bD * log)) });
  }
  return known.get(cost.steps);
}

export function nearOptimalRange(law, best, N, flops, cost, tolerance) {
  const value = (S) => lossOnBudget(law, S, N, flops, cost);
  return rangeWithin(value, best, value(best) + tolerance, { levels: law.levels, kinks: cost.kinks });
}

/** The dense compute-optimal budget of N. */
export function chinchillaFlops(law, N, cost) {
  const data = dataFor(law, 1) * Math.exp(-Math.log((capacity(law, 0, N) * law.bN) / law.bD) / law.bD);
  return flopsFor(cost, 0, N, data);
}

/** The budget from which some sparsity is better than none: the data at which its gain in capacity pays for its price. */
export function flopsWhereSparsityPays(law, N, cost) {
  const size = Math.exp(-law.bN * Math.log(N));
  const tried = law.levels.length ? pricesAtLevels(law, cost) : tableOf(law, cost);
  let least = Infinity;
  for (let k = 1; k < tried.shapes.length; k++) {
    const gain = (tried.shapes[0] - tried.shapes[k]) * size;
    if (gain > 0) least = Math.min(least, Math.max(tried.powers[k] - 1, 0) / gain);
  }
  const data = dataFor(law, 1) * least ** (1 / law.bD);
  if (law.levels.length) return flopsFor(cost, 0, N, data);
  const needed = (-shapeSlope(law, 0) * size) / (law.bD * multiplierSlope(cost, 0));
  const first = needed > 0 ? dataFor(law, 1) * Math.exp(-Math.log(needed) / law.bD) : Infinity;
  return flopsFor(cost, 0, N, Math.min(data, first));
}

function pricesAtLevels(law, cost) {
  const levels = [0, ...law.levels.filter((S) => S > 0)];
  return { shapes: levels.map((S) => shape(law, S)), powers: levels.map((S) => multiplier(cost, S) ** law.bD) };
}

/** The size that does best at sparsity S on a budget. */
export function bestSize(law, S, flops, cost) {
  const seen = Math.log(dataOf(cost, S, 1, flops)) - Math.log(dataFor(law, 1));
  return Math.exp((Math.log((law.bN * shape(law, S)) / law.bD) + law.bD * seen) / (law.bN + law.bD));
}
