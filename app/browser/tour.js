/* Show what a step of the tour is about: scroll to the element with a selector, or to the top of the page if that is empty, once
the page is there, and keep it in place while charts grow above it, until the visitor does something. */
(selector, step) => {
  if (window.cvaeStep === step) return; // shown before
  window.cvaeStep = step;
  const HEADER = 64, EVERY = 100, PATIENCE = 300, STEADY = 15; // pixels; milliseconds; tries until the page is there; and after that
  const ACTIONS = ["wheel", "touchstart", "pointerdown", "keydown"];
  const app = document.querySelector('[data-testid="stApp"]'), main = document.querySelector('[data-testid="stMain"]');
  let left = PATIENCE, there = false;
  const end = () => {
    left = 0;
    for (const action of ACTIONS) window.removeEventListener(action, end, true);
  };
  const look = () => {
    if (left-- <= 0 || window.cvaeStep !== step) return end();
    const found = selector ? document.querySelector(selector) : main.firstElementChild;
    if (found && app.dataset.testScriptState === "notRunning") {
      if (!there) left = STEADY;
      there = true;
      main.scrollTop = selector ? main.scrollTop + found.getBoundingClientRect().top - HEADER : 0;
    }
    setTimeout(look, EVERY);
  };
  setTimeout(() => {
    for (const action of ACTIONS) window.addEventListener(action, end, true);
    look();
  }, EVERY); // not the click that opened the step
}
