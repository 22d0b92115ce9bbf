/* Line numbers and places for the policy editor; the text area stays a plain one and is checked on the server.
     .editor[data-editor]     around <pre class="gutter"> and the <textarea>
     [data-editor-position]   says where the caret stands: "line 12, column 7"
     a[data-line]             (with data-column) moves the caret there; without a script its #anchor leads to the text area */
(() => {
  "use strict";
  const editor = document.querySelector("[data-editor]");
  if (!editor) return;
  const text = editor.querySelector("textarea");
  const gutter = editor.querySelector(".gutter");
  const position = document.querySelector("[data-editor-position]");
  let shown = 0;

  function number() {
    const lines = text.value.split("\n").length;
    if (lines !== shown) {
      shown = lines;
      gutter.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    }
    gutter.scrollTop = text.scrollTop;
  }

  function place() {
    if (!position) return;
    const before = text.value.slice(0, text.selectionStart).split("\n");
    position.textContent = `line ${before.length}, column ${before.at(-1).length + 1}`;
  }

  function goTo(line, column) {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1);
    text.focus();
    text.setSelectionRange(start, start);
    const height = Number.parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = Math.max(0, (line - 4) * height);
    place();
  }

  text.addEventListener("input", () => { number(); place(); });
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  document.addEventListener("selectionchange", () => { if (document.activeElement === text) place(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    goTo(Number(link.dataset.line), Number(link.dataset.column || 1));
  });
  number();
})();
