// The sparsity at which something is lowest: the twin of laws/search.py, whose constants these are.

const { MAX_SPARSITY, SCAN, FINE_SCAN, NEAR_DENSE, SHRINK, LOW_POINTS, RANGE_SCAN, CLOSER_SCANS, BISECTIONS } = record.constants;
const ROUNDING = 1e-13; // where Ridders' method stops

const bits = new DataView(new ArrayBuffer(8));

/** The largest double below a positive one. */
function justBelow(x) {
  bits.setFloat64(0, x);
  bits.setBigInt64(0, bits.getBigInt64(0) - 1n);
  return bits.getFloat64(0);
}

const sorted = (values) => [...new Set(values)].sort((a, b) => a - b);

/** `count` sparsities from low to high, even in u = -ln(1-S). */
function evenSparsities(low, high, count) {
  const from = -Math.log1p(-low), to = -Math.log1p(-high);
  return Array.from({ length: count }, (_, k) => -Math.expm1(-(from + ((to - from) * k) / (count - 1))));
}

function scanPoints(kinks) {
  const count = kinks.length ? FINE_SCAN : SCAN, grid = evenSparsities(0, MAX_SPARSITY, count), first = -Math.log1p(-grid[1]);
  grid[0] = 0;
  grid[count - 1] = MAX_SPARSITY;
  for (let k = 1; k <= NEAR_DENSE; k++) grid.push(-Math.expm1(-first * SHRINK ** k));
  return sorted([...grid, ...kinks.filter((s) => s < MAX_SPARSITY)]);
}

/** S in [0, MAX_SPARSITY] at which `value` is lowest; `slope` is its derivative by u, NaN where there is no answer.
 * `grid` and `tried` are the sparsities of the scan and the values there, but for what they share, if they are known. */
function lowestPoint(value, slope, { levels = [], kinks = [], grid = scanPoints(kinks), tried = grid.map(value) }) {
  if (levels.length) return levels[lowestIndex(levels.map(value))];
  const cells = valleys(slope, grid, tried, kinks);
  const candidates = [grid[lowestIndex(tried)], ...cells.map((k) => bottom(slope, grid, tried, k))];
  return candidates[lowestIndex(candidates.map(value))];
}

/** The least of `value` where S > 0, which is `tried` on `grid`, without its slope: by closer and closer scans around its low
 * points. */
function leastValue(value, grid, tried) {
  const lows = [...grid.keys()].slice(1).filter((k) => tried[k] < Infinity && isLow(tried, k, 1));
  const chosen = lows.sort((a, b) => tried[a] - tried[b]).slice(0, LOW_POINTS);
  return chosen.reduce((least, k) => Math.min(least, leastNear(value, grid, tried, k)), Infinity);
}

function leastNear(value, grid, tried, k) {
  let least = tried[k], low = grid[Math.max(k - 1, 1)], high = grid[Math.min(k + 1, grid.length - 1)];
  for (let scan = 0; scan < CLOSER_SCANS; scan++) {
    const closer = Array.from({ length: SCAN }, (_, j) => low + ((high - low) * j) / (SCAN - 1)), there = closer.map(value);
    const at = lowestIndex(there);
    least = Math.min(least, there[at]);
    [low, high] = [closer[Math.max(at - 1, 0)], closer[Math.min(at + 1, SCAN - 1)]];
  }
  return least;
}

/** Whether a point of a scan that starts at `start` is lower than both neighbours. */
function isLow(tried, k, start = 0) {
  return (k === start || tried[k] <= tried[k - 1]) && (k === tried.length - 1 || tried[k] < tried[k + 1]);
}

function lowestIndex(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] < values[best] || Number.isNaN(values[best])) best = k;
  return best;
}

/** Where the lowest valleys of a scan start: beside low points and kinks, where the slope goes from falling to rising. */
function valleys(slope, grid, tried, kinks) {
  const known = new Set(kinks), end = grid.length - 1, cells = new Set();
  for (let k = 0; k <= end; k++) {
    if (!(tried[k] < Infinity && (isLow(tried, k) || known.has(grid[k])))) continue;
    if (k > 0) cells.add(k - 1);
    if (k < end) cells.add(k);
  }
  const height = (k) => Math.min(tried[k], tried[k + 1]);
  const falls = (k) => !(tried[k] < Infinity) || slope(grid[k]) < 0;
  const rises = (k) => !(tried[k] < Infinity) || slope(known.has(grid[k]) ? justBelow(grid[k]) : grid[k]) > 0;
  const found = [...cells].filter((k) => falls(k) && rises(k + 1));
  return found.sort((a, b) => height(a) - height(b)).slice(0, LOW_POINTS);
}

const bottom = (slope, grid, tried, k) => stationary(slope, grid[k], grid[k + 1], grid[tried[k] < Infinity ? k : k + 1]);

function stationary(slope, low, high, known) {
  const end = -Math.log1p(-high), below = justBelow(high), least = Math.min(low, below);
  const byU = (u) => {
    const S = Math.min(Math.max(-Math.expm1(-u), least), below);
    const found = slope(S);
    return Number.isNaN(found) ? (known > S ? -1 : 1) : found;
  };
  const u = risingRoot(byU, -Math.log1p(-low), end);
  return u >= end ? high : Math.max(-Math.expm1(-u), low);
}

/** Where a function goes from negative to positive; an end if it does not. Ridders' method (1979): always bracketed. */
function risingRoot(f, low, high) {
  let atLow = f(low), atHigh = f(high), last = NaN;
  if (atLow >= 0) return low;
  if (atHigh <= 0) return high;
  for (let k = 0; k < BISECTIONS; k++) {
    const middle = (low + high) / 2, atMiddle = f(middle);
    const root = Math.sqrt(atMiddle * atMiddle - atLow * atHigh);
    const x = Math.min(Math.max(middle - ((middle - low) * atMiddle) / root, low), high);
    if (Math.abs(x - last) <= ROUNDING || x === low || x === high) return x;
    last = x;
    const found = f(x);
    if (atMiddle < 0) [low, atLow] = [middle, atMiddle];
    else [high, atHigh] = [middle, atMiddle];
    if (found < 0 && x > low) [low, atLow] = [x, found];
    else if (found >= 0 && x < high) [high, atHigh] = [x, found];
  }
  return (low + high) / 2;
}

/** The ranges of S whose value is at most `allowed`, one of which holds `best`; of levels, those without one between. */
function piecesWithin(value, best, allowed, { levels = [], kinks = [] } = {}) {
  const tried = levels.length ? sorted(levels) : rangePoints(best, kinks);
  const near = tried.map((S) => S === best || value(S) <= allowed), pieces = [];
  for (let k = 0; k < tried.length; k++) {
    if (!near[k]) continue;
    const first = k;
    while (near[k + 1]) k++;
    if (levels.length) pieces.push([tried[first], tried[k]]);
    else pieces.push([edge(value, allowed, tried[first], tried[first - 1]), edge(value, allowed, tried[k], tried[k + 1])]);
  }
  return pieces;
}

/** The one of them that holds S. */
const pieceWith = (S, pieces) => pieces.find(([low, high]) => low <= S && S <= high);

/** Sparsities even in u, those of the scan, and kinks and what is just before them. */
function rangePoints(best, kinks) {
  const grid = scanPoints(kinks), known = new Set(kinks), before = grid.filter((S) => known.has(S)).map(justBelow);
  return sorted([...evenSparsities(0, MAX_SPARSITY, RANGE_SCAN).slice(1, -1), ...grid, ...before, best]);
}

/** The last S from inside to outside, where there is an outside, before the value exceeds what is allowed. */
function edge(value, allowed, inside, outside = inside) {
  for (let k = 0; k < BISECTIONS && inside !== outside; k++) {
    const middle = (inside + outside) / 2;
    if (value(middle) <= allowed) inside = middle;
    else outside = middle;
  }
  return inside;
}
