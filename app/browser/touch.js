// A finger drawn over a flat chart scrolls the page, as it does anywhere else: Plotly would take it, to zoom or to pan. So it
// does while a tool of the chart is in hand: the one that was tapped last, until it is tapped again. A tap is a click all the
// same, which the browser makes of it.

(() => {
  if (window.cvaeKnowsFingers) return; // another page of the lab has begun to listen
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
