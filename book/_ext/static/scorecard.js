// The scorecard by verdict and by chapter. Without a script it is the whole table.

function filterable(table) {
  const bodies = [...table.tBodies];
  const rows = bodies.flatMap((body) => [...body.querySelectorAll("tr[data-verdicts]")]);
  const form = Object.assign(document.createElement("form"), { className: "claims-filter" });
  const verdict = choice(form, "Verdict", ["holds", "fails", "undecided"]);
  const chapter = choice(form, "Chapter", bodies.map((body) => body.dataset.chapter));
  const shown = document.createElement("output");
  form.append(shown);

  function filter() {
    for (const body of bodies) {
      const here = !chapter.value || body.dataset.chapter === chapter.value;
      for (const row of body.querySelectorAll("tr[data-verdicts]")) {
        row.hidden = !here || (verdict.value && !row.dataset.verdicts.split(" ").includes(verdict.value));
      }
      body.hidden = !body.querySelector("tr[data-verdicts]:not([hidden])");
    }
    const left = rows.filter((row) => !row.hidden).length;
    shown.textContent = left === rows.length ? `${left} claims` : `${left} of ${rows.length} claims`;
  }
  form.addEventListener("change", filter);
  table.parentElement.before(form);
  filter();
}

function choice(form, name, options) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.append(new Option("all", ""), ...options.map((option) => new Option(option)));
  label.append(`${name} `, select);
  form.append(label);
  return select;
}

document.querySelectorAll("table.scorecard").forEach(filterable);
