// Marks on flat maps of latent spaces: the chosen test image, its nearest neighbours, the end of a walk and its path, and the
// selected points. They lie on canvases over the chart, so that a click redraws no chart and keeps its zoom and hidden classes.
//
// `layout.meta.map` names a map. Python sends indices of test images; `customdata` of the chart's points gives their places.

const RED = "#d00000", RING = 10, NEAR = 6, DASHES = [[], [6, 5]];

class Marks extends Component {
  constructor(root, setStateValue) {
    super(root, setStateValue);
    this.heard = new WeakMap(); // by chart, its `on` method, which Plotly replaces when it recreates the chart
    this.watch = new MutationObserver(() => (this.dirty = true)); // charts come and go
    this.watch.observe(document.body, { childList: true, subtree: true });
  }

  begin() {} // no network is needed

  take(data) {
    this.marks = data;
    this.dirty = true;
  }

  stop() {
    super.stop();
    this.watch.disconnect();
    for (const canvas of document.querySelectorAll("canvas.map-marks")) canvas.remove();
  }

  tick() {
    this.dirty = false;
    for (const chart of document.querySelectorAll(".js-plotly-plot")) if (chart._fullLayout?.meta?.map) this.draw(chart);
  }

  draw(chart) {
    if (this.heard.get(chart) !== chart.on) {
      this.heard.set(chart, chart.on);
      for (const event of ["plotly_afterplot", "plotly_relayouting"]) chart.on(event, () => (this.dirty = true));
    }
    const { start, end, selected, maps } = this.marks, own = maps[chart._fullLayout.meta.map];
    const indices = own ? { start: [start], end: [end].filter((index) => index !== null), near: own.near, selected } : {};
    const places = find(chart, new Set(Object.values(indices).flat()));
    const known = (name) => (indices[name] ?? []).filter((index) => places.has(index));
    const below = layer(chart, "below"), above = layer(chart, "above");
    for (const name in indices) above.canvas.dataset[name] = known(name);
    below.canvas.dataset.paths = own?.paths.length ?? 0;
    const { xaxis, yaxis } = chart._fullLayout;
    const at = (x, y) => [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(y)];
    const styles = getComputedStyle(this.root), paper = styles.getPropertyValue("--st-background-color") || "white";
    const ink = styles.getPropertyValue("--st-text-color") || "black";
    const outlined = (pen, width, colour) => {
      for (const [extra, style] of [[2, colour === RED ? "white" : paper], [0, colour]]) {
        Object.assign(pen, { lineWidth: width + extra, strokeStyle: style });
        pen.stroke();
      }
    };
    if (known("selected").length) {
      Object.assign(below, { fillStyle: paper, globalAlpha: 0.6 });
      below.fillRect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
      below.globalAlpha = 1;
    }
    for (const index of known("selected")) {
      const { x, y, colour } = places.get(index);
      below.beginPath();
      below.arc(...at(x, y), 4, 0, 2 * Math.PI);
      below.fillStyle = colour;
      below.fill();
    }
    for (const [number, path] of (own?.paths ?? []).entries()) {
      above.beginPath();
      for (const place of path) above.lineTo(...at(...place));
      above.setLineDash(DASHES[number]);
      outlined(above, 2, ink);
      above.setLineDash([]);
      for (const place of path) {
        above.beginPath();
        above.arc(...at(...place), 2.5, 0, 2 * Math.PI);
        outlined(above, 2, ink);
      }
    }
    for (const [name, radius, width, colour] of [["near", NEAR, 1.5, ink], ["start", RING, 3, RED]])
      for (const index of known(name)) {
        above.beginPath();
        above.arc(...at(places.get(index).x, places.get(index).y), radius, 0, 2 * Math.PI);
        outlined(above, width, colour);
      }
    for (const index of known("end")) {
      const [x, y] = at(places.get(index).x, places.get(index).y);
      above.beginPath();
      above.rect(x - RING, y - RING, 2 * RING, 2 * RING);
      outlined(above, 3, RED);
    }
  }
}

// Return the places and colours of the visible points with certain indices, by index.
function find(chart, wanted) {
  const places = new Map();
  for (const { customdata, visible, x, y, marker } of chart._fullData)
    for (let i = 0; visible === true && i < (customdata?.length ?? 0); i++)
      if (wanted.has(customdata[i])) places.set(customdata[i], { x: x[i], y: y[i], colour: marker.color });
  return places;
}

// Return the pen of an empty canvas over a chart's points, below or above its glyphs, clipped to the plot.
function layer(chart, name) {
  let canvas = chart.querySelector(`canvas.map-marks.${name}`);
  if (!canvas) {
    canvas = Object.assign(document.createElement("canvas"), { className: `map-marks ${name}`, ariaHidden: "true" });
    if (name === "below") chart.querySelector(".gl-container").after(canvas);
    else chart.querySelector(".svg-container").append(canvas);
  }
  const { width, height, xaxis, yaxis } = chart._fullLayout, scale = window.devicePixelRatio;
  canvas.style.cssText = `position: absolute; inset: 0; width: ${width}px; height: ${height}px; pointer-events: none`;
  Object.assign(canvas, { width: width * scale, height: height * scale }); // this also empties it
  for (const key of Object.keys(canvas.dataset)) delete canvas.dataset[key];
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.beginPath();
  pen.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
  pen.clip();
  return pen;
}

export default mounting(Marks, ".marks");
