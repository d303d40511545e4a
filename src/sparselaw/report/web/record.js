// What Python wrote for this page: data, sentences, lists and constants.

const byId = (id) => document.getElementById(id);

const record = JSON.parse(byId("record").textContent);
