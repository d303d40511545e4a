// What the page holds at this moment: the question, its answer, and what the draws say of it once they have been asked.

const page = { model: record.law ? modelFrom(record) : {}, state: record.state, answer: null, drawn: null, job: 0 };
