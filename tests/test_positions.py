"""Positions: by hand, against Transformers' Llama, and their promises: distances alone count, every length has them."""

import math

import pytest
import torch
from helpers import numbers
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from course_lib.positions import LearnedPositions, SinusoidalPositions, rotary_angles, rotate, sinusoidal

B, H, T, D, C = 2, 3, 7, 10, 22


def test_sinusoidal_is_the_papers():
    table = sinusoidal(T, C)
    assert table.shape == (T, C) and table.dtype == torch.float32
    for position in range(T):
        for pair in range(C // 2):
            angle = position / 10_000 ** (2 * pair / C)
            expected = torch.tensor([math.sin(angle), math.cos(angle)])
            torch.testing.assert_close(table[position, 2 * pair : 2 * pair + 2], expected)


def test_sinusoidal_by_hand_with_another_base():
    # base 16, width 4: the frequencies are 1 and 1/4; at position 2π they have turned by 2π and π/2
    expected = torch.tensor([math.sin(4), math.cos(4), math.sin(1), math.cos(1)])
    torch.testing.assert_close(sinusoidal(5, 4, base=16)[4], expected)


def test_sinusoidal_may_start_anywhere_and_stays_exact_far_out():
    torch.testing.assert_close(sinusoidal(T, C, start=5), sinusoidal(T + 5, C)[5:], rtol=0, atol=0)
    far = sinusoidal(1, 2, start=10**6)[0]
    torch.testing.assert_close(far, torch.tensor([math.sin(1e6), math.cos(1e6)]))


def test_dot_products_of_sinusoidal_vectors_depend_on_the_distance_alone():
    table = sinusoidal(53, C).double()
    products = table @ table.T
    for distance in range(20):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-5)
    assert products[0, 0].item() == pytest.approx(C / 2)
    assert products[0, 1:].max() < C / 2 - 0.3


@pytest.mark.parametrize("base", [10_000, 100_000])
def test_rotate_is_transformers_llama(base):
    q, k = numbers(B, H, T, D).requires_grad_(), numbers(B, H, T, D, seed=1).requires_grad_()
    angles = torch.arange(5, 5 + T)[:, None] * base ** -(torch.arange(0, D, 2) / D).double()
    angles = torch.cat([angles, angles], dim=-1)[None].expand(B, -1, -1)  # (B, T, D), as Llama gives them
    expected = apply_rotary_pos_emb(q, k, angles.cos(), angles.sin())
    result = rotate(q, 5, base), rotate(k, 5, base)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    weighed = [sum((each * torch.linspace(-1, 1, T)[:, None]).sum() for each in both) for both in (result, expected)]
    ours, theirs = (torch.autograd.grad(each, [q, k]) for each in weighed)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_rotary_angles_are_transformers_llamas():
    config = LlamaConfig(hidden_size=H * D, num_attention_heads=H, head_dim=D)
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1, T, D), torch.arange(T)[None])
    angles = rotary_angles(T, D)
    torch.testing.assert_close(angles.cos().repeat(1, 2), cos[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(angles.sin().repeat(1, 2), sin[0], rtol=1e-5, atol=1e-5)


def test_rotated_dot_products_depend_on_the_distance_alone():
    q, k = numbers(D), numbers(D, seed=1)

    def product(query_at, key_at):
        return rotate(q[None], query_at)[0] @ rotate(k[None], key_at)[0]

    for query_at, key_at in ((3, 0), (0, 3), (7, 5), (4, 4)):
        torch.testing.assert_close(product(query_at, key_at), product(query_at + 41, key_at + 41), rtol=0, atol=1e-4)
    torch.testing.assert_close(product(4, 4), q @ k)
    assert abs(product(3, 0) - product(0, 3)) > 0.1, "before and after differ"


def test_rotation_keeps_lengths_and_leaves_position_zero():
    x = numbers(B, H, T, D)
    turned = rotate(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(turned[..., 0, :], x[..., 0, :], rtol=0, atol=0)
    assert turned.dtype == x.dtype and rotate(x.bfloat16()).dtype == torch.bfloat16
    torch.testing.assert_close(rotate(x[..., 2:, :], start=2), turned[..., 2:, :], rtol=0, atol=0)


def test_rotate_turns_by_radians():
    turned = rotate(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    expected = [[0, 0], [math.cos(1), math.sin(1)], [-math.sin(2), math.cos(2)]]
    torch.testing.assert_close(turned, torch.tensor(expected))


def test_what_generation_has_kept_can_be_trained_through():
    length = 19  # of no other test: the angles are kept
    with torch.inference_mode():
        rotate(torch.ones(length, D))
    x = torch.ones(length, D, requires_grad=True)
    (gradient,) = torch.autograd.grad((rotate(x) ** 2).sum(), x)
    torch.testing.assert_close(gradient, 2 * x.detach())


def test_what_is_kept_does_not_depend_on_the_default_device():
    with torch.device("meta"):
        rotate(torch.zeros(3, 22), 17)
    assert rotate(torch.ones(3, 22), 17).isfinite().all()


def test_sinusoidal_positions_add_the_table_and_learn_nothing():
    layer, x = SinusoidalPositions(C), numbers(B, T, C).float()
    torch.testing.assert_close(layer(x), x + sinusoidal(T, C))
    torch.testing.assert_close(layer(x, start=3), x + sinusoidal(T + 3, C)[3:])
    assert not list(layer.parameters()) and not layer.state_dict()
    assert layer(x.double()).dtype == torch.float64 and layer(x.bfloat16()).dtype == torch.bfloat16


def test_learned_positions_add_a_vector_that_is_learned():
    torch.manual_seed(0)
    layer, x = LearnedPositions(11, C), numbers(B, T, C).float()
    torch.testing.assert_close(layer(x, start=4), x + layer.vectors[4:])
    (gradient,) = torch.autograd.grad(layer(x, start=1).sum(), layer.vectors)
    assert gradient.sum(dim=1).tolist() == [0, *[B * C] * T, 0, 0, 0]
    assert layer.vectors.std().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda: sinusoidal(3, 5), "the width must be even, but it is 5"),
        (lambda: rotate(torch.zeros(3, 7)), "the width must be even, but it is 7"),
        (lambda: SinusoidalPositions(5)(torch.zeros(1, 2, 5)), "the width must be even, but it is 5"),
        (lambda: LearnedPositions(7, 3)(torch.zeros(1, 8, 3)), "there are 7 learned .* goes on to position 8"),
        (lambda: LearnedPositions(7, 3)(torch.zeros(1, 2, 3), 6), "there are 7 learned .* goes on to position 8"),
    ],
)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=words):
        work()


def test_the_last_learned_position_may_be_used():
    assert LearnedPositions(7, 3)(torch.zeros(1, 2, 3), 5).shape == (1, 2, 3)
