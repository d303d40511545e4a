// The page's program: the question in the controls, the answer and the figures on the page, the state in the address.
import { formatFlops, formatNumber, formatPercent } from "./format.js";
import { answerTo, curveOf, intervalsOf } from "./answer.js";
import { fromHash } from "./state.js";
import { draw, FIGURES, lightTheme, picture, themeOf } from "./charts.js";
import { byId, page, record } from "./page.js";
import { advice, certainties, exported, headline, intervalText, questionText, tableRows } from "./words.js";
import { setUpControls, showControls, writeAddress } from "./controls.js";
import { blobOf, download } from "./files.js";

const SLICE = 12; // milliseconds of computing before the page may do something else
const PAPER_WIDTH = 680; // pixels, of a figure in print

// ---- the answer: the best sparsity at once, the intervals in slices, so that a slider never waits

function ask() {
  const job = ++page.job;
  document.documentElement.dataset.settled = "false";
  const answer = answerTo(page.model, page.state);
  if (answer.problem) {
    page.answer = null;
    showProblem(answer.problem);
    return;
  }
  Object.assign(page, { answer, intervals: null, denseInDraws: null });
  const steps = intervalsOf(answer.quantities, page.model.draws, page.model.confidence);
  work(job, steps, performance.now());
  if (document.documentElement.dataset.settled === "false") showAnswer();
}

function work(job, steps, began) {
  if (job !== page.job) return;
  let step = steps.next();
  while (!step.done && performance.now() - began < SLICE) step = steps.next();
  if (!step.done) {
    setTimeout(() => work(job, steps, performance.now()));
    return;
  }
  Object.assign(page, step.value);
  document.documentElement.dataset.settled = "true";
  showAnswer();
  restSoon();
}

function showProblem(sentence) {
  byId("headline").textContent = "No answer";
  byId("certainty").replaceChildren(pairOf(["", sentence]));
  restSoon();
  byId("question").textContent = questionText();
  byId("result").hidden = true;
  document.documentElement.dataset.settled = "true";
}

function showAnswer() {
  const { answer } = page;
  byId("result").hidden = false;
  byId("question").textContent = questionText();
  byId("headline").textContent = headline();
  byId("certainty").replaceChildren(...certainties().map(pairOf));
  list("warnings", answer.warnings);
  list("advice", advice());
  showFacts();
  showCurve();
  byId("answer-json").textContent = JSON.stringify(exported(), null, 1);
  drawAnswerSoon();
}

const element = (tag, textContent, more = {}) => Object.assign(document.createElement(tag), { textContent, ...more });

function pairOf([number, meaning]) {
  const pair = document.createElement("div");
  pair.append(element("dt", number), element("dd", meaning));
  return pair;
}

/** Once the slider rests: tells a screen reader, and moves the question's point among the contours. */
function restSoon() {
  clearTimeout(page.resting);
  page.resting = setTimeout(() => {
    const parts = page.answer ? certainties().map((pair) => pair.join(" ")) : [];
    byId("said").textContent = [byId("headline").textContent, ...parts].join(". ");
    drawAll(["contours"]);
  }, 300);
}

function list(id, sentences) {
  byId(id).replaceChildren(...sentences.map((sentence) => element("li", sentence)));
}

const COST_NAMES = { dense: "zeros computed", sparse: "zeros free" };

function showFacts() {
  const { record: found } = page.answer;
  const rows = tableRows().map(([key, label, form]) => [label, form(found[key]), intervalText(key, form)]);
  const nameOf = (cost) => `best sparsity, ${COST_NAMES[cost] ?? cost}`;
  const costs = Object.entries(found.costs).map(([cost, S]) => [nameOf(cost), formatPercent(S), "-"]);
  byId("facts").replaceChildren(...[...rows, ...costs].map(rowOf));
}

function rowOf([head, ...cells]) {
  const row = document.createElement("tr");
  row.append(element("th", head, { scope: "row", className: "words" }), ...cells.map((text) => element("td", text)));
  return row;
}

const TABLED = [0, 0.25, 0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375];

function showCurve() {
  const isServed = page.state.ask === "serve";
  byId("curve-heading").textContent = isServed ? "total FLOPs" : "loss";
  const levels = page.answer.levels.length ? page.answer.levels : TABLED, form = isServed ? formatFlops : formatNumber;
  byId("curve-rows").replaceChildren(...levels.map((S) => rowOf([formatPercent(S), form(page.answer.value(S), 5)])));
  byId("answer-caption").textContent =
    `${isServed ? "Training and inference FLOPs" : "Loss"} against sparsity for this question. Shaded: the 95% interval of ` +
    "the best sparsity. Bar on the axis: the range that is as good.";
}

// ---- figures, links and files

const figureOf = (name) => document.querySelector(`figure[data-figure="${name}"] .plot`);

const shownIn = () => ({
  record,
  model: page.model,
  answer: page.answer,
  intervals: page.intervals,
  cost: page.state?.cost,
  isServed: page.state?.ask === "serve",
  curve: page.answer && curveOf(page.answer),
});

function drawAll(names = Object.keys(FIGURES), theme = themeOf(record), width = undefined) {
  const now = shownIn();
  for (const name of names) {
    const place = figureOf(name);
    if (place && (name !== "answer" || page.answer)) draw(place, name, now, theme, width);
  }
}

/** At most once a frame. */
function drawAnswerSoon() {
  if (page.drawing) return;
  page.drawing = requestAnimationFrame(() => {
    page.drawing = 0;
    drawAll(["answer"]);
  });
}

function setUpFigures() {
  if (typeof Plotly === "undefined") return;
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    const tools = element("p", "", { className: "tools" });
    for (const format of ["svg", "png"]) {
      const name = figure.dataset.figure;
      const button = element("button", `Save ${format.toUpperCase()}`, { type: "button" });
      button.setAttribute("aria-label", `Save the figure ${name} as ${format.toUpperCase()}`);
      button.addEventListener("click", () => saveFigure(name, format));
      tools.append(button);
    }
    figure.querySelector("figcaption").after(tools);
  }
}

async function saveFigure(name, format) {
  download(`sparselaw-${name}.${format}`, blobOf(await picture(name, format, shownIn(), lightTheme(record))));
}

function saveAnswer() {
  download("sparselaw-answer.json", new Blob([byId("answer-json").textContent], { type: "application/json" }));
}

async function copyLink() {
  writeAddress();
  const address = location.href;
  try {
    await navigator.clipboard.writeText(address);
    byId("done").textContent = "Link copied.";
  } catch {
    byId("done").textContent = "The link is in the address bar.";
  }
}

function start() {
  setUpFigures();
  if (record.state) {
    page.state = fromHash(location.hash, record.state, record.costs);
    byId("planner").hidden = false;
    setUpControls(ask);
    byId("copy-link").addEventListener("click", copyLink);
    byId("save-json").addEventListener("click", saveAnswer);
    showControls();
    ask();
    addEventListener("hashchange", ({ newURL }) => {
      const { hash } = new URL(newURL); // that of location may be one of ours again
      if (!hash.includes("=")) return; // a link to a section
      page.state = fromHash(hash, record.state, record.costs);
      writeAddress();
      showControls();
      ask();
    });
  } else document.documentElement.dataset.settled = "true";
  drawAll(Object.keys(FIGURES).filter((name) => name !== "answer"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => drawAll(Object.keys(FIGURES), lightTheme(record), PAPER_WIDTH));
  addEventListener("afterprint", () => drawAll());
}

start();
