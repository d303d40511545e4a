// Numbers as people write them: the twin of counts.py and words/forms.py, and of how Python rounds.

const { EXPONENTS, BYTE_UNITS, OUT_OF_REACH, NOT_DETERMINED, MOST, MAGNITUDE } = record.constants;
const SUFFIXES = Object.entries(EXPONENTS).reverse(), PREFIXES = Object.keys(BYTE_UNITS);
const NUMBER = "(\\d+(?:\\.\\d*)?|\\.\\d+)(?:e([+-]?\\d+))?";
const COUNT = new RegExp(`^${NUMBER}(?: ?([${SUFFIXES.map(([name]) => name).join("")}]))?$`, "i");
const BYTES = new RegExp(`^${NUMBER} ?(?:([${PREFIXES.join("")}])?(i)?b)?$`, "i");

/** A positive count from text such as 85M, 1.3B or 4.2e21; NaN from anything else. */
function parseCount(text) {
  const [, digits, exponent, suffix] = COUNT.exec(text.trim()) ?? [];
  if (!digits || (exponent && suffix)) return NaN;
  return positive(Number(`${digits}e${suffix ? EXPONENTS[suffix.toUpperCase()] : exponent ?? 0}`));
}

/** A positive number of bytes from text such as 8GB, 512MiB or 8e9; NaN from anything else. */
function parseBytes(text) {
  const [, digits, exponent = 0, prefix, binary] = BYTES.exec(text.trim()) ?? [];
  if (!digits || (binary && !prefix)) return NaN;
  const power = prefix ? BYTE_UNITS[prefix.toUpperCase()] : 0;
  return positive(Number(`${digits}e${Number(exponent) + (binary ? 0 : 3 * power)}`) * (binary ? 1024 ** power : 1));
}

const positive = (value) => (value > 0 && value < Infinity ? value : NaN);

/** `toFixed` or `toExponential` of a number; of two that are equally near the even one, where JavaScript takes the larger. */
function rounded(value, method, places) {
  const [long, exponent] = value[method](places + 25).split("e"), kept = long.slice(0, -25).replace(/\.$/, "");
  const isTie = /^50*$/.test(long.slice(-25)) && /[02468]$/.test(kept);
  return isTie ? kept + (exponent ? `e${exponent}` : "") : value[method](places);
}

/** The digits of a number without needless zeros, and its power of ten. */
function scientific(value, digits) {
  const [head, exponent] = rounded(value, "toExponential", digits - 1).split("e");
  return [Number(head), Number(exponent)];
}

/** Whether a quantity can be that of a training run. */
const isReal = (value) => Math.abs(value) > 1 / MAGNITUDE && Math.abs(value) < MAGNITUDE;

/** A form for such quantities that are not 0. */
const finite = (form, zero = "0") => (value, ...more) =>
  value === 0 ? zero : isReal(value) ? form(value, ...more) : OUT_OF_REACH;

/** A count to three significant digits: 512, 85M, 1.33B, 4.2e21. */
const formatCount = finite((value) => {
  const [head, power] = scientific(value, 3);
  if (power >= 15 || power < -4) return `${head}e${power}`;
  const [suffix, exponent] = SUFFIXES.find(([, e]) => power >= e) ?? ["", 0];
  return `${Number(`${head}e${power - exponent}`)}${suffix}`;
});

/** Bytes to three significant digits in powers of 1000: 512 B, 8 GB, 1.33 MB. */
const formatBytes = finite((value) => {
  const [head, power] = scientific(value, 3), k = Math.min(Math.max(Math.floor(power / 3), 0), PREFIXES.length);
  return `${Number(`${head}e${power - 3 * k}`)} ${PREFIXES[k - 1] ?? ""}B`;
}, "0 B");

/** A short time: 20 ms, 1.3 s, 250 us. */
const formatSeconds = finite((value) => {
  const [unit, scale] = [["s", 1], ["ms", 1e3], ["us", 1e6]].find(([, k]) => value * k >= 1) ?? ["ns", 1e9];
  return `${formatKnown(value * scale, 3)} ${unit}`;
}, "0 ns");

/** FLOPs to three significant digits, always with a power of ten. */
const formatFlops = finite((value, digits = 3) => scientific(value, digits).join("e"));

const formatKnown = finite((value, digits) => {
  const [head, power] = scientific(value, digits);
  if (power >= -4 && power < digits) return String(Number(`${head}e${power}`));
  return `${head}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
});

/** `digits` significant digits, large and small numbers in powers of ten. */
const formatNumber = (value, digits = 4) => (value === null || value === undefined ? "-" : formatKnown(value, digits));

/** A number to the digits that its interval supports: two of half its width. */
function formatByInterval(value, [low, high]) {
  const width = (high - low) / 2, size = Math.abs(value);
  if (!Number.isFinite(width) || width <= 0 || !(size > 1e-9 && size < 1e6)) return formatNumber(value);
  const written = rounded(value, "toFixed", Math.max(0, 1 - Math.floor(Math.log10(width))));
  return Number(written) === 0 ? written.replace("-", "") : written;
}

/** A factor; beyond MOST or below its inverse only that. */
function formatTimes(value, digits = 3) {
  if (!Number.isFinite(value)) return OUT_OF_REACH;
  if (value > MOST) return `more than ${MOST}`;
  return value >= 1 / MOST ? String(Number(rounded(value, "toExponential", digits - 1))) : `less than ${1 / MOST}`;
}

const formatPercent = (value, places = 1) =>
  Math.abs(value) < MOST ? `${rounded(100 * value, "toFixed", places)}%` : OUT_OF_REACH;

/** An interval; a dash where there is none, or where its ends are written alike. */
function formatSpan(bounds, form) {
  const [low, high] = (bounds ?? ["-", "-"]).map((end) => (bounds ? form(end) : end));
  return low === high ? "-" : `${low} to ${high}`;
}

/** Several ranges, such as `0.0% to 2.1% and 40.0% to 55.0%`. */
function formatSpans(pieces, form) {
  const written = ([low, high]) => (form(low) === form(high) ? form(low) : formatSpan([low, high], form));
  const all = pieces.map(written), last = all.pop();
  return all.length ? `${all.join(", ")} and ${last}` : last;
}

const orNotDetermined = ([name, form]) => [name, (value) => (value === null ? NOT_DETERMINED : form(value))];

/** The forms that a placeholder {name:form} may ask for; each says so where there is no number. */
const FORMS = Object.fromEntries(Object.entries({
  text: String,
  number: (value) => formatNumber(value),
  number2: (value) => formatNumber(value, 2),
  number6: (value) => formatNumber(value, 6),
  times: (value) => formatTimes(value),
  times2: (value) => formatTimes(value, 2),
  fixed2: (value) => rounded(value, "toFixed", 2),
  percent: (value) => formatPercent(value),
  percent0: (value) => formatPercent(value, 0),
  percent2: (value) => formatPercent(value, 2),
  level: (value) => `${formatNumber(100 * value)}%`,
  points: (value) => (value < 0 ? "" : "+") + rounded(value, "toFixed", 1),
  count: formatCount,
  flops: (value) => formatFlops(value),
  bytes: formatBytes,
  seconds: formatSeconds,
}).map(orNotDetermined));
