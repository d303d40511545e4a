// What N non-zeros take to store, and the non-zeros that so many bytes hold: the twin of cost/storage.py.
// A storage is {format, precision, kind, width, valueBits, levels}; a memory {bytes, storage, dense, takesOver, levels, kinks}.
// A size is a number of non-zeros or a memory, as in laws/optimum.py.

const { PRECISIONS, FORMAT_PATTERN, WIDER_FROM } = record.constants;
const FORMAT = new RegExp(`^(?:${FORMAT_PATTERN})$`);

function isFormat(text) {
  const [kept, length] = text.split(":").map(Number);
  return FORMAT.test(text) && !(kept >= length);
}

function storageOf(format, precision) {
  const [kept, length] = format.split(":").map(Number), kind = length ? "n:m" : format.replace(/\d+$/, "");
  const width = length ? 32 - Math.clz32(length - 1) : Number(format.slice(kind.length));
  return { format, precision, kind, width, valueBits: PRECISIONS[precision], levels: length ? [1 - kept / length] : [] };
}

/** Bits of the position of one non-zero and their derivative by u = -ln(1-S). */
function positions(storage, S) {
  const { kind, width, valueBits } = storage, density = 1 - S;
  if (kind === "dense") return [(valueBits * S) / density, valueBits / density];
  if (kind === "bitmask") return [1 / density, 1 / density];
  if (kind === "csr") return [width || 32, 0];
  if (kind === "coo") return [2 * (width || 32), 0];
  if (kind === "delta") return gapPositions(S, width || bestGapBits(S));
  if (kind === "n:m") return [Math.abs(S - storage.levels[0]) < 1e-9 ? width : Infinity, 0];
  if (kind === "entropy") return [(S > 0 ? (S / density) * -Math.log2(S) : 0) - Math.log2(density), -Math.log2(S) / density];
  return [0, 0]; // ideal
}

function gapPositions(S, bits) {
  const codes = gapCodes(S, bits), longest = 2 ** bits - 1;
  return [bits * codes, bits * longest * S ** (longest - 1) * (1 - S) * codes ** 2];
}

/** Codes of `bits` bits that a non-zero takes on average when zeros lie at random. */
const gapCodes = (S, bits) => -1 / Math.expm1((2 ** bits - 1) * Math.log(S));

/** The width of codes that takes the fewest bits. */
const bestGapBits = (S) => WIDER_FROM.filter((from) => from <= S).length + 1;

const bitsAt = (storage, S) => storage.valueBits + positions(storage, S)[0];

/** d ln(bytes a non-zero) / du. */
function bitsSlope(storage, S) {
  const [bits, change] = positions(storage, S);
  return change / (storage.valueBits + bits);
}

function memoryOf(bytes, format, precision) {
  const storage = storageOf(format, precision), dense = storageOf("dense", precision);
  const isLimited = storage.levels.length > 0, takesOver = isLimited ? Infinity : takingOver(storage, dense);
  const kinks = [takesOver, ...(format === "delta" ? WIDER_FROM : [])].filter((S) => S < MAX_SPARSITY);
  const isSmooth = isLimited || format === "dense" || format === "ideal";
  return { bytes, storage, dense, takesOver, levels: isLimited ? [0, ...storage.levels] : [], kinks: isSmooth ? [] : kinks };
}

/** The sparsity from which a format takes less than dense. */
function takingOver(storage, dense) {
  if (storage.kind === "ideal") return 0;
  const saved = (u) => bitsAt(dense, -Math.expm1(-u)) - bitsAt(storage, -Math.expm1(-u));
  // Just above S = 0, where some formats take what dense does.
  return -Math.expm1(-risingRoot(saved, 1e-9, -Math.log1p(-MAX_SPARSITY)));
}

const isMemory = (size) => typeof size !== "number";

/** The non-zeros of a size at sparsity S. */
function nonzerosAt(size, S) {
  return isMemory(size) ? (8 * size.bytes) / Math.min(bitsAt(size.storage, S), bitsAt(size.dense, S)) : size;
}

/** d ln N / du; at a kink that of its sparser side. */
function growthAt(size, S) {
  return isMemory(size) ? -bitsSlope(S >= size.takesOver ? size.storage : size.dense, S) : 0;
}

/** What the non-zeros over those at S = 0 depend on, beside S. */
const storedAs = (size) => (isMemory(size) ? `${size.storage.format} ${size.storage.precision}` : "");
