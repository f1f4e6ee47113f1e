// A thumbnail of the digit under the pointer. Python sends a data set's name, a line break and one PNG of its digits, once.
//
// `layout.meta.images` of a map names its data set, and `customdata` of a point its digit. Plotly reports which point is under
// the pointer, but not its position in three dimensions, so the thumbnail follows the pointer. The map still receives all
// events. If the legend hides a digit, this script hides its glyph, which Plotly would still show.

const SIDE = 28, COLUMNS = 64, GAP = 16;

class Thumbnail {
  constructor(root) {
    this.root = root;
    this.pen = root.querySelector("canvas").getContext("2d");
    this.pen.canvas.width = this.pen.canvas.height = SIDE;
    this.heard = new WeakMap(); // by chart, its `on` method, which Plotly replaces when it recreates the chart
    this.moved = (event) => this.follow(event);
    this.pressed = ({ target }) => {
      this.hide();
      this.hear(target.closest?.(".js-plotly-plot")); // with touch, no pointermove comes first
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

  // Unpack the digits when the pointer first reaches a chart: while the page loads, the chart needs the processor.
  unpack() {
    if (!this.packed) return;
    createImageBitmap(this.packed).then(
      (sprite) => {
        this.sprite = sprite;
        if (this.wanted) this.show(...this.wanted);
      },
      () => {}, // no thumbnails if the picture cannot be decoded
    );
    this.packed = null;
  }

  // Follow the pointer, and listen to the events of the chart under it.
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

  // Place the thumbnail below the pointer on its right, or on the side that has room.
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
