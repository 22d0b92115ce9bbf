/* Menus are <details> and open without a script; this closes them on Esc, on a click elsewhere and when another opens.
   It also keeps "select all", the bulk bar and the offline notice honest. */
(() => {
  "use strict";
  const openMenus = () => document.querySelectorAll("details.menu[open]");

  document.addEventListener("click", (event) => {
    openMenus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openMenus().forEach((menu) => {
      const hadFocus = menu.contains(document.activeElement);
      menu.open = false;
      if (hadFocus) menu.querySelector("summary").focus();
    });
  });

  /* data-select-all on a tick of the table's head; data-bulk on the bar, with data-bulk-count and data-bulk-limit="50" */
  function showSelection() {
    document.querySelectorAll("[data-bulk]").forEach((bar) => {
      const ticks = [...document.querySelectorAll("[data-row] .select input[type='checkbox']")];
      const chosen = ticks.filter((tick) => tick.checked).length;
      const limit = Number(bar.dataset.bulkLimit || 50);
      bar.hidden = chosen === 0;
      bar.querySelectorAll("[data-bulk-count]").forEach((place) => {
        place.textContent = chosen > limit ? `${chosen} selected; at most ${limit} at once` : `${chosen} selected`;
      });
      bar.querySelectorAll("button[type='submit']").forEach((button) => { button.disabled = chosen > limit; });
      const all = document.querySelector("[data-select-all]");
      if (all) { all.checked = chosen > 0 && chosen === ticks.length; all.indeterminate = chosen > 0 && chosen < ticks.length; }
    });
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) {
      event.target.closest("table").querySelectorAll(".select input[type='checkbox']").forEach((tick) => { tick.checked = event.target.checked; });
    }
    if (event.target.closest(".select")) showSelection();
  });
  document.addEventListener("htmx:afterSwap", showSelection);
  showSelection();

  /* data-submit-on-change on a select or tick of a GET form spares the press of its button */
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  /* data-copy="id" on a button: puts that element's text on the clipboard, and says so on the button */
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) return;
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    button.textContent = "Copied";
  });

  const showConnection = () => document.body.toggleAttribute("data-offline", !navigator.onLine);
  addEventListener("online", showConnection);
  addEventListener("offline", showConnection);
  showConnection();

  /* one press, one request: a second press while the first is on its way does nothing */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || event.defaultPrevented) return;
    if (form.dataset.sent !== undefined && form.method === "post") return event.preventDefault();
    form.dataset.sent = "";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
})();
