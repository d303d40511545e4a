// What the page holds: the record it came with, and the question, its answer and the intervals at this moment.
import { modelFrom } from "./answer.js";

export const byId = (id) => document.getElementById(id);

export const record = JSON.parse(byId("record").textContent);

export const page = {
  model: record.law ? modelFrom(record) : {},
  state: record.state,
  answer: null,
  intervals: null,
  denseInDraws: null,
  job: 0,
};
