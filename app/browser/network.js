// A model's networks in the browser. Python packs their weights (app/live/live_decoder.py); this script unpacks and runs them.
//
// A packed model is a length, a JSON header and the values of its tensors, float16 or float32 (`bytes` each). The header has the
// `shape` of an image (channels, height, width), whether grey images are `drawn`, the `names` of the classes, the number of
// `labels`, the modelled values (`pixels`), the `likelihood` with its number of `parameters` for each value, the `prior`, the
// bounds of log σ, the `inputs` of each body, and its steps: linear, norm, silu, relu, push and add over rows of features.

let halves = null; // lookup table: the number of each float16

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function unpack(bytes) {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const read = header.bytes === 2 ? (at) => halves[view.getUint16(at, true)] : (at) => view.getFloat32(at, true);
  const tensors = {};
  for (const [name, [start, count]] of Object.entries(header.tensors)) {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = read(4 + length + header.bytes * (start + i));
    tensors[name] = values;
  }
  return { ...header, tensors };
}

// y = W x + b for each row of x. Each row of W is used for all rows of x while it is in the cache.
function linear(weight, bias, x, rows) {
  const outputs = bias.length, inputs = weight.length / outputs, y = new Float32Array(rows * outputs);
  for (let o = 0; o < outputs; o++) {
    const from = o * inputs;
    for (let r = 0; r < rows; r++) {
      const at = r * inputs;
      let a = bias[o], b = 0, c = 0, d = 0, i = 0;
      for (; i + 3 < inputs; i += 4) {
        a += weight[from + i] * x[at + i];
        b += weight[from + i + 1] * x[at + i + 1];
        c += weight[from + i + 2] * x[at + i + 2];
        d += weight[from + i + 3] * x[at + i + 3];
      }
      for (; i < inputs; i++) a += weight[from + i] * x[at + i];
      y[r * outputs + o] = a + b + c + d;
    }
  }
  return y;
}

function norm(weight, bias, x, rows) {
  const width = weight.length, y = new Float32Array(x.length);
  for (let at = 0; at < rows * width; at += width) {
    let mean = 0, square = 0;
    for (let i = 0; i < width; i++) mean += x[at + i] / width;
    for (let i = 0; i < width; i++) square += (x[at + i] - mean) ** 2 / width;
    const scale = 1 / Math.sqrt(square + 1e-5);
    for (let i = 0; i < width; i++) y[at + i] = (x[at + i] - mean) * scale * weight[i] + bias[i];
  }
  return y;
}

// KL(q ‖ p) of Gaussians in nats, for each dimension.
function klDivergence(q, p) {
  return q.loc.map((loc, i) => {
    const ratio = q.scale[i] / p.scale[i], shift = (loc - p.loc[i]) / p.scale[i];
    return 0.5 * (ratio * ratio + shift * shift - 1) - Math.log(ratio);
  });
}

// Return z = μ + σ ε.
const at = ({ loc, scale }, epsilon) => loc.map((mean, i) => mean + scale[i] * epsilon[i]);

class Network {
  constructor(bytes) {
    Object.assign(this, unpack(bytes));
    this.size = this.shape.reduce((product, side) => product * side);
    this.likelihood = LIKELIHOODS[this.likelihood];
  }

  // Run a body on inputs [values, rows], whose projections are added. An input of one row is broadcast to all rows.
  run(body, ...inputs) {
    const { tensors } = this, rows = Math.max(...inputs.map(([, count]) => count));
    let h = null;
    inputs.forEach(([values, count], which) => {
      const weight = tensors[`${body}.first.${which}.weight`], width = tensors[`${body}.first.0.bias`].length;
      const part = linear(weight, which ? new Float32Array(width) : tensors[`${body}.first.0.bias`], values, count);
      if (!h && count === rows) h = part;
      else if (!h) h = Float32Array.from({ length: rows * width }, (_, i) => part[i % width]);
      else for (let i = 0; i < h.length; i++) h[i] += part[i % part.length];
    });
    const stack = [];
    for (const [what, name] of this.bodies[body]) {
      if (what === "linear") h = linear(tensors[`${name}.weight`], tensors[`${name}.bias`], h, rows);
      else if (what === "norm") h = norm(tensors[`${name}.weight`], tensors[`${name}.bias`], h, rows);
      else if (what === "silu") for (let i = 0; i < h.length; i++) h[i] *= sigmoid(h[i]);
      else if (what === "relu") for (let i = 0; i < h.length; i++) h[i] = h[i] > 0 ? h[i] : 0;
      else if (what === "push") stack.push(h.slice());
      else if (what === "add") stack.pop().forEach((value, i) => { h[i] += value; });
    }
    return h;
  }

  // Run a body on the parts of the condition and other values that its header names. Only z can have several rows.
  feed(body, given, rows = 1) {
    return this.run(body, ...this.inputs[body].map((name) => [given[name], name === "z" ? rows : 1]));
  }

  // Run a body whose output is μ and log σ.
  gaussian(body, given) {
    const code = this.feed(body, given), { latent, logScale: [least, most] } = this;
    const scale = code.slice(latent).map((value) => Math.exp(Math.min(most, Math.max(least, value))));
    return { loc: code.slice(0, latent), scale };
  }

  // Return the condition as inputs of the networks: the one-hot label, the attributes (null where a value is not given), and the
  // visible pixels completed by the baseline. `visible` are flags of the quadrants, or of the pixels.
  condition({ label, attributes = [], image, visible }) {
    const c = this.labelled(label);
    c.attributes = Float32Array.from(this.attributes.flatMap((one, i) => encoded(one, attributes[i] ?? null)));
    if (!this.inputs.baseline) return c;
    const open = (i) => Number(isVisible(visible, i, this.shape));
    c.flags = visible;
    c.visible = Float32Array.from(this.regions === visible.length ? visible : Array.from({ length: this.regions }, (_, i) => open(i)));
    c.pixels = Float32Array.from(image, (ink, i) => (open(i) ? ink : 0));
    c.guess = this.paste(this.feed("baseline", c), c, 1);
    return c;
  }

  labelled(label) {
    return { label: Float32Array.from({ length: this.labels }, (_, i) => Number(i === label)), of: label };
  }

  // Return p(z | c).
  priorOf(c) {
    const { kind, loc, scale } = this.prior;
    if (kind === "network") return this.gaussian("prior_network", c);
    if (kind === "table") return { loc: Float32Array.from(loc[c.of]), scale: Float32Array.from(scale[c.of]) };
    return { loc: new Float32Array(this.latent), scale: new Float32Array(this.latent).fill(1) };
  }

  // Return q(z | x, c). The recognition network is packed only for pages that show it.
  posteriorOf(x, c) {
    return this.gaussian("recognition", { ...c, x });
  }

  // Return the outputs for several z, a row each: a block of modelled values for each parameter.
  outputs(zs, c) {
    const z = new Float32Array(zs.length * this.latent);
    zs.forEach((each, r) => z.set(each, r * this.latent));
    return this.feed("generation", { ...c, z }, zs.length);
  }

  // Return the means of whole images for several z, a row each.
  means(zs, c) {
    return this.paste(this.outputs(zs, c), c, zs.length);
  }

  hidden(pixel, c) {
    return !c.flags || !isVisible(c.flags, pixel, this.shape);
  }

  // Combine the visible values with the means of the hidden ones, or with samples for numbers `uniform` (rows, values) between
  // 0 and 1; return rows of whole images.
  paste(outputs, c, rows, uniform = null) {
    const count = this.pixels.length, out = new Float32Array(rows * this.size);
    for (let r = 0; r < rows; r++) {
      if (c.pixels) out.set(c.pixels, r * this.size);
      this.pixels.forEach((pixel, i) => {
        const at = r * count * this.parameters + i, to = r * this.size + pixel;
        if (!this.hidden(pixel, c)) return;
        out[to] = uniform ? this.likelihood.sample(outputs, at, count, uniform[to]) : this.likelihood.mean(outputs, at, count);
      });
    }
    return out;
  }

  // Return log p(x | z, c) in nats from the outputs for one z, summed over the hidden pixels.
  logProb(outputs, x, c) {
    const count = this.pixels.length;
    const each = (pixel, i) => (this.hidden(pixel, c) ? this.likelihood.logProb(outputs, i, count, x[pixel]) : 0);
    return this.pixels.reduce((sum, pixel, i) => sum + each(pixel, i), 0);
  }

  // Decode one base noise with several labels; return a row of pixel means for each label.
  decode(epsilon, labels, attributes) {
    const out = new Float32Array(labels.length * this.size);
    labels.forEach((label, r) => out.set(this.decodeAll([epsilon], label, attributes), r * this.size));
    return out;
  }

  // Decode many base noises with one label, and attributes if the model has them.
  decodeAll(epsilons, label, attributes) {
    const c = this.condition({ label, attributes }), prior = this.priorOf(c);
    return this.means(epsilons.map((epsilon) => at(prior, epsilon)), c);
  }

  // Complete an image given its visible quadrants or pixels, and the rest of the condition; return the baseline's guess, a row per
  // base noise, then a row for each of other `labels` with the first base noise. Rows are means, or samples for the numbers
  // `uniform`, a row of values for the guess and each base noise.
  complete(given, epsilons, uniform = null, labels = []) {
    const c = this.condition(given), prior = this.priorOf(c), count = epsilons.length, { size } = this;
    const out = new Float32Array((count + 1 + labels.length) * size);
    out.set(uniform ? this.paste(this.feed("baseline", c), c, 1, uniform) : c.guess);
    const outputs = this.outputs(epsilons.map((epsilon) => at(prior, epsilon)), c);
    out.set(this.paste(outputs, c, count, uniform?.subarray(size)), size);
    labels.forEach((label, i) => {
      const own = { ...c, ...this.labelled(label) }, first = at(this.priorOf(own), epsilons[0]);
      out.set(this.paste(this.outputs([first], own), own, 1, uniform?.subarray(size)), (count + 1 + i) * size);
    });
    return out;
  }
}

// Return the inputs of an attribute: its standardised number or one-hot category, and whether it is given.
function encoded({ categories, mean, scale }, value) {
  const given = Number(value !== null);
  if (categories) return [...Array.from({ length: categories }, (_, i) => Number(given && i === value)), given];
  return [given && (value - mean) / scale, given];
}

// Return whether a value of an image is visible, from flags of the quadrants or of the pixels.
function isVisible(flags, i, shape) {
  return Boolean(flags[flags.length === 4 ? quadrant(i, shape) : i % (shape[1] * shape[2])]);
}

// Return the quadrant of a value of an image with a shape (channels, height, width): top left, top right, bottom left, bottom right.
function quadrant(i, [, height, width]) {
  return 2 * (Math.floor(i / width) % height >= height / 2) + (i % width >= width / 2);
}

// Paint values on the canvas of an image. Grey drawings are dark ink, as in the lab's other pictures, on white or a background per
// pixel. Other images are shown as they are: a blue edge encloses the pixels whose background is GIVEN, those whose background is
// DIMMED are faint, and a chequered pattern replaces those whose background is HIDDEN.
const INK = [22, 28, 45], WHITE = [255, 255, 255], GIVEN = [205, 226, 245], HIDDEN = [214, 214, 214], DIMMED = [...HIDDEN];
const EDGE = [30, 144, 255], CHECKS = [HIDDEN, [236, 236, 236]], CHECK = 2, FAINT = 0.3;
function paint(canvas, values, from = 0, paper = () => WHITE) {
  const { width, height, channels, drawn } = canvas, pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && paper(y * width + x) === GIVEN;
  const bytes = (i, k) => 255 * values[from + i + (channels === 3 ? k * width * height : 0)];
  const mark = (i, under) => {
    if (under === DIMMED) return under.map((light, k) => light + FAINT * (bytes(i, k) - light));
    const x = i % width, y = Math.floor(i / width);
    if (under === HIDDEN) return CHECKS[(Math.floor(x / CHECK) + Math.floor(y / CHECK)) % 2];
    if (under !== GIVEN || (inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1))) return null;
    return EDGE;
  };
  for (let i = 0; i < width * height; i++) {
    const under = paper(i), own = drawn ? null : mark(i, under);
    for (let k = 0; k < 3; k++) {
      image.data[4 * i + k] = own ? own[k] : drawn ? under[k] - values[from + i] * (under[k] - INK[k]) : bytes(i, k);
    }
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}

// Return the intensities in a text of bytes in Base64.
const decoded = (text) => Float32Array.from(atob(text), (letter) => letter.charCodeAt(0) / 255);

// Make an element with attributes and children.
function element(kind, attributes = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Make a canvas for images of a shape. Grey ones are ink on paper if they are `drawn`.
function imageCanvas(words, { shape: [channels, height, width], drawn }) {
  const canvas = element("canvas", { width, height, role: "img", "aria-label": words });
  return Object.assign(canvas, { channels, drawn: drawn && channels === 1 });
}

function button(words, act) {
  const made = element("button", { type: "button" }, words);
  made.onclick = act;
  return made;
}

// Make a button for each quadrant, which calls `act` with its number.
const QUADRANTS = ["top left", "top right", "bottom left", "bottom right"];
function quadrantButtons(act) {
  return QUADRANTS.map((name, which) => {
    const made = button("", () => act(which));
    made.title = `Show or hide the ${name} quadrant`;
    return made;
  });
}
