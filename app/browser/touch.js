// A finger that moves over a two-dimensional chart scrolls the page; by default Plotly would zoom or pan. A tap on a tool of
// the chart selects it, and another tap deselects it: only while a tool is selected does Plotly receive touches. Taps on the
// chart still work, because the browser turns them into clicks.

(() => {
  if (window.cvaeKnowsFingers) return; // already installed by another page of the lab
  window.cvaeKnowsFingers = true;
  const chart = (place) => place.closest(".js-plotly-plot").dataset;
  const chosen = ({ target }) => {
    const tool = target.closest?.('.modebar-btn[data-attr="dragmode"]')?.dataset.val;
    if (!tool) return;
    if (chart(target).inHand === tool) delete chart(target).inHand;
    else chart(target).inHand = tool;
  };
  const touched = (event) => {
    if (event.target.closest?.(".draglayer") && !chart(event.target).inHand) event.stopPropagation();
  };
  document.addEventListener("click", chosen, { capture: true, passive: true });
  document.addEventListener("touchstart", touched, { capture: true, passive: true });
})();
