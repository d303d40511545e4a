// The page's program: the question in the controls, the answer and the figures on the page, the state in the address.

const SLICE = 12; // milliseconds of computing before the page may do something else
const PAPER_WIDTH = 680; // pixels, of a figure in print

// ---- the answer: the best sparsity at once, the intervals in slices, so that a slider never waits

function ask() {
  const job = ++page.job;
  document.documentElement.dataset.settled = "false";
  const model = inPrecision(page.model, page.state), answer = answerTo(model, page.state);
  if (answer.problem) {
    page.answer = null;
    showProblem(answer.problem);
    return;
  }
  Object.assign(page, { answer, asked: model, drawn: null });
  const steps = estimates(model, answer);
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
  page.drawn = step.value;
  document.documentElement.dataset.settled = "true";
  showAnswer();
  restSoon();
}

function showProblem(sentence) {
  byId("headline").textContent = said("no_answer");
  byId("certainty").replaceChildren(pairOf(["", sentence[0].toUpperCase() + sentence.slice(1)]));
  restSoon();
  byId("question").textContent = questionText();
  byId("result").hidden = true;
  document.documentElement.dataset.settled = "true";
}

function showAnswer() {
  byId("result").hidden = false;
  byId("question").textContent = questionText();
  byId("headline").textContent = headline();
  byId("certainty").replaceChildren(...certainties().map(pairOf));
  list("warnings", warnings());
  list("advice", advice());
  byId("facts").replaceChildren(...tableRows().map(rowOf));
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

function rowOf([head, ...cells]) {
  const row = document.createElement("tr");
  row.append(element("th", head, { scope: "row", className: "words" }), ...cells.map((text) => element("td", text)));
  return row;
}

function showCurve() {
  const is_lifetime = page.state.ask === "serve", form = is_lifetime ? formatFlops : formatNumber;
  const levels = page.answer.levels.length ? page.answer.levels : record.tabled;
  byId("curve-heading").textContent = said("curve_heading", { is_lifetime });
  byId("curve-rows").replaceChildren(...levels.map((S) => rowOf([formatPercent(S), form(page.answer.value(S), 5)])));
  byId("answer-caption").textContent = said("caption", { is_lifetime });
}

// ---- figures, links and files

const figureOf = (name) => document.querySelector(`figure[data-figure="${name}"] .plot`);

const shownIn = () => ({
  record,
  model: page.model,
  answer: page.answer,
  interval: page.drawn?.intervals.optimal_sparsity,
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
      const name = figure.dataset.figure, facts = { figure: name, format: format.toUpperCase() };
      const button = element("button", said("save", facts), { type: "button" });
      button.setAttribute("aria-label", said("save_label", facts));
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

/** Whether a text could be copied, which the browser may refuse. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

async function copyLink() {
  writeAddress();
  const is_copied = await copied(location.href);
  byId("done").textContent = said("copied", { is_copied });
}

function start() {
  setUpFigures();
  if (record.state) {
    page.state = fromHash(location.hash, record.state);
    byId("planner").hidden = false;
    setUpControls(ask);
    byId("interval-heading").textContent = said("interval");
    byId("copy-link").addEventListener("click", copyLink);
    byId("save-json").addEventListener("click", saveAnswer);
    showControls();
    ask();
    addEventListener("hashchange", ({ newURL }) => {
      const { hash } = new URL(newURL); // that of location may be one of ours again
      if (!hash.includes("=")) return; // a link to a section
      page.state = fromHash(hash, record.state);
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
