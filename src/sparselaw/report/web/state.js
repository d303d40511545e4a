// The planner's question is one object, and the hash of the page's address is that object written out.
// ask: budget (a size and a budget) or serve (a loss and a demand). size: count (N) or memory (bytes, a format and a precision).
// budget: flops, data or chinchilla.

const BUDGETS = { flops: "C", data: "D", chinchilla: "times" };
const CHOICES = {
  ask: ["budget", "serve"],
  size: ["count", "memory"],
  precision: Object.keys(PRECISIONS),
  budget: Object.keys(BUDGETS),
};
const ORDER = ["ask", "size", "N", "memory", "format", "precision", "budget", "C", "D", "times", "cost", "loss", "inference", "serving", "fixed", "units"];

/** The parts of a question that its answer depends on. */
function relevant(state) {
  const size = ["size", ...(state.size === "memory" ? ["memory", "format", "precision"] : ["N"])];
  const keys =
    state.ask === "serve"
      ? ["ask", "loss", "inference", "cost", "serving", "fixed", ...(state.fixed ? size : [])]
      : ["ask", ...size, "budget", BUDGETS[state.budget], "cost"];
  return ORDER.filter((key) => [...keys, "units"].includes(key));
}

const toHash = (state) => `#${relevant(state).map((key) => `${key}=${encodeURIComponent(state[key])}`).join("&")}`;

/** `before` with what the hash says; what is not a possible value is left as it was. */
function fromHash(hash, before) {
  const state = { ...before };
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"))) {
    if (Object.hasOwn(record.controls, key)) {
      if (isPossible(Number(text))) state[key] = Number(text);
    } else if (key === "fixed") state.fixed = text === "true";
    else if (Object.hasOwn(CHOICES, key) && CHOICES[key].includes(text)) state[key] = text;
    else if (key === "format" && isFormat(text)) state.format = text;
    else if (key === "cost" && record.costs[text]?.training) state.cost = text;
    else if (key === "serving" && record.costs[text]?.inference) state.serving = text;
  }
  return state;
}

/** Whether a number can be asked about. */
const isPossible = (value) => value > 1 / LARGEST && value < LARGEST;
