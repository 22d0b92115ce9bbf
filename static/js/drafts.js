/* Saves a form as the person types, so that a lost lease, a reload or somebody else's update costs nothing.
     form[data-draft-url]   the whole form is POSTed there, 1.2 s after the last change and when the page goes away
     [data-draft-state]     says what happened: "Draft saved 14:29 UTC." (keep it role="status")
     [data-draft-save]      a button that saves now; without a script it submits with its own formaction */
(() => {
  "use strict";
  const form = document.querySelector("form[data-draft-url]");
  if (!form) return;
  const state = document.querySelector("[data-draft-state]");
  let timer = 0;
  let isChanged = false;
  let isUnderWay = false;

  const say = (text) => { if (state && state.textContent !== text) state.textContent = text; };

  async function save(isLeaving = false) {
    clearTimeout(timer);
    if (isUnderWay && !isLeaving) { timer = setTimeout(save, 600); return; }
    isChanged = false;
    isUnderWay = true;
    try {
      const answer = await fetch(form.dataset.draftUrl, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        credentials: "same-origin",
        keepalive: isLeaving,
        headers: { "X-CSRFToken": document.querySelector("meta[name='csrf-token']").content, Accept: "application/json" },
      });
      if (!answer.ok) throw new Error(String(answer.status));
      say(`Draft saved ${new Date().toISOString().slice(11, 16)} UTC.`);
    } catch {
      isChanged = true;
      say("The draft is not saved yet; what you typed stays on this page.");
      if (!isLeaving) timer = setTimeout(save, 10000);
    } finally {
      isUnderWay = false;
    }
  }

  const note = () => {
    isChanged = true;
    clearTimeout(timer);
    timer = setTimeout(save, 1200);
  };
  form.addEventListener("input", note);
  form.addEventListener("change", note);
  form.addEventListener("submit", () => { isChanged = false; clearTimeout(timer); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-draft-save]")) return;
    event.preventDefault();
    save();
  });
  addEventListener("online", () => { if (isChanged) save(); });
  addEventListener("pagehide", () => { if (isChanged) save(true); });
})();
