// Numbers as people write them: the twin of counts.py and of Python's %g.

const SUFFIXES = [["T", 12], ["B", 9], ["M", 6], ["K", 3]];
const COUNT = /^(\d+(?:\.\d*)?|\.\d+)(?:e([+-]?\d+)| ?([kmbt]))?$/i;

/** A positive count from text such as 85M, 1.3B or 4.2e21; NaN from anything else. */
export function parseCount(text) {
  const match = COUNT.exec(text.trim());
  if (!match) return NaN;
  const suffix = SUFFIXES.find(([name]) => name === match[3]?.toUpperCase());
  const value = Number(`${match[1]}e${suffix ? suffix[1] : match[2] ?? 0}`);
  return value > 0 && value < Infinity ? value : NaN;
}

/** A count to three significant digits: 512, 85M, 1.33B, 4.2e21. */
export function formatCount(value) {
  if (!Number.isFinite(value)) return "out of reach";
  if (value === 0) return "0";
  const [digits, exponent] = value.toExponential(2).split("e");
  const power = Number(exponent);
  if (power >= 15 || power < -4) return `${Number(digits)}e${power}`;
  const suffix = SUFFIXES.find(([, e]) => power >= e);
  return `${Number(`${digits}e${power - (suffix ? suffix[1] : 0)}`)}${suffix ? suffix[0] : ""}`;
}

const BYTE_UNITS = ["", "K", "M", "G", "T", "P"];
const BYTES = /^(\d+(?:\.\d*)?|\.\d+)(?:e([+-]?\d+))? ?(?:([kmgtp])?(i)?b)?$/i;

/** A positive number of bytes from text such as 8GB, 512MiB or 8e9; NaN from anything else. */
export function parseBytes(text) {
  const match = BYTES.exec(text.trim());
  if (!match || (match[4] && !match[3])) return NaN;
  const power = BYTE_UNITS.indexOf(match[3]?.toUpperCase() ?? ""), exponent = Number(match[2] ?? 0);
  const value = Number(`${match[1]}e${exponent + (match[4] ? 0 : 3 * power)}`) * (match[4] ? 1024 ** power : 1);
  return value > 0 && value < Infinity ? value : NaN;
}

/** Bytes to three significant digits in powers of 1000: 512 B, 8 GB, 1.33 MB. */
export function formatBytes(value) {
  const [digits, exponent] = value.toExponential(2).split("e");
  const power = Math.min(Math.max(Math.floor(Number(exponent) / 3), 0), BYTE_UNITS.length - 1);
  return `${Number(`${digits}e${Number(exponent) - 3 * power}`)} ${BYTE_UNITS[power]}B`;
}

/** `digits` significant digits, large and small numbers in powers of ten. */
export function formatNumber(value, digits = 4) {
  if (value === null || value === undefined) return "-";
  if (!Number.isFinite(value)) return "out of reach";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < digits) return String(Number(`${mantissa}e${power}`));
  return `${Number(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

export const formatFlops = (value) => formatNumber(value, 3).replace(/e\+0?/, "e");

export const formatPercent = (value, places = 1) =>
  Number.isFinite(value) ? `${(100 * value).toFixed(places)}%` : "unknown";

export const formatSpan = (bounds, form) => (bounds ? `${form(bounds[0])} to ${form(bounds[1])}` : "-");
