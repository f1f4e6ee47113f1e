// A pad of 28×28 pixels to draw a digit on. The completions of a quadrant model follow the pen.
//
// Python sends {ink, given, visible, sets, network, epsilons, thresholds, names}. With `fixed`, a description of the image, only
// the quadrants of the image can be shown or hidden. Python receives `ink` (784 bytes, Base64) when the pen is lifted, and
// `visible` (four flags) when a quadrant is shown or hidden. Python's `ink` is used only if `given` has grown, which counts the
// drawings that Python has set itself, and its `visible` only once it equals the last one sent. Others are echoes, maybe old ones.

const SHEET = [1, 28, 28], PIXELS = 784; // the shape of a drawing
const RADIUS = 2, CORE = 1.7; // the brush: full ink near its centre, none two pixels away
const encoded = (ink) => btoa(String.fromCharCode(...ink.map((value) => Math.round(255 * value))));

class Pad extends Component {
  constructor(root, setStateValue) {
    super(root, setStateValue);
    Object.assign(this, { history: [], erases: false, cursor: null });
    this.ink = new Float32Array(PIXELS);
    this.visible = [true, true, true, true];
    root.pad = this; // for tests and benchmarks
    this.build();
  }

  tick() {
    if (this.dirty) this.draw();
  }

  take(data) {
    this.data = data;
    if (data.given !== this.given) {
      if (this.given !== undefined) this.history.push(this.ink.slice());
      this.ink = decoded(data.ink);
      this.given = data.given;
    }
    if (this.told && String(this.told) === String(data.visible)) this.told = null;
    if (data.visible && !this.told) this.visible = [...data.visible];
    this.thresholds = data.thresholds && decoded(data.thresholds); // above which a mean becomes ink, per pixel and answer; null: show means
    this.begin();
  }

  begin() {
    this.network = window.cvaeNetworks?.get(this.data.network) ?? null;
    const names = this.network ? this.data.names : [];
    this.answers = names.map((name) => imageCanvas(`Completion: ${name}`, SHEET));
    this.root.querySelector(".answers").replaceChildren(
      ...this.answers.map((canvas, i) => element("figure", {}, canvas, element("figcaption", {}, names[i]))),
    );
    this.doors.hidden = !this.data.sets.length;
    this.root.classList.toggle("fixed", Boolean(this.data.fixed));
    const fixed = this.data.fixed ? { tabindex: -1, role: "img", "aria-label": this.data.fixed } : {};
    for (const [name, value] of Object.entries(fixed)) this.canvas.setAttribute(name, value);
    this.dirty = true;
  }

  build() {
    this.canvas = imageCanvas("Drawing pad: draw a digit with the pointer, or move with the arrow keys and draw with the space bar", SHEET);
    for (const [name, value] of Object.entries({ tabindex: 0, role: "application" })) this.canvas.setAttribute(name, value);
    this.marker = element("div", { class: "marker", hidden: "" });
    this.toggles = quadrantButtons((quadrant) => this.open(quadrant));
    this.doors = element("div", { class: "doors" }, ...this.toggles);
    this.pen = button("Erase", () => {
      this.erases = !this.erases;
      this.pen.setAttribute("aria-pressed", this.erases);
    });
    this.pen.setAttribute("aria-pressed", false);
    const undo = button("Undo", () => this.history.length && this.put(this.history.pop()));
    const clear = button("Clear", () => this.change(() => this.ink.fill(0)));
    const tools = element("div", { class: "buttons" }, this.pen, undo, clear);
    const sheet = element("div", { class: "sheet" }, this.canvas, this.marker, this.doors);
    this.root.replaceChildren(element("div", { class: "paper" }, sheet, tools), element("div", { class: "answers" }));
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * 28, (event.clientY - box.top) / box.height * 28];
    };
    this.canvas.onpointerdown = (event) => {
      if (event.button !== 0 || this.last) return; // ignore a second finger
      this.finger = event.pointerId;
      this.canvas.setPointerCapture(event.pointerId);
      this.marker.hidden = true;
      this.history.push(this.ink.slice());
      this.stroke((this.last = place(event)));
    };
    this.canvas.onpointermove = (event) => {
      if (!this.last || event.pointerId !== this.finger) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.stroke(place(each));
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = (event) => {
      if (!this.last || event.pointerId !== this.finger) return;
      this.last = null;
      this.tell();
    };
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    this.canvas.onkeydown = (event) => {
      const at = (this.cursor ??= [14, 14]);
      if (ways[event.key]) this.cursor = at.map((value, i) => Math.min(27, Math.max(0, value + ways[event.key][i])));
      else if (event.key === " ") this.change(() => this.dab(at[0] + 0.5, at[1] + 0.5));
      else return;
      event.preventDefault();
      this.marker.hidden = false;
      this.marker.style.left = `${this.cursor[0] / 28 * 100}%`;
      this.marker.style.top = `${this.cursor[1] / 28 * 100}%`;
    };
  }

  // Draw a line from the last position to a new one.
  stroke([x, y]) {
    const [fromX, fromY] = this.last, steps = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let i = 1; i <= steps; i++) this.dab(fromX + (x - fromX) * i / steps, fromY + (y - fromY) * i / steps);
    this.last = [x, y];
    this.dirty = true;
  }

  dab(x, y) {
    for (let row = Math.floor(y) - RADIUS; row <= y + RADIUS; row++) {
      for (let column = Math.floor(x) - RADIUS; column <= x + RADIUS; column++) {
        if (row < 0 || row > 27 || column < 0 || column > 27) continue;
        const near = Math.min(1, Math.max(0, CORE - Math.hypot(column + 0.5 - x, row + 0.5 - y)));
        const strength = Math.round(255 * near) / 255, at = row * 28 + column; // rounded to a byte, as in Python
        this.ink[at] = this.erases ? Math.min(this.ink[at], 1 - strength) : Math.max(this.ink[at], strength);
      }
    }
  }

  change(act) {
    this.history.push(this.ink.slice());
    act();
    this.dirty = true;
    this.tell();
  }

  put(ink) {
    this.ink = ink;
    this.dirty = true;
    this.tell();
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
    const conditional = this.data.visible !== null;
    paint(this.canvas, this.ink, 0, (i) => (!conditional ? WHITE : this.visible[quadrant(i, SHEET)] ? GIVEN : HIDDEN));
    this.toggles.forEach((toggle, i) => {
      toggle.setAttribute("aria-pressed", this.visible[i]);
      toggle.textContent = this.visible[i] ? "visible" : "hidden";
    });
    if (!this.network) return;
    const rows = this.network.complete(this.ink, this.visible.map(Number), this.data.epsilons);
    const paper = (i) => (this.visible[quadrant(i, SHEET)] ? GIVEN : WHITE);
    if (this.thresholds) this.thresholds.forEach((value, i) => {
      if (!this.visible[quadrant(i % PIXELS, SHEET)]) rows[i] = Number(Math.round(255 * rows[i]) > 255 * value); // in bytes, as on the server
    });
    this.answers.forEach((canvas, i) => paint(canvas, rows, i * PIXELS, paper));
    this.frames += 1;
  }

  tell() {
    this.news("ink", encoded(this.ink));
  }
}

export default mounting(Pad, ".drawing");
