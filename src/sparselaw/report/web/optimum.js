// Best sparsity of N non-zeros, or of as many as a memory holds, on a budget, and what it is compared with: the twin of
// laws/optimum.py and laws/free_size.py.

/** The only sparsities to choose from; none if there is no limit. */
function levelsOf(law, size) {
  const known = law.levels, held = isMemory(size) ? size.levels : [];
  return known.length && held.length ? known.filter((S) => held.includes(S)) : [...known, ...held];
}

const kinksOnBudget = (size, cost) => (isMemory(size) ? [...cost.kinks, ...size.kinks] : cost.kinks);

function lossOnBudget(law, S, size, flops, cost) {
  const N = nonzerosAt(size, S);
  return predict(law, S, N, dataOf(cost, S, N, flops));
}

function slopeOnBudget(law, S, size, flops, cost) {
  const { time, slope } = overTraining(cost, S), N = nonzerosAt(size, S), growth = growthAt(size, S);
  const data = dataLoss(law, (dataOf(cost, 0, N, flops) * (1 - S)) / time), held = Math.exp(-law.bN * Math.log(N));
  const larger = growth ? shape(law, S) * -law.bN * growth : 0;
  return (shapeSlope(law, S) + larger) * held + data * law.bD * (1 + ((1 - S) * slope) / time + growth);
}

function optimalSparsity(law, size, flops, cost) {
  const levels = levelsOf(law, size);
  return lowestPoint(
    (S) => lossOnBudget(law, S, size, flops, cost),
    (S) => slopeOnBudget(law, S, size, flops, cost),
    { levels, kinks: kinksOnBudget(size, cost), ...(levels.length ? {} : scanned(law, size, flops, cost)) },
  );
}

/** The scan of a law, from its table. */
function scanned(law, size, flops, cost) {
  const { grid, shapes, powers } = tableOf(law, size, cost), N = nonzerosAt(size, 0);
  const dense = Math.exp(-law.bN * Math.log(N)), data = dataLoss(law, dataOf(cost, 0, N, flops));
  const tried = new Float64Array(grid.length);
  for (let k = 0; k < grid.length; k++) tried[k] = dense * shapes[k] + data * powers[k];
  return { grid, tried };
}

const grids = new WeakMap(); // steps of a cost -> Map(how weights are stored -> a scan's sparsities and logarithms there)
const tables = new WeakMap(); // law -> its last table

/** The sparsities of a scan, with the logarithms of non-zeros over those of dense, and of the FLOPs of a datum over its. */
function gridOf(size, cost) {
  if (!grids.has(cost.steps)) grids.set(cost.steps, new Map());
  const known = grids.get(cost.steps), stored = storedAs(size);
  if (!known.has(stored)) {
    const grid = scanPoints(kinksOnBudget(size, cost)), sizes = grid.map((S) => Math.log(heldAt(size, S)));
    known.set(stored, { grid, sizes, prices: grid.map((S, k) => Math.log(multiplier(cost, S)) + sizes[k]) });
  }
  return known.get(stored);
}

/** Non-zeros over those of the dense model. */
const heldAt = (size, S) => nonzerosAt(size, S) / nonzerosAt(size, 0);

/** What a law gives at every point of a scan, whatever the size and the budget: the capacity term over N_0^-b_N, the data
 * term over that of dense. */
function tableOf(law, size, cost) {
  const { grid, sizes, prices } = gridOf(size, cost);
  if (tables.get(law)?.grid !== grid) {
    const shapes = Float64Array.from(grid, (S, k) => shape(law, S) * Math.exp(-law.bN * sizes[k]));
    tables.set(law, { grid, shapes, powers: Float64Array.from(prices, (log) => Math.exp(law.bD * log)) });
  }
  return tables.get(law);
}

function nearOptimalPieces(law, best, size, flops, cost, tolerance) {
  const value = (S) => lossOnBudget(law, S, size, flops, cost);
  const limits = { levels: levelsOf(law, size), kinks: kinksOnBudget(size, cost) };
  return piecesWithin(value, best, value(best) + tolerance, limits);
}

/** The dense compute-optimal budget of N. */
function chinchillaFlops(law, N, cost) {
  const data = dataFor(law, 1) * Math.exp(-Math.log((capacity(law, 0, N) * law.bN) / law.bD) / law.bD);
  return flopsFor(cost, 0, N, data);
}

/** The budget from which some sparsity is better than none: the data at which its gain in capacity pays for its price. */
function flopsWhereSparsityPays(law, size, cost) {
  const N = nonzerosAt(size, 0), price = leastPrice(law, size, cost) * Math.exp(law.bN * Math.log(N));
  return flopsFor(cost, 0, N, dataFor(law, 1) * price ** (1 / law.bD));
}

/** What more data it takes (its b_D-th power, less 1) over a gain in capacity. */
const priceOf = (power, gain) => (gain > 0 ? Math.max(power - 1, 0) / gain : Infinity);

/** The least price over all sparsities, at N_0 = 1. */
function leastPrice(law, size, cost) {
  const dense = shape(law, 0), levels = levelsOf(law, size);
  const priceAt = (S) => {
    const held = heldAt(size, S);
    return priceOf((multiplier(cost, S) * held) ** law.bD, dense - shape(law, S) * held ** -law.bN);
  };
  if (levels.length) return Math.min(...levels.map(priceAt));
  const { grid, shapes, powers } = tableOf(law, size, cost), tried = shapes.map((there, k) => priceOf(powers[k], dense - there));
  const isApart = law.setsDenseApart || (isMemory(size) && size.takesOver > 0);
  const first = isApart ? Infinity : priceOfALittle(law, cost);
  const isRising = first <= tried[1] && lowestIndex(tried) === 1;
  return isRising ? first : Math.min(first, leastValue(priceAt, grid, tried));
}

/** The limit S -> 0, at constant N. */
function priceOfALittle(law, cost) {
  const gain = -shapeSlope(law, 0);
  return gain > 0 ? (law.bD * multiplierSlope(cost, 0)) / gain : Infinity;
}

/** The size that does best at sparsity S on a budget. */
function bestSize(law, S, flops, cost) {
  const seen = Math.log(dataOf(cost, S, 1, flops)) - Math.log(dataFor(law, 1));
  return Math.exp((Math.log((law.bN * shape(law, S)) / law.bD) + law.bD * seen) / (law.bN + law.bD));
}
