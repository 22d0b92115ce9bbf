/* Ctrl/⌘+K: go to any page that the navigation or a [data-palette] link offers, or search decisions. */
(() => {
  "use strict";
  const dialog = document.getElementById("palette-dialog");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  let at = 0;

  function offers() {
    const seen = new Map();
    document.querySelectorAll(".rail .nav a, .menu a.menu-item, a[data-palette]").forEach((link) => {
      const label = (link.dataset.palette || link.firstChild?.textContent || "").trim();
      const place = link.closest(".nav-section")?.querySelector("h2")?.textContent || "";
      if (label && !seen.has(link.href)) seen.set(link.href, { label, place, href: link.href });
    });
    return [...seen.values()];
  }

  function show() {
    const words = input.value.trim().toLowerCase();
    const found = offers().filter((offer) => `${offer.place} ${offer.label}`.toLowerCase().includes(words)).slice(0, 12);
    if (words) {
      const query = new URLSearchParams({ q: input.value.trim() });
      found.push({ label: `Search decisions for “${input.value.trim()}”`, place: "", href: `${dialog.dataset.searchUrl}?${query}` });
    }
    at = Math.min(at, found.length - 1);
    list.replaceChildren(...found.map((offer, index) => {
      const item = document.createElement("li");
      const place = document.createElement("span");
      item.id = `palette-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(index === at));
      item.dataset.href = offer.href;
      item.textContent = offer.label;
      place.textContent = offer.place;
      item.append(place);
      return item;
    }));
    if (found.length) input.setAttribute("aria-activedescendant", `palette-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  const go = (item) => { if (item) location.assign(item.dataset.href); };
  input.addEventListener("input", () => { at = 0; show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + list.children.length) % list.children.length;
      show();
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(list.children[at]);
    }
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role='option']")));

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (dialog.open) return dialog.close();
    input.value = "";
    at = 0;
    show();
    dialog.showModal();
    input.focus();
  });
})();
