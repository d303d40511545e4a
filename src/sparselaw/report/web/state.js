// The planner's question is one object, and the hash of the page's address is that object written out.
// ask: budget (a size and a budget) or serve (a loss and a demand). size: count (N) or memory (bytes, a format and a precision).
// budget: flops, data or chinchilla.
import { isFormat, PRECISIONS } from "./storage.js";

const CHOICES = {
  ask: ["budget", "serve"],
  size: ["count", "memory"],
  precision: Object.keys(PRECISIONS),
  budget: ["flops", "data", "chinchilla"],
};
const NUMBERS = ["N", "memory", "C", "D", "times", "loss", "inference", "units"];
const ORDER = ["ask", "size", "N", "memory", "format", "precision", "budget", "C", "D", "times", "cost", "loss", "inference", "serving", "fixed", "units"];

/** The parts of a question that its answer depends on. */
export function relevant(state) {
  const chosen = { flops: "C", data: "D", chinchilla: "times" }[state.budget];
  const size = ["size", ...(state.size === "memory" ? ["memory", "format", "precision"] : ["N"])];
  const keys =
    state.ask === "serve"
      ? ["ask", "loss", "inference", "cost", "serving", "fixed", ...(state.fixed ? size : [])]
      : ["ask", ...size, "budget", chosen, "cost"];
  return ORDER.filter((key) => [...keys, "units"].includes(key));
}

export function toHash(state) {
  return `#${relevant(state).map((key) => `${key}=${encodeURIComponent(state[key])}`).join("&")}`;
}

/** `before` with what the hash says; what is not a possible value is left as it was. */
export function fromHash(hash, before, costs) {
  const state = { ...before };
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"))) {
    if (NUMBERS.includes(key)) {
      if (isPossible(Number(text))) state[key] = Number(text);
    } else if (key === "fixed") state.fixed = text === "true";
    else if (CHOICES[key]?.includes(text)) state[key] = text;
    else if (key === "format" && isFormat(text)) state.format = text;
    else if (key === "cost" && costs[text]?.training) state.cost = text;
    else if (key === "serving" && costs[text]?.inference) state.serving = text;
  }
  return state;
}

/** Whether a number can be asked about: powers of it stay within the range of a double. */
export const isPossible = (value) => value > 1e-40 && value < 1e40;
