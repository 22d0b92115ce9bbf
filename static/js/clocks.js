/* Keeps <time data-clock> fresh in the words that the server used (governance.templatetags.console).
     data-clock="due"    "in 38 min" or "8 min late"; data-soon="600" sets from how many seconds on it is soon
     data-clock="lease"  what is left of a lease: "9 min 40 s"
     data-clock="age"    how long ago: "2 h 10 min"
     data-clock="undo"   seconds left, then its [data-undo] bar says that the window is over */
(() => {
  "use strict";
  const served = Date.parse(document.querySelector("meta[name='server-time']")?.content || "");
  const skew = Number.isNaN(served) ? 0 : served - Date.now();
  const now = () => Date.now() + (Math.abs(skew) > 2000 ? skew : 0);

  function words(seconds, isExact) {
    const total = Math.max(0, Math.floor(seconds));
    const days = Math.floor(total / 86400), hours = Math.floor(total / 3600) % 24, minutes = Math.floor(total / 60) % 60;
    if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
    if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
    if (minutes) return isExact && total % 60 ? `${minutes} min ${total % 60} s` : `${minutes} min`;
    return `${total} s`;
  }

  function show(clock) {
    const left = (Date.parse(clock.dateTime) - now()) / 1000;
    if (Number.isNaN(left)) return;
    let text = "";
    switch (clock.dataset.clock) {
      case "due": {
        const tone = left <= 0 ? "late" : left <= Number(clock.dataset.soon || 600) ? "soon" : "ok";
        if (!clock.classList.contains("paused")) {
          clock.classList.remove("late", "soon", "ok");
          clock.classList.add(tone);
        }
        text = left <= 0 ? `${words(-left)} late` : `in ${words(left)}`;
        break;
      }
      case "lease": text = words(left, true); break;
      case "age": text = words(-left); break;
      case "undo":
        text = left > 90 ? words(left) : left > 0 ? `${Math.ceil(left)} s` : "";
        if (left <= 0) closeUndo(clock.closest("[data-undo]"));
        break;
    }
    if (clock.textContent !== text) clock.textContent = text;
  }

  function closeUndo(bar) {
    if (!bar || bar.classList.contains("over")) return;
    bar.classList.add("over");
    bar.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    bar.querySelector("[role='status']").textContent += " Released: it can no longer be taken back.";
  }

  function tick() {
    document.querySelectorAll("time[data-clock]").forEach(show);
  }
  tick();
  setInterval(() => { if (!document.hidden) tick(); }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  document.addEventListener("htmx:afterSwap", tick);
})();
