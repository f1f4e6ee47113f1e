// Keys of the presenter layout, which remote controls for slides also send: Page up and Page down open the page before and the
// page after. The space bar plays and pauses what the page plays. Keys in a text field keep their meaning.

(() => {
  if (window.cvaeKnowsKeys) return; // already installed by another page of the lab
  window.cvaeKnowsKeys = true;
  const PAGES = { PageUp: "back", PageDown: "forward" };
  const takesText = (place) => place?.matches?.("input:not([type=range]), textarea, [contenteditable]");
  const focused = () => {
    let place = document.activeElement;
    while (place?.shadowRoot?.activeElement) place = place.shadowRoot.activeElement;
    return place;
  };
  document.addEventListener("keydown", (event) => {
    if (!document.querySelector(".st-key-presenter-bar") || takesText(focused())) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const page = document.querySelector(`.st-key-presenter-${PAGES[event.key]} a`);
    if (page) page.click();
    else if (event.key === " " && !focused()?.matches?.("button, a, summary, [role=button]")) {
      window.dispatchEvent(new CustomEvent("cvae-play"));
    } else return;
    event.preventDefault();
  });
})();
