// Sliders for z. The browser decodes the pictures without the server, so that they change while a slider is dragged.
//
// Python sends {network, label, labels, plane, epsilon, given, units, first, range, step, attributes, at}, with labels as numbers. It receives
// `ready` once, and `epsilon` or `asked`, places on the controls of attributes, whenever the visitor releases a slider. Python's `epsilon` is used only if the network has changed, or if `given`
// has grown, which counts the values that Python has set itself. Any other value is an echo of this script's, maybe an old one.

const PLAY_SECONDS = 1.6, TILES = 15, FRAME_MILLISECONDS = 9;
const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const twoDecimals = (value) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

class Panel extends Component {
  constructor(root, setStateValue) {
    super(root, setStateValue);
    Object.assign(this, { stale: 0, turn: 0, playing: null });
    this.chosen = root.querySelector(".chosen");
    this.hand = root.querySelector(".hand");
    this.row = root.querySelector(".row");
    root.panel = this; // for tests and benchmarks
  }

  limited = (value) => Math.min(this.data.range, Math.max(-this.data.range, value));
  rounded = (value) => Math.round(this.limited(value) / this.data.step) * this.data.step;

  tick(now) {
    if (this.playing) this.walk(now);
    if (this.dirty || this.stale) this.draw();
    if (this.playing || (this.network && this.stale)) this.wake();
  }

  take(data) {
    const before = this.data, same = before && ["network", "label", "plane", "labels"].every((name) => String(before[name]) === String(data[name]));
    this.data = data;
    if (!before || data.given !== before.given || data.network !== before.network) {
      this.epsilon = Float32Array.from(data.epsilon);
      this.at = [...data.at];
      this.halt();
    }
    if (!same) this.network = null;
    this.begin();
  }

  // Build the controls for the network as soon as it has arrived.
  begin() {
    const network = window.cvaeNetworks?.get(this.data.network);
    if (!network) return;
    if (this.network !== network) {
      this.network = network;
      this.build();
      if (this.reported !== network.name) this.setStateValue("ready", (this.reported = network.name));
    }
    this.place();
  }

  build() {
    const { label, labels, plane, units } = this.data, { names } = this.network;
    const shown = labels.length ? names[label] : "The image";
    this.large = label === null ? null : imageCanvas(`${shown}, decoded from the sliders`, this.network);
    this.chosen.replaceChildren(...(this.large ? [this.large] : []));
    this.small = labels.map((each) => imageCanvas(`The same z decoded with the label ${names[each]}`, this.network));
    this.row.replaceChildren(
      ...this.small.map((canvas, i) => element("figure", {}, canvas, element("figcaption", { title: names[labels[i]] }, names[labels[i]]))),
    );
    this.sliders = new Map();
    Object.assign(this, { shows: [], paintPlane: null });
    const first = units.slice(0, this.data.first), rest = units.slice(this.data.first);
    const open = Boolean(this.hand.querySelector("details")?.open);
    const pad = this.network.latent === 2 ? [this.pad(plane)] : [];
    const controls = this.data.attributes.map((attribute, i) => this.attribute(attribute, i));
    this.hand.replaceChildren(...controls, this.buttons(), ...pad, ...first.map((unit) => this.slider(unit)));
    if (rest.length) {
      const summary = element("summary", {}, `${rest.length} more dimensions with lower rates`);
      this.hand.append(element("details", open ? { open } : {}, summary, ...rest.map((unit) => this.slider(unit))));
    }
  }

  buttons() {
    this.player = button(this.playing ? "Pause" : "Play", () => this.toggle());
    const reset = button("Reset", () => this.jump(() => 0));
    return element("div", { class: "buttons" }, reset, button("Random z", () => this.jump(() => this.rounded(gaussian()))), this.player);
  }

  // A slider or a list of what can be asked of an attribute. Its first place is "not given".
  attribute({ name, list, texts }, i) {
    const id = `a${i}`, value = element("output", { for: id });
    const input = list
      ? element("select", { id }, ...texts.map((text, at) => element("option", { value: at }, text)))
      : element("input", { type: "range", id, min: 0, max: texts.length - 1, step: 1 });
    const show = () => {
      input.value = this.at[i];
      if (!list) input.setAttribute("aria-valuetext", (value.textContent = texts[this.at[i]]));
    };
    input.oninput = () => {
      this.at[i] = Number(input.value);
      show();
      this.dirty = true;
    };
    input.onchange = () => {
      this.paintPlane?.();
      this.news("asked", [...this.at]);
    };
    this.shows[i] = show;
    return element("div", { class: "slider" }, element("label", { for: id }, name), value, input);
  }

  // The attributes that are given, as inputs of the network.
  get asked() {
    return this.data.attributes.map(({ inputs }, i) => inputs[this.at[i]]);
  }

  slider({ dimension, words }) {
    const id = `z${dimension}`, { range, step } = this.data;
    const input = element("input", { type: "range", id, min: -range, max: range, step });
    const value = element("output", { for: id });
    input.oninput = () => {
      this.halt();
      this.epsilon[dimension] = input.valueAsNumber;
      value.textContent = twoDecimals(input.valueAsNumber);
      this.dirty = true;
    };
    input.onchange = () => this.tell();
    this.sliders.set(dimension, { input, value });
    return element("div", { class: "slider" }, element("label", { for: id }, words), value, input);
  }

  // The plane of z with a movable handle, for a model with two latent dimensions.
  pad(label) {
    const { range, step } = this.data, { shape: [, height, width], size } = this.network;
    const plane = element("canvas", { width: width * TILES, height: height * TILES, "aria-hidden": "true" });
    const steps = Array.from({ length: TILES }, (_, i) => ((i + 0.5) / TILES * 2 - 1) * range);
    const points = steps.toReversed().flatMap((up) => steps.map((right) => [right, up]));
    const tile = imageCanvas("", this.network);
    this.paintPlane = () => {
      const pixels = this.network.decodeAll(points, label, this.asked);
      points.forEach((_, i) => {
        paint(tile, pixels, i * size);
        plane.getContext("2d").drawImage(tile, width * (i % TILES), height * Math.floor(i / TILES));
      });
    };
    this.paintPlane();
    this.handle = element("div", { class: "handle", role: "slider", tabindex: 0, "aria-label": "Point in the plane of z",
      "aria-valuemin": -range, "aria-valuemax": range });
    const pad = element("div", { class: "pad" }, plane, this.handle);
    const follow = (event) => {
      const box = pad.getBoundingClientRect();
      this.halt();
      this.epsilon[0] = this.rounded(((event.clientX - box.left) / box.width * 2 - 1) * range);
      this.epsilon[1] = this.rounded((1 - (event.clientY - box.top) / box.height * 2) * range);
      this.place();
    };
    pad.onpointerdown = (event) => {
      if (event.button !== 0) return;
      pad.setPointerCapture(event.pointerId);
      follow(event);
    };
    pad.onpointermove = (event) => event.buttons & 1 && follow(event);
    pad.onpointerup = pad.onpointercancel = (event) => event.button <= 0 && this.tell();
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };
    this.handle.onkeydown = (event) => {
      const [dimension, way] = ways[event.key] ?? [];
      if (dimension === undefined) return;
      event.preventDefault();
      this.halt();
      this.epsilon[dimension] = this.rounded(this.epsilon[dimension] + 2 * step * way);
      this.place();
    };
    this.handle.onkeyup = (event) => ways[event.key] && this.tell();
    return pad;
  }

  // Move the sliders and the handle to the current z.
  place() {
    this.shows.forEach((show) => show());
    this.sliders.forEach(({ input, value }, dimension) => {
      input.value = this.epsilon[dimension];
      value.textContent = twoDecimals(this.epsilon[dimension]);
    });
    if (this.handle && this.network.latent === 2) {
      this.handle.style.left = `${(this.epsilon[0] / this.data.range + 1) * 50}%`;
      this.handle.style.top = `${(1 - this.epsilon[1] / this.data.range) * 50}%`;
      this.handle.setAttribute("aria-valuetext", `${twoDecimals(this.epsilon[0])}, ${twoDecimals(this.epsilon[1])}`);
      this.handle.setAttribute("aria-valuenow", this.epsilon[0].toFixed(2));
    }
    this.dirty = true;
  }

  // Decode the chosen label in every frame, and in turn as many of the other labels as a frame has time for.
  draw() {
    if (!this.network) return;
    const { label, labels } = this.data, began = performance.now();
    if (this.dirty) this.stale = labels.length;
    this.dirty = false;
    if (this.large) paint(this.large, this.network.decode(this.epsilon, [label], this.asked));
    while (this.stale > 0) {
      paint(this.small[this.turn], this.network.decode(this.epsilon, [labels[this.turn]], this.asked));
      this.turn = (this.turn + 1) % labels.length;
      this.stale -= 1;
      if (performance.now() - began > FRAME_MILLISECONDS) break;
    }
    this.frames += 1;
  }

  jump(value) {
    this.halt();
    this.epsilon = this.epsilon.map(value);
    this.place();
    this.tell();
  }

  toggle() {
    if (this.playing) this.halt(true);
    else this.play();
  }

  // Move z from one random point to the next by spherical interpolation: draws from the prior lie near a sphere.
  play() {
    this.player.textContent = "Pause";
    this.playing = { from: this.epsilon.slice(), to: this.epsilon.map(gaussian), since: performance.now() };
    this.wake();
  }

  walk(now) {
    const { from, to, since } = this.playing, share = Math.max(0, (now - since) / 1000 / PLAY_SECONDS);
    if (share >= 1) {
      this.epsilon = to.map(this.limited);
      this.playing = { from: this.epsilon.slice(), to: to.map(gaussian), since: now };
    } else {
      const length = (z) => Math.hypot(...z), dot = from.reduce((sum, value, i) => sum + value * to[i], 0);
      const angle = Math.acos(Math.min(1, Math.max(-1, dot / (length(from) * length(to) || 1))));
      const [a, b] = angle < 1e-3 || !length(from)
        ? [1 - share, share]
        : [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
      this.epsilon = from.map((value, i) => this.limited(a * value + b * to[i]));
    }
    this.place();
  }

  halt(tell = false) {
    if (!this.playing) return;
    this.playing = null;
    this.player.textContent = "Play";
    if (tell) {
      this.epsilon = this.epsilon.map(this.rounded);
      this.place();
      this.tell();
    }
  }

  tell() {
    const epsilon = [...this.epsilon].map((value) => Number(this.rounded(value).toFixed(2)));
    this.news("epsilon", epsilon);
  }
}

export default mounting(Panel, ".lab");
