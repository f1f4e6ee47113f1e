"""A conditional variational auto-encoder in one file: PyTorch, and the 8×8 handwritten digits that come with scikit-learn.

    p(x | c) = ∫ p(x | z, c) p(z | c) dz        x: the generated pixels, c: the condition, z: a latent vector

    prior network        p(z | c)       the distribution of z for a condition
    recognition network  q(z | x, c)    the distribution of z for an image: used only in training and evaluation
    generation network   p(x | z, c)    the distribution of the pixels for z and c

All three are trained together by the evidence lower bound (ELBO; Kingma & Welling 2014, Sohn, Lee & Yan 2015):

    log p(x | c)  ≥  E_q(z | x, c) log p(x | z, c)  −  KL(q(z | x, c) ‖ p(z | c))
                          reconstruction                       rate

The script trains two models. The first generates a digit from its label, the second completes a digit from its bottom left
quarter. Run it with: python examples/cvae.py
"""

import argparse
import math

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal, kl_divergence


class CVAE(nn.Module):
    """p(x | c) for binary pixels x and a condition c, both flat vectors."""

    def __init__(self, pixels: int, condition: int, latent: int = 12, width: int = 256):
        super().__init__()
        self.prior_network = mlp(condition, width, 2 * latent)
        self.recognition_network = mlp(pixels + condition, width, 2 * latent)
        self.generation_network = mlp(latent + condition, width, pixels)

    def prior(self, c: Tensor) -> Distribution:
        """Return p(z | c)."""
        return gaussian(self.prior_network(c))

    def posterior(self, x: Tensor, c: Tensor) -> Distribution:
        """Return q(z | x, c)."""
        return gaussian(self.recognition_network(torch.cat([x, c], -1)))

    def likelihood(self, z: Tensor, c: Tensor) -> Distribution:
        """Return p(x | z, c); log_prob sums over the pixels."""
        logits = self.generation_network(torch.cat([z, c.expand(*z.shape[:-1], -1)], -1))
        return Independent(Bernoulli(logits=logits), 1)


def mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return a network with two hidden layers."""
    hidden = [nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def gaussian(parameters: Tensor) -> Distribution:
    """Return independent Gaussians with these means and log standard deviations; log_prob sums over the dimensions."""
    mean, log_scale = parameters.chunk(2, -1)
    return Independent(Normal(mean, log_scale.clamp(-6, 3).exp()), 1)


def elbo(model: CVAE, x: Tensor, c: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the ELBO of each image, estimated with one draw of z, and its rate, both in nats. β < 1 during the warm-up."""
    posterior, prior = model.posterior(x, c), model.prior(c)
    z = posterior.rsample()  # z = μ + σ ε, so that gradients reach μ and σ
    reconstruction, rate = model.likelihood(z, c).log_prob(x), kl_divergence(posterior, prior)
    return reconstruction - beta * rate, rate


@torch.no_grad()
def importance_sampling(model: CVAE, x: Tensor, c: Tensor, samples: int = 200) -> Tensor:
    """Estimate log p(x | c) of each image: log 1/S Σ p(x | z, c) p(z | c) / q(z | x, c) with z ~ q(z | x, c)."""
    posterior, prior = model.posterior(x, c), model.prior(c)
    z = posterior.sample((samples,))  # (S, N, latent)
    log_weights = model.likelihood(z, c).log_prob(x) + prior.log_prob(z) - posterior.log_prob(z)
    return log_weights.logsumexp(0) - math.log(samples)


def train(model: CVAE, x: Tensor, c: Tensor, epochs: int, batch: int = 64, warm_up: float = 0.3) -> None:
    """Maximise the ELBO. During the warm-up the weight of the rate grows to 1, so that no dimension of z collapses early."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            bound, _ = elbo(model, x[rows], c[rows], beta=min(1.0, (epoch + 1) / (warm_up * epochs)))
            optimiser.zero_grad()
            (-bound.mean()).backward()
            optimiser.step()
        schedule.step()


def trivial_guess(x: Tensor, groups: Tensor, held_out: Tensor, held_out_groups: Tensor) -> Tensor:
    """Return the log-likelihood of each held-out image under the mean training image of its group."""
    means = torch.stack([x[groups == group].mean(0) for group in range(int(groups.max()) + 1)]).clamp(1e-3, 1 - 1e-3)
    return Independent(Bernoulli(means[held_out_groups]), 1).log_prob(held_out)


def report(name: str, model: CVAE, x: Tensor, c: Tensor, guess: Tensor) -> None:
    """Print the results over held-out images, in nats per image."""
    with torch.no_grad():
        bound, rate = elbo(model, x, c)
    estimate = importance_sampling(model, x, c)
    print(f"{name}: −log p(x | c) in nats per image, mean ± standard error of {len(x)} held-out images")
    for what, values in (("mean image", guess), ("−ELBO", bound), ("importance sampling", estimate)):
        print(f"  {what:20} {-values.mean():6.2f} ± {values.std() / math.sqrt(len(x)):.2f}")
    print(f"  {'rate (part of −ELBO)':20} {rate.mean():6.2f}")


def main() -> None:
    """Train and score both models."""
    parser = argparse.ArgumentParser(description="Train a label CVAE and a quadrant CVAE on 8×8 digits.")
    parser.add_argument("--epochs", type=int, default=80, help="passes over the training images, for each model")
    epochs = parser.parse_args().epochs
    torch.manual_seed(0)
    torch.set_num_threads(1)  # more threads do not speed up matrices of this size
    digits = load_digits()
    images, labels = torch.tensor(digits.data > 7).float(), torch.tensor(digits.target)  # 1: ink, 0: paper
    order = torch.randperm(len(images))
    training, test = order[360:], order[:360]

    one_hot = nn.functional.one_hot(labels, 10).float()
    model = CVAE(pixels=64, condition=10)
    train(model, images[training], one_hot[training], epochs)
    guess = trivial_guess(images[training], labels[training], images[test], labels[test])
    report("Label CVAE, given the digit's label", model, images[test], one_hot[test], guess)

    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    visible = (row >= 4) & (column < 4)
    given, hidden = images[:, visible], images[:, ~visible]
    model = CVAE(pixels=48, condition=16)
    train(model, hidden[training], given[training], epochs)
    one_group = torch.zeros_like(labels)
    guess = trivial_guess(hidden[training], one_group[training], hidden[test], one_group[test])
    report("Quadrant CVAE, given the bottom left quarter", model, hidden[test], given[test], guess)


if __name__ == "__main__":
    main()
