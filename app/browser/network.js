// A model's networks in the browser. Python packs their weights (app/live/live_decoder.py); this script unpacks and runs them.
//
// A packed model is a length, a JSON header {bodies, tensors, …} and the tensors' float16 values. A body's steps are a
// small program over rows of features: linear, norm, silu, relu, push and add.

const PIXELS = 784, LABELS = 10, MIN_LOG_SCALE = -6, MAX_LOG_SCALE = 3;
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
  const tensors = {};
  for (const [name, [start, count]] of Object.entries(header.tensors)) {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = halves[view.getUint16(4 + length + 2 * (start + i), true)];
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

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

class Network {
  constructor(bytes) {
    Object.assign(this, unpack(bytes));
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

  // Decode one base noise with several labels; return a row of 784 pixel means for each label.
  decode(epsilon, labels) {
    const { prior, latent } = this, rows = labels.length;
    const z = new Float32Array(rows * latent), given = new Float32Array(rows * LABELS);
    labels.forEach((label, r) => {
      given[r * LABELS + label] = 1;
      for (let i = 0; i < latent; i++) z[r * latent + i] = prior ? prior.loc[label][i] + prior.scale[label][i] * epsilon[i] : epsilon[i];
    });
    return this.run("generation", [z, rows], [given, rows]).map(sigmoid);
  }

  // Decode many base noises with one label.
  decodeAll(epsilons, label) {
    const out = new Float32Array(epsilons.length * PIXELS);
    epsilons.forEach((epsilon, r) => out.set(this.decode(epsilon, [label]), r * PIXELS));
    return out;
  }

  // Complete a digit with visible quadrants, flags (4); return the baseline's guess, then a row per base noise.
  complete(image, visible, epsilons) {
    const flags = Float32Array.from(visible), shown = Float32Array.from(image, (ink, i) => (flags[quadrant(i)] ? ink : 0));
    const guess = this.paste(this.run("baseline", [shown, 1], [flags, 1]), shown, flags, 1);
    const code = this.run("prior_network", [guess, 1], [flags, 1]), { latent } = this, rows = epsilons.length;
    const z = new Float32Array(rows * latent);
    epsilons.forEach((epsilon, r) => {
      for (let i = 0; i < latent; i++) {
        const scale = Math.exp(Math.min(MAX_LOG_SCALE, Math.max(MIN_LOG_SCALE, code[latent + i])));
        z[r * latent + i] = code[i] + scale * epsilon[i];
      }
    });
    const context = this.decoderSeesCondition ? [[guess, 1], [flags, 1]] : [];
    const out = new Float32Array((rows + 1) * PIXELS);
    out.set(guess);
    out.set(this.paste(this.run("generation", [z, rows], ...context), shown, flags, rows), PIXELS);
    return out;
  }

  // Combine the visible pixels with the means of generated pixels, from logits; return rows of 784.
  paste(logits, shown, flags, rows) {
    const count = this.pixels.length, out = new Float32Array(rows * PIXELS);
    for (let r = 0; r < rows; r++) {
      out.set(shown, r * PIXELS);
      this.pixels.forEach((pixel, i) => {
        if (!flags[quadrant(pixel)]) out[r * PIXELS + pixel] = sigmoid(logits[r * count + i]);
      });
    }
    return out;
  }
}

const quadrant = (pixel) => 2 * (pixel >= PIXELS / 2) + (pixel % 28 >= 14);

// Paint pixel means (784) on a canvas of 28×28: dark ink, as in the lab's other pictures, on white or a background per pixel.
const INK = [22, 28, 45], WHITE = [255, 255, 255];
function paint(canvas, pixels, from = 0, paper = () => WHITE) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(28, 28);
  for (let i = 0; i < PIXELS; i++) {
    const ink = pixels[from + i], under = paper(i);
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = under[k] - ink * (under[k] - INK[k]);
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}

// Make an element with attributes and children.
function element(kind, attributes = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function digitCanvas(words) {
  return element("canvas", { width: 28, height: 28, role: "img", "aria-label": words });
}

function button(words, act) {
  const made = element("button", { type: "button" }, words);
  made.onclick = act;
  return made;
}
