/* Keeps the claim on an escalation while its tab is visible, and says so in time when it is about to end.
     data-lease           around it all; data-lease-url is POSTed to, data-lease-every="120" seconds apart
     time[data-clock="lease"] inside it: when the lease ends; the answer's JSON "lease_expires_at" moves it
     [data-lease-warning] shown 30 s ahead (so that a person who reads slowly can still act); [data-lease-lost] when it is gone
   Without a script the form with its "extend" button does the same. */
(() => {
  "use strict";
  const lease = document.querySelector("[data-lease]");
  if (!lease) return;
  const clock = lease.querySelector("time[data-clock='lease']");
  const warnings = document.querySelectorAll("[data-lease-warning]");
  const losses = document.querySelectorAll("[data-lease-lost]");
  const WARN_SECONDS = 30;
  let isLost = false;
  let renewedAt = Date.now();
  let isUnderWay = false;

  const served = Date.parse(document.querySelector("meta[name='server-time']")?.content || "");
  const skew = Number.isNaN(served) || Math.abs(served - Date.now()) <= 2000 ? 0 : served - Date.now();
  const left = () => (Date.parse(clock.dateTime) - Date.now() - skew) / 1000;
  const show = (elements, isShown) => elements.forEach((element) => { element.hidden = !isShown; });

  function lose() {
    isLost = true;
    lease.classList.remove("ending");
    lease.classList.add("lost");
    show(warnings, false);
    show(losses, true);
  }

  async function renew() {
    if (isLost || isUnderWay) return;
    isUnderWay = true;
    try {
      const answer = await fetch(lease.dataset.leaseUrl, {
        method: "POST",
        credentials: "same-origin",
        headers: { "X-CSRFToken": document.querySelector("meta[name='csrf-token']").content, Accept: "application/json" },
      });
      if ([403, 404, 409, 410].includes(answer.status)) return lose();
      if (!answer.ok) return;
      const state = await answer.json();
      if (state.lease_expires_at) clock.dateTime = state.lease_expires_at;
      renewedAt = Date.now();
    } catch {
      /* offline: the clock goes on, and the warning comes in time */
    } finally {
      isUnderWay = false;
      watch();
    }
  }

  function watch() {
    if (isLost) return;
    const seconds = left();
    const isEnding = seconds <= WARN_SECONDS;
    lease.classList.toggle("ending", isEnding);
    if (warnings[0] && warnings[0].hidden === isEnding) show(warnings, isEnding);
    /* a lease that has run out is asked for again: only the server knows whether somebody else took it */
    const every = seconds <= 0 ? 10000 : Number(lease.dataset.leaseEvery || 120) * 1000;
    if (!document.hidden && navigator.onLine && (Date.now() - renewedAt >= every)) { renewedAt = Date.now(); renew(); }
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-lease-renew]")) return;
    event.preventDefault();
    renew();
  });
  document.addEventListener("visibilitychange", watch);
  setInterval(watch, 1000);
  watch();
})();
