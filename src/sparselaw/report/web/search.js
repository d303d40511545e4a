// The sparsity at which something is lowest: the twin of laws/search.py, whose constants these are.

const { MAX_SPARSITY, SCAN, FINE_SCAN, LOW_POINTS, RANGE_SCAN, CLOSER_SCANS, BISECTIONS } = record.constants;
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
  const grid = evenSparsities(0, MAX_SPARSITY, kinks.length ? FINE_SCAN : SCAN);
  grid[0] = 0;
  grid[grid.length - 1] = MAX_SPARSITY;
  return sorted([...grid, ...kinks.filter((s) => s < MAX_SPARSITY)]);
}

/** S in [0, MAX_SPARSITY] at which `value` is lowest; `slope` is its derivative by u, NaN where there is no answer.
 * `grid` and `tried` are the sparsities of the scan and the values there, if they are known. */
function lowestPoint(value, slope, { levels = [], kinks = [], grid = scanPoints(kinks), tried = grid.map(value) }) {
  if (levels.length) return levels[lowestIndex(levels.map(value))];
  if (kinks.length) return lowestOfSeveral(value, slope, grid, tried, kinks);
  const k = lowestIndex(tried);
  return stationary(slope, grid[Math.max(k - 1, 0)], grid[Math.min(k + 1, grid.length - 1)], grid[k]);
}

/** The least of `value`, which is `tried` on `grid`, without its slope: by closer and closer scans around its lowest point. */
function leastValue(value, grid, tried) {
  let least = Infinity;
  for (let scan = 0; ; scan++) {
    const k = lowestIndex(tried), low = grid[Math.max(k - 1, 0)], high = grid[Math.min(k + 1, grid.length - 1)];
    least = Math.min(least, tried[k]);
    if (scan === CLOSER_SCANS) return least;
    grid = Array.from({ length: SCAN }, (_, j) => low + ((high - low) * j) / (SCAN - 1));
    tried = grid.map(value);
  }
}

function lowestIndex(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] < values[best]) best = k;
  return best;
}

/** Where the cost has kinks there may be several low points: the lowest of the scan, and kinks, are refined on both sides. */
function lowestOfSeveral(value, slope, grid, tried, kinks) {
  const end = grid.length - 1;
  const candidates = [];
  for (const k of lowestLows(grid, tried, kinks)) {
    candidates.push(stationary(slope, grid[Math.max(k - 1, 0)], grid[k], grid[k]));
    candidates.push(stationary(slope, grid[k], grid[Math.min(k + 1, end)], grid[k]), grid[k]);
  }
  return candidates[lowestIndex(candidates.map(value))];
}

function lowestLows(grid, tried, kinks) {
  const end = tried.length - 1, lows = [];
  for (let k = 0; k <= end; k++) {
    const isLow = (k === 0 || tried[k] <= tried[k - 1]) && (k === end || tried[k] <= tried[k + 1]);
    if (isLow || kinks.includes(grid[k])) lows.push(k);
  }
  return lows.sort((a, b) => tried[a] - tried[b]).slice(0, LOW_POINTS);
}

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

/** The range of S around `best` whose value is at most `allowed`. */
function rangeWithin(value, best, allowed, { levels = [], kinks = [] } = {}) {
  if (levels.length) {
    const near = levels.filter((S) => S === best || value(S) <= allowed);
    return [Math.min(...near), Math.max(...near)];
  }
  return [lastWithin(value, best, 0, allowed, kinks), lastWithin(value, best, MAX_SPARSITY, allowed, kinks)];
}

function lastWithin(value, best, end, allowed, kinks) {
  const isBetween = (S) => S > Math.min(best, end) && S < Math.max(best, end);
  const peaks = kinks.flatMap((kink) => [justBelow(kink), kink]).filter(isBetween);
  const tried = sorted([best, end, ...evenSparsities(best, end, RANGE_SCAN).slice(1, -1), ...peaks]);
  if (end < best) tried.reverse();
  const first = tried.findIndex((S, k) => k > 0 && value(S) > allowed);
  if (first < 0) return end;
  let inside = tried[first - 1], outside = tried[first];
  for (let k = 0; k < BISECTIONS; k++) {
    const middle = (inside + outside) / 2;
    if (value(middle) > allowed) outside = middle;
    else inside = middle;
  }
  return inside;
}
