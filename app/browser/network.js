// A generation network in the browser. Python packs its weights (app/decoder.py); this unpacks and runs them.
//
// A packed network is a length, a JSON header {steps, tensors, …} and the tensors' float16 values. The steps are a
// small program over rows of features: linear, norm, silu, relu, push and add.

const PIXELS = 784;
let halves = null; // every float16 as a number

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

// y = W x + b for each of the rows, W by rows of outputs: a row of W serves all rows of x while it is in the cache.
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

class Network {
  constructor(bytes) {
    Object.assign(this, unpack(bytes));
  }

  // Decode one base noise under some labels: a row of 784 pixel means for each.
  decode(epsilon, labels) {
    const { tensors, prior, latent } = this, rows = labels.length;
    const z = new Float32Array(rows * latent);
    labels.forEach((label, r) => {
      for (let i = 0; i < latent; i++) z[r * latent + i] = prior ? prior.loc[label][i] + prior.scale[label][i] * epsilon[i] : epsilon[i];
    });
    let h = linear(tensors["first.weight"], tensors["first.bias"], z, rows);
    const width = tensors["first.bias"].length, given = tensors["label"];
    if (given) labels.forEach((label, r) => {
      for (let i = 0; i < width; i++) h[r * width + i] += given[label * width + i];
    });
    return this.run(h, rows);
  }

  // Decode many base noises, each (latent), under one label.
  decodeAll(epsilons, label) {
    const out = new Float32Array(epsilons.length * PIXELS);
    epsilons.forEach((epsilon, r) => out.set(this.decode(epsilon, [label]), r * PIXELS));
    return out;
  }

  run(h, rows) {
    const kept = [];
    for (const [what, name] of this.steps) {
      if (what === "linear") h = linear(this.tensors[`${name}.weight`], this.tensors[`${name}.bias`], h, rows);
      else if (what === "norm") h = norm(this.tensors[`${name}.weight`], this.tensors[`${name}.bias`], h, rows);
      else if (what === "silu") for (let i = 0; i < h.length; i++) h[i] /= 1 + Math.exp(-h[i]);
      else if (what === "relu") for (let i = 0; i < h.length; i++) h[i] = h[i] > 0 ? h[i] : 0;
      else if (what === "push") kept.push(h.slice());
      else if (what === "add") kept.pop().forEach((value, i) => { h[i] += value; });
    }
    return h.map((logit) => 1 / (1 + Math.exp(-logit)));
  }
}

// Paint pixel means (784) on a canvas of 28×28: dark ink on white paper, as in the lab's other pictures.
function paint(canvas, pixels, from = 0) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(28, 28);
  for (let i = 0; i < PIXELS; i++) {
    const ink = pixels[from + i];
    image.data[4 * i] = 255 - ink * (255 - 22);
    image.data[4 * i + 1] = 255 - ink * (255 - 28);
    image.data[4 * i + 2] = 255 - ink * (255 - 45);
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}
