// What flows through a model for one test image. The browser runs the networks, so that the figure follows ε and the quadrants
// without the server. A ladder's values come from Python (`computed`).
//
// Python sends {run, subject, network, model, shape, drawn, x, label, attributes, words, visible, sets, noise, units, first, range, step, lines, state, opened,
// computed}. It receives `state` {draw, moved, visible, mode} whenever the visitor changes it. Python's `state` is used once it
// equals the last one sent, or if the run or the image is another. Others are echoes, maybe old ones.

const DIGITS = 2; // decimals
const UNUSED = { training: [], prediction: ["x", "recognition", "rate", "bound"] };
const signed = (value) => value.toFixed(DIGITS).replace(/^-(?=.*[1-9])/, "−").replace("-", "");

// Round numbers and their sum so that the rounded numbers add up to the rounded sum: cvae_core.system.rounding.rounded_sum.
function roundedSum(parts, digits = 1) {
  const unit = 10 ** -digits, lower = parts.map((part) => Math.floor(part / unit));
  const total = Math.round(parts.reduce((sum, part) => sum + part, 0) / unit);
  const places = parts.map((_, i) => i).sort((a, b) => lower[a] - parts[a] / unit - (lower[b] - parts[b] / unit));
  const raised = new Set(places.slice(0, total - lower.reduce((sum, low) => sum + low, 0)));
  return [lower.map((low, i) => (low + raised.has(i)) * unit), total * unit];
}

function drawn(kind, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Figure extends Component {
  constructor(root, setStateValue) {
    super(root, setStateValue);
    root.figure = this; // for tests
    this.watch = new ResizeObserver(() => this.arrows());
    this.watch.observe(root);
  }

  stop() {
    super.stop();
    this.watch.disconnect();
  }

  tick() {
    if (this.dirty) this.draw();
  }

  take(data) {
    const before = this.data;
    this.data = data;
    this.x = decoded(data.x);
    if (this.told === JSON.stringify(data.state)) this.told = null;
    if (!this.told || before.subject !== data.subject || before.opened !== data.opened) {
      this.state = structuredClone(data.state);
      this.told = null;
    }
    if (before?.run !== data.run) this.build();
    this.begin();
  }

  begin() {
    this.network = window.cvaeNetworks?.get(this.data.network) ?? null;
    this.dirty = true;
  }

  get visible() {
    return this.state.visible ?? this.data.visible;
  }

  // The visible quadrants, or null if the condition has no pixels or a mask of pixels.
  get quadrants() {
    return this.visible?.length === QUADRANTS.length ? this.visible : null;
  }

  get epsilon() {
    return this.data.noise[this.state.draw].map((value, i) => this.state.moved[i] ?? value);
  }

  // Without a trained recognition network (GSNN), z always comes from the prior.
  get mode() {
    return this.data.model.gsnn ? "prediction" : this.state.mode;
  }

  change(changes, tell = true) {
    Object.assign(this.state, changes);
    this.dirty = true;
    if (!tell) return;
    this.told = JSON.stringify(this.state);
    this.news("state", this.state);
  }

  build() {
    const { model, sets } = this.data, pixels = model.given.includes("pixels"), beside = model.given.filter((part) => part !== "pixels");
    this.thumbs = {};
    this.boxes = {};
    const thumb = (name, words) => (this.thumbs[name] = imageCanvas(words, this.data));
    const sees = (...parts) => element("div", { class: "sees" }, "sees", ...parts);
    const chip = (words, kind = "chip") => element("span", { class: kind }, words);
    this.chips = []; // of the label and the attributes, whose words change with the image
    const chips = () => beside.map((part) => (this.chips.push([part, chip("", "chip name")]), this.chips.at(-1)[1]));
    const ofC = (name, words) => [...(pixels ? [thumb(name, words)] : []), ...chips()];
    this.doors = quadrantButtons((which) => this.open(which));
    this.crosses = QUADRANTS.map(() => element("i", {}));
    const x = element("div", { class: "sheet" }, thumb("x", "The test image x"), element("div", { class: "crosses" }, ...this.crosses));
    const doors = element("div", { class: "doors" }, ...(sets.length ? this.doors : []));
    const given = [...(pixels ? [element("div", { class: "sheet" }, thumb("c", "The visible part c of the image"), doors)] : []), ...chips()];
    const heading = pixels ? `visible ${model.regions === "pixels" ? "pixels; quadrants" : "quadrants"}${sets.length ? ": click" : ""}` : "condition";
    this.box("x", "x", "image", x);
    this.box("c", "c", heading, ...(given.length ? given : [chip("nothing")]));
    this.box("recognition", "Recognition network", "q(z | x, c)", sees(thumb("recognition", "x, as the recognition network sees it"),
      ...chips(), ...(pixels ? [chip(`which ${model.regions} are visible`)] : [])));
    if (pixels) this.box("baseline", "Baseline", "guesses the hidden part", sees(thumb("baseline", "c, as the baseline sees it")));
    const [named, formula] = model.prior === "network" ? ["Prior network", "p(z | c)"]
      : model.prior === "learned" ? ["Prior network", "p(z | c): a learned μ and σ per label"] : ["Prior", "N(0, I), the same for every c"];
    this.box("prior", named, formula, ...(model.prior === "standard" ? [] : [sees(...ofC("guess", "c with the guess of the baseline pasted into the hidden part"))]));
    this.box("latents", "z = μ + σ ε", "", this.table());
    const seen = model.seesCondition ? ofC("generation", "c with the guess, as the generation network sees it") : [];
    this.box("generation", "Generation network", "p(x | z, c)", sees(chip("z"), ...seen));
    this.box("means", "Pixel means", "", thumb("means", "The pixel means that the generation network gives"));
    this.value = {};
    for (const [name, words, formula] of [["bound", "−ELBO", ""], ["rate", "rate", "KL(q ‖ p)"], ["distortion", "distortion", "−log p(x | z, c)"]]) {
      this.box(name, words, formula, (this.value[name] = element("output", {}, "…")));
    }
    const mode = (name, words) => [name, button(words, () => this.change({ mode: name }))];
    this.modes = new Map([mode("training", "Training"), mode("prediction", "Prediction")]);
    if (model.gsnn) this.modes.get("training").disabled = true;
    this.which = element("span", { class: "which", "aria-live": "polite" });
    const next = button("New ε", () => this.change({ draw: (this.state.draw + 1) % this.data.noise.length, moved: {} }));
    const reset = button("Reset", () => this.change({ draw: 0, moved: {}, visible: null }));
    const bar = element("div", { class: "bar" }, element("div", { class: "modes", role: "group", "aria-label": "Where z comes from" }, ...this.modes.values()), next, reset, this.which);
    this.code = element("div", { class: "code", "aria-live": "polite" });
    this.wires = drawn("svg", { "aria-hidden": true });
    const terms = element("div", { class: "terms" }, this.boxes.bound, element("b", {}, "="), this.boxes.rate, element("b", {}, "+"), this.boxes.distortion);
    const { bound, rate, distortion, ...flow } = this.boxes;
    this.board = element("div", { class: "board" }, this.wires, ...Object.values(flow), terms);
    this.board.classList.toggle("guessing", pixels);
    this.root.replaceChildren(bar, this.board, this.code);
    this.pointAt(null);
    this.arrows();
  }

  // Make a box that shows its line of code while the pointer or the focus is in it.
  box(name, title, formula, ...content) {
    const heading = element("div", { class: "title" }, element("strong", {}, title), element("span", { class: "formula" }, formula));
    const box = element("div", { class: `box ${name}`, tabindex: 0, role: "group", "aria-label": title }, heading, ...content);
    box.onpointerenter = box.onfocus = () => this.pointAt(name);
    box.addEventListener("focusin", () => this.pointAt(name));
    this.boxes[name] = box;
  }

  pointAt(name) {
    this.pointed = name;
    const { place, text } = this.data.lines[name]?.[this.mode] ?? { place: "", text: "" };
    this.code.replaceChildren(...(name ? [element("code", {}, text), element("span", {}, place)]
      : [element("span", {}, "Point at a box, or move to it with the tab key, to see its line of code.")]));
  }

  // Make a table of the latent dimensions, highest rate first, or of a ladder's groups.
  table() {
    const { units, first, range, step, computed } = this.data;
    const head = computed ? ["group", "", "rate"] : ["", "q: μ ± σ", "p: μ ± σ", "ε", "z", "rate"];
    const table = element("div", { class: computed ? "units groups" : "units" }, ...head.map((words, i) => element("span", { class: `head ${this.column(i)}` }, words)));
    this.rows = new Map();
    const row = ({ unit, name }) => {
      const cells = { q: element("span", { class: "q" }), p: element("span", { class: "p" }), z: element("span", {}), rate: element("span", { class: "rates" }) };
      if (computed) {
        this.rows.set(unit, cells);
        return [element("span", { class: "name" }, name), element("span", { class: "gauge" }, (cells.gauge = element("i", {}))), cells.rate];
      }
      cells.input = element("input", { type: "range", min: -range, max: range, step, "aria-label": `Base noise of ${name}` });
      cells.input.oninput = () => this.change({ moved: { ...this.state.moved, [unit]: cells.input.valueAsNumber } }, false);
      cells.input.onchange = () => this.change({});
      cells.noise = element("output", {});
      this.rows.set(unit, cells);
      return [element("span", { class: "name" }, name), cells.q, cells.p, element("span", { class: "noise" }, cells.input, cells.noise), cells.z, cells.rate];
    };
    table.append(...units.slice(0, first).flatMap(row));
    const rest = units.slice(first);
    if (!rest.length) return table;
    this.rest = element("span", { class: "rates" });
    const more = element("div", { class: "units" }, ...rest.flatMap(row));
    const summary = element("summary", {}, `${rest.length} more dimensions, rate together `, this.rest);
    return element("div", { class: "all" }, table, element("details", {}, summary, more));
  }

  column = (i) => (this.data.computed ? ["", "", "rates"] : ["", "q", "p", "", "", "rates"])[i];

  // Show or hide a quadrant, if the model completes the resulting set.
  open(which) {
    const wish = QUADRANTS.map((_, i) => Boolean(this.quadrants?.[i]) !== (i === which));
    if (this.data.sets.some((set) => String(set) === String(wish))) this.change({ visible: wish });
  }

  // Run the networks: return what each of them gives, and both terms of the bound.
  flow() {
    const { network, x, data, mode } = this;
    if (data.computed) {
      const { guess, rates, means, distortion } = data.computed;
      return { rates, guess: guess && decoded(guess), means: decoded(means[mode]), distortion: distortion[mode] };
    }
    if (!network) return null;
    const c = network.condition({ label: data.label, attributes: data.attributes, image: x, visible: this.visible });
    const p = network.priorOf(c), q = network.posteriorOf(x, c), { epsilon } = this;
    const z = at(mode === "prediction" ? p : q, epsilon), outputs = network.outputs([z], c);
    const means = network.paste(outputs, c, 1), distortion = -network.logProb(outputs, x, c);
    return { p, q, epsilon, z, means, distortion, guess: c.guess, rates: [...klDivergence(q, p)] };
  }

  draw() {
    this.dirty = false;
    const { data, x, visible, quadrants, mode, thumbs, state } = this, pixels = data.model.given.includes("pixels");
    const open = (i) => !pixels || isVisible(visible, i, data.shape);
    const part = x.map((ink, i) => (open(i) ? ink : 0)), given = (i) => (pixels && open(i) ? GIVEN : WHITE);
    const shown = { x: [x, given], recognition: [x, given], c: [part, (i) => (open(i) ? GIVEN : HIDDEN)] };
    shown.baseline = shown.c;
    const found = (this.found = this.flow());
    if (found) shown.means = [found.means, given];
    if (found?.guess) shown.guess = shown.generation = [found.guess, given];
    for (const [name, [values, paper]] of Object.entries(shown)) if (thumbs[name]) paint(thumbs[name], values, 0, paper);
    this.chips.forEach(([part, chip]) => { chip.title = chip.textContent = data.words[part]; });
    this.doors.forEach((door, i) => {
      door.setAttribute("aria-pressed", Boolean(quadrants?.[i]));
      door.setAttribute("aria-label", `${QUADRANTS[i]}: ${quadrants?.[i] ? "visible" : "hidden"}`);
    });
    this.modes.forEach((each, name) => each.setAttribute("aria-pressed", name === mode));
    for (const [name, box] of Object.entries(this.boxes)) box.classList.toggle("out", name !== "x" && UNUSED[mode].includes(name));
    this.crosses.forEach((cross, i) => cross.classList.toggle("out", mode === "prediction" && !(pixels && (!quadrants || quadrants[i]))));
    this.root.classList.toggle("prediction", mode === "prediction");
    this.boxes.distortion.querySelector(".formula").textContent = `−log p(x | z, c)${mode === "prediction" ? ", a score" : ""}`;
    const moved = Object.keys(state.moved).length;
    this.which.textContent = `Draw ${state.draw} of the evaluation's noise${moved ? `, ${moved} ε moved` : ""}`;
    if (found) this.print(found);
    this.pointAt(this.pointed);
    this.arrows();
  }

  // Print the numbers, rounded so that the rates and the distortion add up to the bound.
  print({ p, q, epsilon, z, rates, distortion }) {
    const [[lost, ...parts], total] = roundedSum([distortion, ...rates], DIGITS), sum = (some) => some.reduce((a, b) => a + b, 0);
    this.value.distortion.textContent = lost.toFixed(DIGITS);
    this.value.rate.textContent = sum(parts).toFixed(DIGITS);
    this.value.bound.textContent = this.mode === "training" ? total.toFixed(DIGITS) : "–"; // this sum is no bound in prediction
    const most = Math.max(...rates);
    this.rows.forEach((cells, i) => {
      cells.rate.textContent = parts[i].toFixed(DIGITS);
      if (!z) return void (cells.gauge.style.width = `${100 * rates[i] / most}%`);
      cells.q.textContent = `${signed(q.loc[i])} ± ${q.scale[i].toFixed(2)}`;
      cells.p.textContent = `${signed(p.loc[i])} ± ${p.scale[i].toFixed(2)}`;
      cells.z.textContent = signed(z[i]);
      cells.noise.textContent = signed(epsilon[i]);
      if (document.activeElement !== cells.input || this.state.moved[i] === undefined) cells.input.value = epsilon[i];
    });
    if (this.rest) this.rest.textContent = sum(this.data.units.slice(this.data.first).map(({ unit }) => parts[unit])).toFixed(DIGITS);
  }

  // Draw arrows between the boxes, at their current places. On a narrow screen, those that would pass behind other boxes are left out.
  arrows() {
    if (!this.board) return;
    const { boxes, data: { model } } = this, frame = this.board.getBoundingClientRect();
    const links = [["x", "recognition"], ["recognition", "latents"], ["prior", "latents"], ["latents", "generation"], ["generation", "means"],
      ["latents", "rate"], ["means", "distortion"]];
    if (boxes.baseline) links.push(["c", "baseline"], ["baseline", "prior"]);
    else if (model.prior !== "standard") links.push(["c", "prior"]);
    if (model.given.some((part) => part !== "pixels")) links.push(["c", "recognition"]);
    const unused = UNUSED[this.mode], narrow = boxes.prior.offsetTop > boxes.c.offsetTop && boxes.prior.offsetLeft <= boxes.c.offsetLeft, places = Object.entries(boxes).map(([name, box]) => [name, box.getBoundingClientRect()]), lines = links.flatMap(([from, to]) => {
      const a = boxes[from].getBoundingClientRect(), b = boxes[to].getBoundingClientRect(), gap = 3;
      const out = unused.includes(from) || unused.includes(to), [left, top] = [frame.left, frame.top];
      const middle = (one, two, least, most) => Math.min(Math.max((one + two) / 2, least + 8), most - 8);
      let path;
      if (b.left >= a.right) {
        const low = Math.max(a.top, b.top), high = Math.min(a.bottom, b.bottom);
        const y1 = low < high ? (low + high) / 2 : middle(a.top, a.bottom, a.top, a.bottom), y2 = low < high ? y1 : middle(b.top, b.bottom, b.top, b.bottom);
        const bend = (a.right + b.left) / 2 - left;
        path = `M${a.right - left},${y1 - top} C${bend},${y1 - top} ${bend},${y2 - top} ${b.left - left - gap},${y2 - top}`;
      } else {
        const near = Math.max(a.left, b.left), far = Math.min(a.right, b.right), x = (near + far) / 2 - left;
        const between = ([name, { top, bottom }]) => name !== from && name !== to && top >= a.bottom && bottom <= b.top;
        if (narrow && places.some(between)) return [];
        path = a.bottom <= b.top ? `M${x},${a.bottom - top} L${x},${b.top - top - gap}` : `M${x},${a.top - top} L${x},${b.bottom - top + gap}`;
      }
      return drawn("path", { class: out ? "out" : "", d: path, "marker-end": "url(#tip)" });
    });
    this.wires.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    const tip = drawn("marker", { id: "tip", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" });
    tip.append(drawn("path", { d: "M0,0 L8,4 L0,8 z" }));
    this.wires.replaceChildren(tip, ...lines);
  }
}

export default mounting(Figure, ".how");
