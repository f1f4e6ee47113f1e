// The digit under the pointer, beside it. Python sends a data set's name, a line break and one PNG of its digits, once.
//
// A map names its data set in `layout.meta.images`, a point its digit in `customdata`. Plotly tells which point is under the
// pointer, and in three dimensions not where that is: so the pointer is followed. No event is taken from the map. A digit that
// the legend hides takes its glyph along, which Plotly would leave.

const SIDE = 28, COLUMNS = 64, GAP = 16;

class Thumbnail {
  constructor(root) {
    this.root = root;
    this.pen = root.querySelector("canvas").getContext("2d");
    this.heard = new WeakMap(); // a chart's `on`: another one as soon as Plotly has drawn the chart anew
    this.moved = (event) => this.follow(event);
    this.pressed = ({ target }) => {
      this.hide();
      this.hear(target.closest?.(".js-plotly-plot")); // a finger has not moved over it before
    };
    document.addEventListener("pointermove", this.moved, { capture: true, passive: true });
    document.addEventListener("pointerdown", this.pressed, { capture: true, passive: true });
  }

  stop() {
    document.removeEventListener("pointermove", this.moved, { capture: true });
    document.removeEventListener("pointerdown", this.pressed, { capture: true });
    this.sprite = this.packed = null;
    this.hide();
  }

  take(data) {
    const end = data.indexOf(10);
    this.images = new TextDecoder().decode(data.subarray(0, end));
    this.packed = new Blob([data.subarray(end + 1)], { type: "image/png" });
  }

  // Unpack the digits once a pointer comes to a chart: while the page opens, the chart needs the processor.
  unpack() {
    if (!this.packed) return;
    createImageBitmap(this.packed).then(
      (sprite) => {
        this.sprite = sprite;
        if (this.wanted) this.show(...this.wanted);
      },
      () => {}, // then there are no thumbnails
    );
    this.packed = null;
  }

  // Stay beside the pointer, and hear what the chart under it has to tell.
  follow({ target, clientX, clientY }) {
    const chart = target.closest?.(".js-plotly-plot");
    if (!chart) return this.hide();
    this.hear(chart);
    this.pointer = [clientX, clientY];
    if (!this.root.hidden) this.place();
  }

  hear(chart) {
    if (!chart?.on) return;
    this.unpack();
    if (this.heard.get(chart) === chart.on) return;
    this.heard.set(chart, chart.on);
    chart.on("plotly_hover", ({ points }) => this.show(chart, points[0]));
    chart.on("plotly_unhover", () => this.hide());
    for (const drawn of ["plotly_afterplot", "plotly_relayouting"]) chart.on(drawn, () => hideGlyphs(chart));
    hideGlyphs(chart);
  }

  show(chart, point) {
    const index = point?.customdata, row = Math.floor(index / COLUMNS);
    const known = this.sprite && chart.layout?.meta?.images === this.images && SIDE * row < this.sprite.height;
    this.wanted = [chart, point];
    this.root.hidden = !known;
    if (!known) return;
    this.pen.drawImage(this.sprite, SIDE * (index % COLUMNS), SIDE * row, SIDE, SIDE, 0, 0, SIDE, SIDE);
    this.root.querySelector("span").textContent = `a ${point.data.name}`;
    this.root.dataset.index = index;
    this.place();
  }

  // Stand below the pointer to its right, or where there is room.
  place() {
    const { offsetWidth, offsetHeight, style } = this.root, [x, y] = this.pointer;
    style.left = `${x + GAP + offsetWidth < window.innerWidth ? x + GAP : x - GAP - offsetWidth}px`;
    style.top = `${y + GAP + offsetHeight < window.innerHeight ? y + GAP : y - GAP - offsetHeight}px`;
  }

  hide() {
    this.wanted = null;
    this.root.hidden = true;
  }
}

function hideGlyphs(chart) {
  const hidden = chart._fullData.filter((trace) => trace.visible === "legendonly").map((trace) => trace.name);
  for (const glyph of chart.querySelectorAll(".annotation"))
    glyph.style.display = hidden.includes(glyph.textContent.trim()) ? "none" : "";
}

export default mounting(Thumbnail, ".thumbnail");
