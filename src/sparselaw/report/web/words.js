// Sentences as data: the twin of words/rules.py, which has the grammar. `record.words` holds the topics.

const COMPARISONS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

/** What the groups of a topic say, in their order; those whose names start with _ are parts. */
function sentences(topic, facts) {
  const groups = Object.keys(record.words[topic]).filter((group) => !group.startsWith("_"));
  return groups.map((group) => say(topic, group, facts)).filter(Boolean);
}

/** What one group says; empty if none of its rules holds. */
function say(topic, group, facts) {
  const rule = record.words[topic][group].find((one) => speaks(one, facts));
  return rule ? filled(topic, rule.say, facts) : "";
}

/** The rows of a topic's table: [key, label, name of the form of the number]. */
function labelledRows(topic, facts) {
  const rows = record.words.rows[topic].filter((row) => speaks(row, facts));
  return rows.map((row) => [row.key, filled(topic, row.label, facts), row.form]);
}

const speaks = (rule, facts) => (rule.when ?? []).every((condition) => holds(condition, facts));

function filled(topic, text, facts) {
  const fill = (_, key, form) => (form === "say" ? say(topic, key, facts) : FORMS[form ?? "text"](factOf(key, facts)));
  return text.replace(/\{(\w+)(?::(\w+))?\}/g, fill);
}

function holds(condition, facts) {
  const words = condition.split(" ");
  if (words.length < 3) return Boolean(factOf(words.at(-1), facts)) === (words[0] !== "not");
  const left = valueOf(words[0], facts), right = valueOf(words[2], facts);
  return left !== null && right !== null && COMPARISONS[words[1]](left, right);
}

/** A fact, a number (`inf` is one), or else the word itself. */
function valueOf(word, facts) {
  if (word in facts) return facts[word];
  if (word === "inf") return Infinity;
  return Number.isNaN(Number(word)) ? word : Number(word);
}

/** A fact that must be there. */
function factOf(name, facts) {
  if (!(name in facts)) throw new Error(`no fact is named ${name}`);
  return facts[name];
}
