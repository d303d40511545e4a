// The cheapest life of a model that reaches a loss and serves so much data: the twin of laws/lifetime.py.
// A demand is {loss, inference, nonzeros (null: free), training, serving: costs}.

const { NEWTON_STEPS } = record.constants;
const UNREACHABLE = { nonzeros: Infinity, data: Infinity, training: Infinity, inference: Infinity, total: Infinity };

function lifeAt(law, S, demand) {
  return lifeWith(law, S, demand, multiplier(demand.training, S), multiplier(demand.serving, S));
}

function lifeWith(law, S, demand, trainingMultiplier, servingMultiplier, start) {
  const room = demand.loss - law.floor;
  const eachData = flopsOfOne(demand.training) * trainingMultiplier;
  const eachSize = flopsOfOne(demand.serving) * demand.inference * servingMultiplier;
  if (!(room > 0)) return UNREACHABLE;
  const found = demand.nonzeros
    ? { N: demand.nonzeros, D: dataFor(law, room - capacity(law, S, demand.nonzeros)) }
    : cheapestSplit(law, shape(law, S), room, eachSize / eachData, start);
  if (!Number.isFinite(found.D)) return UNREACHABLE;
  const training = eachData * found.N * found.D, inference = eachSize * found.N;
  return { nonzeros: found.N, data: found.D, training, inference, total: training + inference, split: found.t };
}

/** N and D of least total cost; `served` is the data on which training would cost what inference costs. Newton's method
 * in t converges from the right of the root, or from near it, as from the split `start` of a neighbouring sparsity. */
function cheapestSplit(law, shapeHere, room, served, start) {
  const { bN, bD } = law;
  const unlimited = dataFor(law, room);
  const wanted = Math.log(served / unlimited);
  let t = start ?? wanted - Math.log1p(bD / bN) / bD;
  for (let k = 0; k < NEWTON_STEPS; k++) {
    const grown = Math.exp(t), odds = (bD / bN) * (1 + grown);
    const step = (t + Math.log1p(odds) / bD - wanted) / (1 + grown / (bN * (1 + odds)));
    t -= step;
    if (!(Math.abs(step) > 1e-9)) break; // Newton's next would be of the square of that
  }
  const odds = (bD / bN) * (1 + Math.exp(t));
  const N = Math.exp((Math.log(shapeHere / room) + Math.log1p(1 / odds)) / bN);
  return { N, D: unlimited * Math.exp(Math.log1p(odds) / bD), t };
}

/** d total / du at the best split. */
function lifeSlope(law, S, demand) {
  const life = lifeAt(law, S, demand);
  if (!Number.isFinite(life.total)) return NaN;
  const smaller = shapeSlope(law, S) / (shape(law, S) * law.bN);
  let training = smaller, inference = smaller;
  if (demand.nonzeros) {
    const size = capacity(law, S, demand.nonzeros);
    training = (smaller * law.bN * size) / (law.bD * (demand.loss - law.floor - size));
    inference = 0;
  }
  return (
    life.training * (training + multiplierSlope(demand.training, S)) +
    life.inference * (inference + multiplierSlope(demand.serving, S))
  );
}

const scans = new WeakMap(); // steps of serving -> Map(steps of training -> the sparsities of a scan and what they cost)

function scanOf(demand) {
  const { training, serving } = demand;
  if (!scans.has(serving.steps)) scans.set(serving.steps, new Map());
  const known = scans.get(serving.steps);
  if (!known.has(training.steps)) {
    const grid = scanPoints(kinksOf(demand));
    const costs = [training, serving].map((cost) => grid.map((S) => multiplier(cost, S)));
    known.set(training.steps, { grid, costs });
  }
  return known.get(training.steps);
}

/** The totals of a law over the scan, each split found from the one before. */
function scannedLife(law, demand) {
  const { grid, costs } = scanOf(demand);
  const tried = new Float64Array(grid.length);
  let start;
  for (let k = 0; k < grid.length; k++) {
    const life = lifeWith(law, grid[k], demand, costs[0][k], costs[1][k], start);
    tried[k] = life.total;
    start = life.split;
  }
  return { grid, tried };
}

const kinksOf = (demand) => [...demand.training.kinks, ...demand.serving.kinks];

function bestSparsity(law, demand) {
  return lowestPoint(
    (S) => lifeAt(law, S, demand).total,
    (S) => lifeSlope(law, S, demand),
    { levels: law.levels, kinks: kinksOf(demand), ...(law.levels.length ? {} : scannedLife(law, demand)) },
  );
}
