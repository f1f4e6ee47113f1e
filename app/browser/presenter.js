// Keys of the presenter layout, which remote controls for slides also send: Page up and Page down open the page before and the
// page after. The space bar plays and pauses what the page plays; where the tab key has moved to a button, it presses that
// button. Keys in a text field keep their meaning. Listens before the controls, some of which keep keys from the document.

(() => {
  if (window.cvaeKnowsKeys) return; // already installed by another page of the lab
  window.cvaeKnowsKeys = true;
  const PAGES = { PageUp: "back", PageDown: "forward" };
  const SCROLLS = "textarea, [contenteditable], [aria-expanded=true]"; // Page up and Page down have a meaning there
  const TYPES = "input:not([type=range], [type=radio], [type=checkbox]), textarea, [contenteditable], [role=application]";
  let pointed = false; // whether the visitor has used the pointer since the last Tab
  const focused = () => {
    let place = document.activeElement;
    while (place?.shadowRoot?.activeElement) place = place.shadowRoot.activeElement;
    return place;
  };
  const plays = (place) => !place?.matches(TYPES) && (pointed || !place?.matches("button, a, summary, input, [role=button]"));
  const served = ({ key }) => {
    const page = document.querySelector(`.st-key-presenter-${PAGES[key]} a`);
    if (page && !focused()?.matches(SCROLLS)) page.click();
    else if (key === " " && plays(focused())) window.dispatchEvent(new CustomEvent("cvae-play"));
    else return false;
    return true;
  };
  let pressed = null; // the key that was served: its release is no click of a button
  const keyed = (event) => {
    const { type, key, ctrlKey, altKey, metaKey, shiftKey } = event;
    if (key === "Tab") pointed = false;
    if (type === "keydown") {
      const there = document.querySelector(".st-key-presenter-bar") && !(ctrlKey || altKey || metaKey || shiftKey);
      pressed = there && served(event) ? key : null;
    }
    if (key !== pressed) return;
    if (type === "keyup") pressed = null;
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("pointerdown", () => (pointed = true), { capture: true });
  document.addEventListener("keydown", keyed, { capture: true });
  document.addEventListener("keyup", keyed, { capture: true });
})();
