"""Networks compute what their docstrings state, and their seed determines their initial weights."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cvae_core.data import noise
from cvae_core.models.mlp import AddedInputs, Body, GaussianHead, ResidualBlock, initialise


def test_adding_projections_is_one_linear_layer_over_all_inputs_together() -> None:
    layer = AddedInputs((3, 4, 2), 5)
    initialise(layer, 1)
    inputs = [noise.normal((6, size), 1, "input", size) for size in (3, 4, 2)]
    whole = torch.cat([projection.weight for projection in layer.projections], dim=1)
    bias = layer.projections[0].bias
    torch.testing.assert_close(layer(*inputs), F.linear(torch.cat(inputs, -1), whole, bias))
    assert [projection.bias is None for projection in layer.projections] == [False, True, True]


def test_a_shared_input_is_projected_once_for_all_samples() -> None:
    layer, projected = AddedInputs((3, 4), 5), []
    layer.projections[1].register_forward_hook(lambda module, inputs, output: projected.append(inputs[0].shape))
    z, c = noise.normal((8, 6, 3), 1, "z"), noise.normal((6, 4), 1, "c")
    together = layer(z, c)
    assert projected == [(6, 4)]
    assert together.shape == (8, 6, 5)
    torch.testing.assert_close(together[2], layer(z[2], c))


@pytest.mark.parametrize("sizes", [(3,), (3, 4)])
def test_as_many_inputs_as_were_announced_are_needed(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        AddedInputs(sizes, 5)(*[torch.zeros(1, size) for size in (*sizes, 5)])


def test_a_residual_block_starts_as_the_identity_and_learns_away_from_it() -> None:
    block, h = ResidualBlock(6), noise.normal((4, 6), 1, "h")
    initialise(block, 1)
    assert torch.equal(block(h), h)
    block(h).square().sum().backward()
    assert block.outer.weight.grad is not None
    assert block.outer.weight.grad.abs().max() > 0


def test_a_residual_body_starts_as_its_first_layer_normalised_whatever_its_depth() -> None:
    x = noise.normal((4, 3), 1, "x")
    for depth in (1, 4):
        body = Body((3,), 6, depth, residual=True)
        initialise(body, 1)
        torch.testing.assert_close(body(x), F.silu(F.layer_norm(body.first(x), (6,))))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_plain_body_has_as_many_layers_as_its_depth_says(depth: int) -> None:
    body = Body((3,), 6, depth, residual=False)
    initialise(body, 1)
    linear = [layer for layer in body.modules() if isinstance(layer, nn.Linear)]
    h = x = noise.normal((4, 3), 1, "x")
    for layer in linear:
        h = F.relu(layer(h))
    assert len(linear) == depth
    torch.testing.assert_close(body(x), h)


def test_a_head_speaks_float32_whatever_the_arithmetic_before_it() -> None:
    head = GaussianHead(6, 2)
    with torch.autocast("cpu", torch.bfloat16):
        distribution = head(noise.normal((4, 6), 1, "h"))
    assert (distribution.loc.dtype, distribution.scale.dtype) == (torch.float32, torch.float32)
    assert distribution.loc.shape == (4, 2)


def test_a_head_reads_the_mean_first_and_the_log_scale_second() -> None:
    head = GaussianHead(1, 2)
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.copy_(torch.tensor([1.0, 2.0, 0.0, 1.0]))
    distribution = head(torch.zeros(1, 1))
    assert distribution.loc.tolist() == [[1, 2]]
    torch.testing.assert_close(distribution.scale, torch.tensor([[1.0, math.e]]))


class Everything(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head, self.table = Body((30, 20), 40, 2, residual=True), GaussianHead(40, 3), nn.Embedding(4, 6)


def test_a_seed_fixes_all_weights_and_the_shared_generator_has_no_part_in_it() -> None:
    one, same, other = Everything(), Everything(), Everything()
    initialise(one, 1)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    initialise(same, 1)
    assert torch.equal(torch.get_rng_state(), before)
    initialise(other, 2)
    for name, weight in one.state_dict().items():
        assert torch.equal(same.state_dict()[name], weight), name
    assert not torch.equal(other.body.first.projections[0].weight, one.body.first.projections[0].weight)


def test_weights_start_within_the_bound_that_their_inputs_give_and_fill_it() -> None:
    module = Everything()
    initialise(module, 1)
    for layer, inputs in ((module.body.first.projections[0], 30), (module.body.first.projections[1], 20)):
        assert 0.95 < float(layer.weight.detach().abs().max()) * inputs**0.5 < 1 + 1e-6
    assert module.table.weight.abs().max() == 0
