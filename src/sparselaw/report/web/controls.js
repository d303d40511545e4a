// The controls: each number has a field, most have a slider, and the address follows them. `record.controls` holds, for each
// number, the form it is written in and the ends of its slider.

const NUMBERS = Object.keys(record.controls);
const LISTS = ["format", "precision", "cost", "serving"];
const PARSERS = { count: parseCount, flops: parseCount, bytes: parseBytes, number: Number };

const formOf = (key) => record.controls[key].form;

/** From a number to the place of its slider, and back. */
function scaleOf(key) {
  return record.controls[key].is_linear
    ? { to: (value) => value, from: (place) => Number(place.toPrecision(4)) }
    : { to: Math.log10, from: (place) => Number((10 ** place).toPrecision(3)) };
}

const readAs = (key, text) => PARSERS[formOf(key)](text);

/** A number as a field shows it: short where that is exact. */
function fieldText(key, value) {
  const short = FORMS[formOf(key)](value);
  return readAs(key, short) === value ? short : String(value);
}

/** Fills the controls; `answered` is called after every change of the question. */
function setUpControls(answered) {
  page.answered = answered;
  NUMBERS.filter((key) => record.controls[key].ends).forEach(setUpSlider);
  for (const key of NUMBERS) byId(key).addEventListener("input", () => typed(key));
  for (const key of NUMBERS) byId(key).addEventListener("change", () => showControls());
  for (const key of ["ask", "size", "budget"]) onChoice(key, (value) => change({ [key]: value }));
  onChoice("fixed", (value) => change({ fixed: value === "true" }));
  fill("format", Object.entries(record.formats).map(([name, label]) => [name, `${name}: ${label}`]));
  fill("precision", CHOICES.precision.map((name) => [name, name]));
  for (const [key, task] of [["cost", "training"], ["serving", "inference"]]) {
    const known = Object.entries(record.costs).filter(([, cost]) => cost[task]);
    fill(key, known.map(([name, { label }]) => [name, label]));
  }
  for (const key of LISTS) byId(key).addEventListener("change", () => change({ [key]: byId(key).value }));
  const unit = record.fit.data_unit;
  for (const span of document.querySelectorAll("[data-unit]")) span.textContent = unit[0].toUpperCase() + unit.slice(1);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => change(record.state));
}

function setUpSlider(key) {
  const slider = byId(`${key}-slider`), { to, from } = scaleOf(key), [min, max] = record.controls[key].ends.map(to);
  Object.assign(slider, { min, max, step: (max - min) / 1000 });
  slider.addEventListener("input", () => change({ [key]: from(Number(slider.value)) }, slider));
}

const fill = (key, options) => byId(key).replaceChildren(...options.map(([name, label]) => new Option(label, name)));

function onChoice(name, act) {
  for (const radio of document.querySelectorAll(`input[name="${name}"]`)) {
    radio.addEventListener("change", () => act(radio.value));
  }
}

function typed(key) {
  const value = readAs(key, byId(key).value), isGood = isPossible(value);
  byId(key).setAttribute("aria-invalid", String(!isGood));
  byId("mistake").textContent = isGood ? "" : said("mistake", { form: formOf(key) });
  if (isGood) change({ [key]: value }, byId(key));
}

/** A change of the question; `source` is the control it came from, which is left as it is. */
function change(what, source) {
  page.state = { ...page.state, ...what };
  writeAddressSoon();
  showControls(source);
  page.answered();
}

/** Browsers refuse addresses that change with every step of a slider. */
function writeAddressSoon() {
  clearTimeout(page.writing);
  page.writing = setTimeout(writeAddress, 150);
}

function writeAddress() {
  clearTimeout(page.writing);
  history.replaceState(null, "", toHash(page.state));
}

function showControls(source) {
  const { state } = page, used = new Set(relevant(state));
  for (const key of NUMBERS) showNumber(key, state[key], source);
  if (!NUMBERS.some((key) => byId(key) === source)) byId("mistake").textContent = "";
  for (const key of ["ask", "size", "budget", "fixed"]) {
    for (const radio of document.querySelectorAll(`input[name="${key}"]`)) radio.checked = radio.value === String(state[key]);
  }
  for (const key of LISTS) choose(byId(key), state[key]);
  for (const part of document.querySelectorAll("[data-for]")) part.hidden = !isOffered(part.dataset.for, state, used);
}

function showNumber(key, value, source) {
  const field = byId(key), slider = byId(`${key}-slider`), text = fieldText(key, value);
  if (field !== source) {
    field.value = text;
    field.setAttribute("aria-invalid", "false");
  }
  if (slider && slider !== source) slider.value = scaleOf(key).to(value);
  slider?.setAttribute("aria-valuetext", text);
}

/** Whether a control belongs to the question; bytes belong to no model that is served, but an address may ask. */
function isOffered(key, state, used) {
  if (key === "serve") return state.ask === "serve";
  if (key === "units") return record.fit.data_unit === "images";
  return used.has(key) && !(key === "size" && state.ask === "serve" && state.size === "count");
}

/** Chooses from a list, to which an address may add: there are more formats than it shows. */
function choose(list, value) {
  list.value = value;
  if (list.value !== value) list.add(new Option(value, value, true, true));
}
