// A thumbnail of the image under the pointer. Python sends once a line of JSON, with a data set's name (`images`), the names of its
// classes and the label of each image, and then one PNG of its images.
//
// `layout.meta.images` of a map names its data set, and `customdata` of a point its image. Plotly reports which point is under
// the pointer, but not its position in three dimensions, so the thumbnail follows the pointer. The map still receives all
// events. If the legend hides a class, this script hides its glyph, which Plotly would still show.

const COLUMNS = 64, GAP = 16;

class Thumbnail {
  constructor(root) {
    this.root = root;
    this.pen = root.querySelector("canvas").getContext("2d");
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
    Object.assign(this, JSON.parse(new TextDecoder().decode(data.subarray(0, end))));
    this.packed = new Blob([data.subarray(end + 1)], { type: "image/png" });
  }

  // Unpack the images when the pointer first reaches a chart: while the page loads, the chart needs the processor.
  unpack() {
    if (!this.packed) return;
    createImageBitmap(this.packed).then(
      (sprite) => {
        this.sprite = sprite;
        this.side = this.pen.canvas.width = this.pen.canvas.height = sprite.width / COLUMNS;
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
    const known = this.sprite && chart.layout?.meta?.images === this.images && this.side * row < this.sprite.height;
    this.wanted = [chart, point];
    this.root.hidden = !known;
    if (!known) return;
    const { side } = this;
    this.pen.drawImage(this.sprite, side * (index % COLUMNS), side * row, side, side, 0, 0, side, side);
    this.root.querySelector("span").textContent = this.names[this.labels[index]];
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
