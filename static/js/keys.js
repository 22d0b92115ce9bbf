/* The keyboard map of the console. Pages declare keys on the elements themselves, so this file knows no page:
     data-key="a"            a lone letter or sign: chooses a radio, toggles a tick or <details>, focuses a field, follows a link, presses a button
     data-key="g h"          two keys, one after the other
     data-key="mod+enter"    with Ctrl or ⌘; mod+shift+enter, mod+s; works inside fields too
     data-row                a row that j and k move through; inside it: data-open (the link that Enter follows), data-row-key="x"
     data-tabs               the tabs that [ and ] move through
     data-dialog="id"        opens that <dialog> instead of following the link
   A lone letter never commits: submit buttons of a form marked data-verdict-form answer to mod+… only.
   <body data-keys="off"> switches lone keys off (WCAG 2.1.4); data-keymap='{"a":"y"}' moves them. */
(() => {
  "use strict";
  const body = document.body;
  const isOff = () => body.dataset.keys === "off";
  let keymap = {};
  try { keymap = JSON.parse(body.dataset.keymap || "{}"); } catch { keymap = {}; }
  const meant = Object.fromEntries(Object.entries(keymap).map(([from, to]) => [to, from]));
  let prefix = "";
  let prefixTimer = 0;

  const isTyping = (element) =>
    element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement || element.isContentEditable ||
    (element instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "reset", "range"].includes(element.type));
  const isUsable = (element) => !element.disabled && !element.closest("[aria-busy='true'], [inert]");
  const find = (key) => {
    const modal = document.querySelector("dialog[open]");
    return [...(modal || document).querySelectorAll("[data-key]")].find((element) => element.dataset.key === key && isUsable(element));
  };

  function act(element, isLone) {
    if (isLone && element.type === "submit" && element.form?.hasAttribute("data-verdict-form")) return;
    if (element.dataset.dialog) return openDialog(element.dataset.dialog);
    if (element instanceof HTMLInputElement && element.type === "radio") {
      element.focus({ preventScroll: true });
      if (!element.checked) element.click();
    } else if (isTyping(element)) {
      element.closest("details")?.setAttribute("open", "");
      element.focus();
      if (element instanceof HTMLInputElement) element.select();
      else if (element instanceof HTMLTextAreaElement) element.setSelectionRange(element.value.length, element.value.length);
    } else if (element instanceof HTMLDetailsElement) {
      element.open = !element.open;
    } else {
      element.click();
    }
  }

  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
  }

  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  const currentRow = () => document.activeElement?.closest("[data-row]") || document.querySelector("[data-row][data-current]");
  function moveRow(step) {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(currentRow());
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
    next.querySelector("[data-open]")?.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (!row) return;
    document.querySelectorAll("[data-row][data-current]").forEach((other) => { if (other !== row) delete other.dataset.current; });
    row.dataset.current = "";
  });

  function moveTab(step) {
    const tabs = [...document.querySelectorAll("[data-tabs] a")];
    const at = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
    const next = tabs[at + step];
    if (next) next.click();
    return tabs.length > 0;
  }

  function lone(key) {
    if (key === "j" || key === "k") { if (moveRow(key === "j" ? 1 : -1)) return true; }
    if (key === "[" || key === "]") return moveTab(key === "]" ? 1 : -1);
    const inRow = currentRow()?.querySelector(`[data-row-key="${CSS.escape(key)}"]`);
    const target = (inRow && isUsable(inRow)) ? inRow : find(key);
    if (!target) return false;
    act(target, true);
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.getModifierState?.("AltGraph")) return;
    const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      const target = find(`mod+${event.shiftKey ? "shift+" : ""}${typed.toLowerCase()}`);
      if (target) { event.preventDefault(); act(target, false); }
      return;
    }
    if (event.key === "Escape" && isTyping(event.target) && !event.target.closest("dialog")) return event.target.blur();
    if (isOff() || event.key.length !== 1 || isTyping(event.target)) return;
    const key = meant[typed] || (keymap[typed] ? "" : typed);
    if (!key || event.repeat && !"jk".includes(key)) return;
    const chord = prefix ? `${prefix} ${key}` : "";
    clearTimeout(prefixTimer);
    prefix = "";
    const chordTarget = chord && find(chord);
    if (chordTarget) { event.preventDefault(); return act(chordTarget, true); }
    if (key === "g" && document.querySelector("[data-key^='g ']")) {
      prefix = "g";
      prefixTimer = setTimeout(() => { prefix = ""; }, 1500);
      return;
    }
    if (lone(key)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener && !event.ctrlKey && !event.metaKey && document.getElementById(opener.dataset.dialog)) {
      event.preventDefault();
      openDialog(opener.dataset.dialog);
    } else if (event.target instanceof HTMLDialogElement) {
      event.target.close(); /* a click on the backdrop lands on the dialog itself */
    }
  });

  document.querySelectorAll("kbd[data-hint]").forEach((hint) => { hint.textContent = keymap[hint.dataset.hint] || hint.textContent; });
})();
