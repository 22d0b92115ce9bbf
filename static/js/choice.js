/* Shows what belongs to the chosen verdict, and what a correction changes.
     [data-choice="verdict"]   a form (or part of one) whose radios of that name decide
     data-when="correct answer"  inside it: shown for those values only; without a script all of it shows, and the server reads what fits
     data-when-of="form-id"    the same for an element outside the form
     data-original="900.00"    on a field: its .field is marked .changed while it differs; [data-reset-for="id"] puts it back
     data-script-only          shown only where a script runs (give it the hidden attribute) */
(() => {
  "use strict";
  document.querySelectorAll("[data-script-only]").forEach((element) => { element.hidden = false; });

  function showChosen(root) {
    const name = root.dataset.choice;
    const chosen = [...root.querySelectorAll("input[type='radio']")].find((radio) => radio.name === name && radio.checked)?.value || "";
    const outside = root.id ? document.querySelectorAll(`[data-when-of="${CSS.escape(root.id)}"]`) : [];
    [...root.querySelectorAll("[data-when]"), ...outside].forEach((part) => {
      part.hidden = !part.dataset.when.split(" ").includes(chosen);
    });
    root.dataset.chosen = chosen;
  }

  function showChanged(field) {
    const value = field.type === "checkbox" ? String(field.checked) : field.value;
    field.closest(".field, .choice")?.classList.toggle("changed", value !== field.dataset.original);
  }

  const roots = document.querySelectorAll("[data-choice]");
  roots.forEach((root) => {
    showChosen(root);
    root.addEventListener("change", (event) => { if (event.target.name === root.dataset.choice) showChosen(root); });
  });

  document.querySelectorAll("[data-original]").forEach(showChanged);
  document.addEventListener("input", (event) => { if (event.target.dataset?.original !== undefined) showChanged(event.target); });
  document.addEventListener("click", (event) => {
    const reset = event.target.closest("[data-reset-for]");
    const field = reset && document.getElementById(reset.dataset.resetFor);
    if (!field) return;
    event.preventDefault();
    if (field.type === "checkbox") field.checked = field.dataset.original === "true";
    else field.value = field.dataset.original;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
})();
