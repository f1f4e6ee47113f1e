// Two kinds of buttons that the browser serves, wherever they stand on a page. "Copy as Python" copies the code that it shows.
// "SVG" saves the chart above it: Plotly's camera does so, for a moment with SVG as its format. What was done is announced, and
// shown beside the button.

(() => {
  if (window.cvaeServesButtons) return; // already installed by another page of the lab
  window.cvaeServesButtons = true;
  const SHOWN_MILLISECONDS = 2500, TRIES = 40, BETWEEN_MILLISECONDS = 50;
  const CODE = '[data-testid="stPopoverBody"] [data-testid="stCode"] code';
  const note = document.createElement("div");
  note.className = "cvae-note";
  note.setAttribute("role", "status"); // a live region must exist before its text
  document.body.append(note);
  let hide;

  const tell = (words, button) => {
    const { left, top } = button.getBoundingClientRect();
    note.textContent = words;
    Object.assign(note.style, { left: `${Math.max(left, 4)}px`, top: `${top}px` });
    clearTimeout(hide);
    hide = setTimeout(() => (note.textContent = ""), SHOWN_MILLISECONDS);
  };

  const there = async (find) => {
    for (let tries = 0; tries < TRIES; tries++) {
      const found = find();
      if (found) return found;
      await new Promise((done) => setTimeout(done, BETWEEN_MILLISECONDS));
    }
    return null;
  };

  // Browsers offer no clipboard to pages that come from another machine without encryption, but still copy what is selected.
  const copied = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
  };

  const copy = async (button) => {
    const code = await there(() => document.querySelector(CODE));
    const done = code !== null && (await copied(code));
    tell(done ? "Copied" : "Not copied: select the code and copy it", button);
  };

  const save = async (button, key) => {
    const find = (what) => document.querySelector(`.st-key-${CSS.escape(key)} ${what}`);
    const camera = await there(() => find('.modebar-btn[data-title^="Download plot"]'));
    if (!camera) return tell("The chart is not drawn yet", button);
    const context = find(".js-plotly-plot")._context, usual = context.toImageButtonOptions;
    context.toImageButtonOptions = { format: "svg", filename: key };
    camera.click();
    context.toImageButtonOptions = usual;
    tell("Saved", button);
  };

  const clicked = (event) => {
    const button = event.target.closest?.("button");
    const place = button?.closest('[class*="st-key-python-"], [class*="st-key-svg-"]');
    const [, kind, key] = place?.className.match(/st-key-(python|svg)-(\S+)/) ?? [];
    if (kind === "svg") {
      event.stopPropagation(); // the server has no part in it
      save(button, key);
    } else if (kind === "python" && button.ariaExpanded !== "true") copy(button);
  };
  document.addEventListener("click", clicked, { capture: true });
})();
