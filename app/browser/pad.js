// A pad to draw on, with the shape of a run's images. The completions of a model follow the pen.
//
// Python sends {shape, drawn, ink, given, visible, sets, brush, network, epsilons, uniform, names, label, attributes, each}. With `fixed`, a
// description of the image, only its visible part can be changed: its quadrants, or with `brush` its pixels. `each` has pairs of a
// label and its name, as which the image is completed too. Python receives `ink` (a byte per value, Base64) when the pen is lifted,
// and `visible` (flags of the quadrants or the pixels) when they change. Python's `ink` is used only if `given` has grown, which
// counts the drawings that Python has set itself, and its `visible` only once it equals the last one sent. Others are echoes, maybe
// old ones.

const RADIUS = 2, CORE = 1.7; // the pen: full ink near its centre, none two pixels away
const WIDTH = 18, WIDEST = 54; // the brush, in percent of an image's width
const PAUSE = 200; // milliseconds between masks sent to a server that completes the image itself
const inBase64 = (ink) => btoa(String.fromCharCode(...ink.map((value) => Math.round(255 * value))));

class Pad extends Component {
  constructor(root, setStateValue) {
    super(root, setStateValue);
    this.visible = [true, true, true, true];
    root.pad = this; // for tests and benchmarks
  }

  tick() {
    if (this.dirty) this.draw();
  }

  take(data) {
    const same = String(this.data?.shape) === String(data.shape) && this.data?.drawn === data.drawn;
    if (this.data?.brush !== data.brush) this.history = [];
    this.data = data;
    if (!same) this.build();
    if (data.given !== this.given) {
      if (data.fixed) this.history = [];
      else if (this.given !== undefined) this.remember();
      this.ink = decoded(data.ink);
      this.given = data.given;
    }
    if (this.told && String(this.told) === String(data.visible)) this.told = null;
    if (data.visible && !this.told && !this.last) this.visible = [...data.visible];
    this.uniform = data.uniform && decoded(data.uniform).map((each) => each + 0.5 / 255); // per answer and value; null: show means
    this.begin();
  }

  begin() {
    this.network = window.cvaeNetworks?.get(this.data.network) ?? null;
    const { names: first = [], each = [] } = this.data, names = this.network ? [...first, ...each.map(([, name]) => name)] : [];
    this.answers = names.map((name) => imageCanvas(`Completion: ${name}`, this.data));
    const figures = this.answers.map((canvas, i) => element("figure", {}, canvas, element("figcaption", {}, names[i])));
    this.root.querySelector(".answers").replaceChildren(...figures.slice(0, first.length));
    this.root.querySelector(".each").replaceChildren(...figures.slice(first.length));
    this.doors.hidden = !this.data.sets.length;
    this.root.classList.toggle("fixed", Boolean(this.data.fixed));
    this.root.classList.toggle("brush", this.data.brush);
    if (this.data.brush ? this.data.fixed && !this.masks : this.masks) this.choose(this.usual);
    const fixed = !this.data.fixed ? {} : { "aria-label": this.data.fixed, ...(this.data.brush ? {} : { tabindex: -1, role: "img" }) };
    for (const [name, value] of Object.entries(fixed)) this.canvas.setAttribute(name, value);
    this.dirty = true;
  }

  build() {
    const words = "Drawing pad: draw with the pointer, or move with the arrow keys and draw with the space bar";
    const { shape, shape: [, , side] } = this.data;
    this.ink = new Float32Array(shape.reduce((product, each) => product * each));
    Object.assign(this, { side, given: undefined, history: [], mode: "draw", cursor: null, sent: 0 });
    this.canvas = imageCanvas(words, this.data);
    for (const [name, value] of Object.entries({ tabindex: 0, role: "application" })) this.canvas.setAttribute(name, value);
    this.marker = element("div", { class: "marker", hidden: "" });
    this.toggles = quadrantButtons((quadrant) => this.open(quadrant));
    this.doors = element("div", { class: "doors" }, ...this.toggles);
    const tool = (name, words) => [name, button(words, () => this.choose(this.mode === name ? this.usual : name))];
    this.tools = new Map([tool("erase", "Erase"), tool("hide", "Hide"), tool("show", "Show")]);
    this.tools.forEach((each, name) => { each.dataset.tool = name; });
    this.wide = element("input", { type: "range", min: 1, max: WIDEST, value: WIDTH, "aria-label": "Width of the brush" });
    const undo = button("Undo", () => this.history.length && this.put(this.history.pop()));
    const clear = button("Clear", () => this.change(() => (this.masks ? this.visible.fill(true) : this.ink.fill(0))));
    const tools = element("div", { class: "buttons" }, ...this.tools.values(), undo, clear);
    const width = element("label", { class: "width" }, "Brush", this.wide);
    const sheet = element("div", { class: "sheet" }, this.canvas, this.marker, this.doors);
    this.root.replaceChildren(element("div", { class: "paper" }, sheet, tools, width), ...["answers", "answers each"].map((name) => element("div", { class: name })));
    this.choose("draw");
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * side, (event.clientY - box.top) / box.height * side];
    };
    this.canvas.onpointerdown = (event) => {
      if (event.button !== 0 || this.last) return; // ignore a second finger
      this.finger = event.pointerId;
      this.canvas.setPointerCapture(event.pointerId);
      this.marker.hidden = true;
      this.remember();
      this.stroke((this.last = place(event)));
    };
    this.canvas.onpointermove = (event) => {
      if (!this.last || event.pointerId !== this.finger) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.stroke(place(each));
      if (this.masks && !this.network && performance.now() - this.sent > PAUSE) this.tell();
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = (event) => {
      if (!this.last || event.pointerId !== this.finger) return;
      this.last = null;
      this.tell();
    };
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    this.canvas.onkeydown = (event) => {
      const at = (this.cursor ??= [side / 2, side / 2]);
      if (ways[event.key]) this.cursor = at.map((value, i) => Math.min(side - 1, Math.max(0, value + ways[event.key][i])));
      else if (event.key === " ") this.change(() => this.dab(at[0] + 0.5, at[1] + 0.5));
      else return;
      event.preventDefault();
      this.marker.hidden = false;
      const [left, top, size] = [...this.cursor, 1].map((pixels) => `${pixels / side * 100}%`);
      Object.assign(this.marker.style, { left, top, width: size, height: size });
    };
  }

  // Draw a line from the last position to a new one.
  stroke([x, y]) {
    const [fromX, fromY] = this.last, steps = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let i = 1; i <= steps; i++) this.dab(fromX + (x - fromX) * i / steps, fromY + (y - fromY) * i / steps);
    this.last = [x, y];
    this.dirty = true;
  }

  get masks() {
    return this.mode === "hide" || this.mode === "show";
  }

  get usual() {
    return this.data.fixed ? "hide" : "draw";
  }

  choose(mode) {
    this.mode = mode;
    this.tools.forEach((tool, name) => tool.setAttribute("aria-pressed", name === mode));
  }

  // Hide or show the pixels under the brush.
  cover(x, y) {
    const radius = Math.max(0.71, this.wide.valueAsNumber / 200 * this.side); // at least one pixel
    for (let i = 0; i < this.visible.length; i++) {
      const [row, column] = [Math.floor(i / this.side), i % this.side];
      if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) this.visible[i] = this.mode === "show";
    }
  }

  dab(x, y) {
    if (this.masks) return this.cover(x, y);
    for (let row = Math.floor(y) - RADIUS; row <= y + RADIUS; row++) {
      for (let column = Math.floor(x) - RADIUS; column <= x + RADIUS; column++) {
        if (row < 0 || row >= this.side || column < 0 || column >= this.side) continue;
        const near = Math.min(1, Math.max(0, CORE - Math.hypot(column + 0.5 - x, row + 0.5 - y)));
        const strength = Math.round(255 * near) / 255, at = row * this.side + column; // rounded to a byte, as in Python
        this.ink[at] = this.mode === "erase" ? Math.min(this.ink[at], 1 - strength) : Math.max(this.ink[at], strength);
      }
    }
  }

  remember() {
    this.history.push({ ink: this.ink.slice(), visible: [...this.visible] });
  }

  change(act) {
    this.remember();
    act();
    this.dirty = true;
    this.tell();
  }

  put({ ink, visible }) {
    const same = ink.every((value, i) => value === this.ink[i]);
    this.ink = ink;
    if (this.data.brush) this.visible = visible;
    this.dirty = true;
    if (!same) this.tell("ink");
    if (this.data.brush) this.tell("visible");
  }

  // Show or hide a quadrant. If no model completes the resulting set, use the nearest set that one completes.
  open(which) {
    const wish = this.visible.map((open, i) => (i === which ? !open : open));
    const distance = (set) => set.reduce((sum, open, i) => sum + (open !== wish[i]), 0);
    const possible = this.data.sets.filter((set) => set[which] === wish[which]);
    if (!possible.length) return;
    const changed = possible.reduce((best, set) => (distance(set) < distance(best) ? set : best));
    this.visible = this.told = changed;
    this.dirty = true;
    this.news("visible", changed);
  }

  draw() {
    this.dirty = false;
    const conditional = this.data.visible !== null, open = (i) => isVisible(this.visible, i, this.data.shape);
    const paper = (i) => (!conditional ? WHITE : open(i) ? GIVEN : DIMMED);
    paint(this.canvas, this.ink, 0, paper);
    this.toggles.forEach((toggle, i) => {
      toggle.setAttribute("aria-pressed", this.visible[i]);
      toggle.textContent = this.visible[i] ? "visible" : "hidden";
    });
    if (!this.network) return;
    const given = { image: this.ink, visible: this.visible.map(Number), label: this.data.label, attributes: this.data.attributes };
    const rows = this.network.complete(given, this.data.epsilons, this.uniform, this.data.each.map(([label]) => label));
    this.answers.forEach((canvas, i) => paint(canvas, rows, i * this.ink.length, (i) => (open(i) ? GIVEN : WHITE)));
    this.frames += 1;
  }

  // Send what the tool changes to Python: the mask or the ink.
  tell(what = this.masks ? "visible" : "ink") {
    this.sent = performance.now();
    if (what === "visible") this.told = [...this.visible];
    this.news(what, what === "visible" ? this.told : inBase64(this.ink));
  }
}

export default mounting(Pad, ".drawing");
