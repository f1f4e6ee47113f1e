// Distributions of a value, as in cvae_core/models/likelihoods.py: the mean, the log-probability of an intensity, and the sample
// for a number u between 0 and 1. Parameter j of the value stands at `at + j * count` of the outputs of the generation network.

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
const softplus = (logit) => Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit)));
const limited = (value, least, most) => Math.min(most, Math.max(least, value));

const LEVELS = 256, LEVEL = 1 / (LEVELS - 1), LOGITS = 8, NEAR_ZERO = 0.3, FAR = 100;
const LIKELIHOODS = {
  bernoulli: {
    mean: (outputs, at) => sigmoid(outputs[at]),
    logProb: (outputs, at, count, x) => outputs[at] * x - softplus(outputs[at]),
    // In bytes, as the server draws ink.
    sample: (outputs, at, count, u) => Number(Math.round(255 * sigmoid(outputs[at])) > Math.round(255 * u - 0.5)),
  },
  "continuous-bernoulli": {
    eta: (outputs, at) => limited(LOGITS * outputs[at], -LEVELS, LEVELS),
    mean(outputs, at) {
      const eta = this.eta(outputs, at);
      return Math.abs(eta) < NEAR_ZERO ? 0.5 + eta / 12 - eta ** 3 / 720 : -1 / Math.expm1(-eta) - 1 / eta;
    },
    logProb(outputs, at, count, x) {
      const eta = this.eta(outputs, at), size = Math.abs(eta);
      const normaliser = size < NEAR_ZERO ? eta / 2 + eta ** 2 / 24 - eta ** 4 / 2880
        : Math.max(eta, 0) + Math.log(-Math.expm1(-size)) - Math.log(size);
      return eta * x - normaliser;
    },
    sample(outputs, at, count, u) {
      const eta = this.eta(outputs, at), size = Math.max(Math.abs(eta), 1e-6);
      const x = limited(Math.log1p((eta > 0 ? 1 - u : u) * Math.expm1(-size)) / -size, 0, 1);
      return eta > 0 ? 1 - x : x;
    },
  },
  "discretised-logistic": {
    location: (outputs, at) => 0.5 + 0.5 * outputs[at],
    scale: (outputs, at, count) => Math.exp(limited(outputs[at + count] - 2, -7, 2)),
    mean(outputs, at, count) {
      const location = limited(this.location(outputs, at), -FAR, 1 + FAR), scale = this.scale(outputs, at, count);
      return limited(1 - scale * (softplus((1 - location) / scale) - softplus(-location / scale)), 0, 1);
    },
    logProb(outputs, at, count, x) {
      const level = Math.round(x * (LEVELS - 1)), scale = this.scale(outputs, at, count);
      const centre = level * LEVEL - this.location(outputs, at), last = level === LEVELS - 1;
      const below = last ? 0 : -softplus(-(centre + LEVEL / 2) / scale), above = level ? -softplus(-(LEVEL / 2 - centre) / scale) : 0;
      return below + above + (level && !last ? Math.log(-Math.expm1(-LEVEL / scale)) : 0);
    },
    sample(outputs, at, count, u) {
      const x = this.location(outputs, at) + this.scale(outputs, at, count) * Math.log(u / (1 - u));
      return Math.round(limited(x, 0, 1) * (LEVELS - 1)) * LEVEL;
    },
  },
};
