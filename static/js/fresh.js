/* Says "3 new" without moving a row under anybody's cursor.
     data-fresh-url         asked every data-fresh-every="20" seconds while the tab is visible; answers {"new": 3} (or {"new": "500+"})
     [data-fresh-notice]    inside it, hidden until there is something; [data-fresh-count] receives the number
   The element itself carries role="status" and is always there, so that the change is announced. */
(() => {
  "use strict";
  const place = document.querySelector("[data-fresh-url]");
  if (!place) return;
  const notice = place.querySelector("[data-fresh-notice]");
  const every = Number(place.dataset.freshEvery || 20) * 1000;
  let failures = 0;

  async function ask() {
    if (document.hidden || !navigator.onLine) return plan();
    try {
      const answer = await fetch(place.dataset.freshUrl, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if ([401, 403, 404].includes(answer.status)) return;
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      failures = 0;
      const isNews = Boolean(state.new) && state.new !== "0";
      place.querySelectorAll("[data-fresh-count]").forEach((count) => { count.textContent = state.new; });
      notice.hidden = !isNews;
    } catch {
      failures += 1;
    }
    plan();
  }
  const plan = () => setTimeout(ask, Math.min(every * 2 ** failures, 300000));
  plan();
})();
