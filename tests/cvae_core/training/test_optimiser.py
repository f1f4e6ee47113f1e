"""The optimiser changes weights as torch's class does, has the same state, and does not import the compiler."""

import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from cvae_core.training.optimiser import AdamW

TRAINING = "train label --dataset digits --width 16 --depth 1 --latent 2 --epochs 1 --averaging 0.9 --clip 1 --no-embed"
DECAY, RATES = 0.1, (0.1, 0.02, 0.03, 0.004)


def weights() -> list[nn.Parameter]:
    return [nn.Parameter(torch.linspace(-1, 1, size)) for size in (3, 5, 7)]


def gradient(weight: Tensor, number: int, step: int) -> Tensor | None:
    """Return a gradient; the last weight has none before the third step."""
    return None if number == 2 and step < 2 else torch.cos((number + 3 * step) * weight.detach() + 1)


def moved(step: int, ours: list[nn.Parameter], optimiser: AdamW) -> None:
    for number, weight in enumerate(ours):
        weight.grad = gradient(weight, number, step)
    optimiser.step(RATES[step])


def test_it_moves_weights_as_torchs_class_does() -> None:
    ours, theirs = weights(), weights()
    optimiser, peer = AdamW(ours, DECAY), torch.optim.AdamW(theirs, weight_decay=DECAY, fused=True)
    for step, rate in enumerate(RATES):
        moved(step, ours, optimiser)
        for number, weight in enumerate(theirs):
            weight.grad = gradient(weight, number, step)
        peer.param_groups[0]["lr"] = rate
        peer.step()
        assert all(map(torch.equal, ours, theirs))
    kept = peer.state_dict()["state"]
    remembered = optimiser.state_dict()
    assert len(remembered) == 9
    assert all(torch.equal(moment, kept[int(key[0])][key[2:]]) for key, moment in remembered.items())


def test_it_goes_on_from_what_it_remembered_and_shares_nothing_with_it() -> None:
    ours = weights()
    optimiser = AdamW(ours, DECAY)
    moved(0, ours, optimiser)
    moved(1, ours, optimiser)
    others = [nn.Parameter(weight.detach().clone()) for weight in ours]
    resumed = AdamW(others, DECAY)
    resumed.load_state_dict(optimiser.state_dict())
    for step in (2, 3):
        moved(step, ours, optimiser)
        moved(step, others, resumed)
        assert all(map(torch.equal, ours, others))


def test_a_training_takes_no_compiler_along(tmp_path: Path) -> None:
    lines = (
        f"import sys; from cvae_core.cli import main as cli; cli.main({[*TRAINING.split(), '--root', str(tmp_path)]}); "
    )
    lines += "print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\nFalse\n")
    assert "is finished" in done.stdout
