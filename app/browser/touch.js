// A finger drawn over a flat chart scrolls the page, as it does anywhere else: Plotly would take it, to zoom or to pan. So it
// does once a tool of the chart has been chosen. A tap is a click all the same, which the browser makes of it.

(() => {
  if (window.cvaeToolsInHand) return; // another page of the lab has begun to listen
  const inHand = (window.cvaeToolsInHand = new WeakSet()), chart = (place) => place.closest(".js-plotly-plot");
  const chosen = ({ target }) => {
    const tool = target.closest?.('.modebar-btn[data-attr="dragmode"]');
    if (tool) inHand.add(chart(tool));
  };
  const touched = (event) => {
    const flat = event.target.closest?.(".draglayer");
    if (flat && !inHand.has(chart(flat))) event.stopPropagation();
  };
  document.addEventListener("click", chosen, { capture: true, passive: true });
  document.addEventListener("touchstart", touched, { capture: true, passive: true });
})();
