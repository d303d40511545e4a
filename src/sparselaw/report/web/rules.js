// Sentences as data: the twin of words/rules.py. `record.words` holds the topics; see there for the grammar.
import { record } from "./page.js";
import { formatBytes, formatCount, formatFlops, formatNumber, formatPercent } from "./format.js";

const FORMS = {
  text: String,
  number: (value) => formatNumber(value),
  number2: (value) => formatNumber(value, 2),
  fixed2: (value) => value.toFixed(2),
  percent: (value) => formatPercent(value),
  percent0: (value) => formatPercent(value, 0),
  percent2: (value) => formatPercent(value, 2),
  level: (value) => `${formatNumber(100 * value)}%`,
  count: formatCount,
  flops: formatFlops,
  bytes: formatBytes,
};

const COMPARISONS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

/** What the groups of a topic say, in their order; those whose names start with _ are parts. */
export function sentences(topic, facts) {
  const groups = Object.keys(record.words[topic]).filter((group) => !group.startsWith("_"));
  return groups.map((group) => say(topic, group, facts)).filter(Boolean);
}

/** What one group says; empty if none of its rules holds. */
export function say(topic, group, facts) {
  const rule = record.words[topic][group].find((one) => speaks(one, facts));
  return rule ? filled(topic, rule.say, facts) : "";
}

/** The rows of a topic's table: [key, label, how the number is written]. */
export function labelledRows(topic, facts) {
  const rows = record.words.rows[topic].filter((row) => speaks(row, facts));
  return rows.map((row) => [row.key, filled(topic, row.label, facts), FORMS[row.form]]);
}

const speaks = (rule, facts) => (rule.when ?? []).every((condition) => holds(condition, facts));

function filled(topic, text, facts) {
  const fill = (_, key, form) => (form === "say" ? say(topic, key, facts) : FORMS[form ?? "text"](facts[key]));
  return text.replace(/\{(\w+)(?::(\w+))?\}/g, fill);
}

function holds(condition, facts) {
  const words = condition.split(" ");
  if (words.length < 3) return Boolean(facts[words.at(-1)]) === (words[0] !== "not");
  const left = valueOf(words[0], facts), right = valueOf(words[2], facts);
  return left !== null && left !== undefined && right !== null && COMPARISONS[words[1]](left, right);
}

/** A fact, a number (`inf` is one), or else the word itself. */
function valueOf(word, facts) {
  if (word in facts) return facts[word];
  if (word === "inf") return Infinity;
  return Number.isNaN(Number(word)) ? word : Number(word);
}
