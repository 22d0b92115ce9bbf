/* Leaving the editor with unsaved words asks first, and a word beside the buttons says that there are some.
     form[data-unsaved]       "yes" where the text arrived unsaved (after a check or a conflict)
     [data-unsaved-notice]    shown while the text differs from what was saved */
(() => {
  "use strict";
  const form = document.querySelector("form[data-unsaved]");
  if (!form) return;
  const text = form.elements.document;
  const notice = form.querySelector("[data-unsaved-notice]");
  const arrivedUnsaved = form.dataset.unsaved === "yes";
  const saved = text.defaultValue;
  let isLeaving = false;

  const isUnsaved = () => arrivedUnsaved || text.value !== saved;
  const show = () => { if (notice) notice.hidden = !isUnsaved(); };
  text.addEventListener("input", show);
  document.addEventListener("submit", () => { isLeaving = true; });
  addEventListener("pageshow", () => { isLeaving = false; show(); });
  addEventListener("beforeunload", (event) => { if (!isLeaving && isUnsaved()) event.preventDefault(); });
})();
