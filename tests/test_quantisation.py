"""Weights in a few bits: what comes back and how far off, the peers' codes, the layers that keep integers."""

import copy

import gguf
import numpy as np
import pytest
import torch
from helpers import enlarge
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.linear import Linear
from course_lib.quantisation import (
    QuantisationConfig,
    QuantisedLinear,
    quantise,
    quantise_dynamically,
    quantise_model,
    relative_error,
    stored_bytes,
)
from course_lib.transformer import Transformer, TransformerConfig

MODERN = {
    "vocab_size": 13,
    "context_length": 12,
    "d_model": 16,
    "n_layers": 2,
    "n_heads": 4,
    "n_kv_heads": 2,
    "d_ff": 24,
}


def matrix(rows=5, width=64, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def modern():
    torch.manual_seed(0)
    return enlarge(ModernGPT(ModernGPTConfig(**MODERN))).eval()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 8),
    st.sampled_from([None, 1, 4, 8]),
    st.booleans(),
    st.lists(st.floats(-100, 100, width=32), min_size=8, max_size=8),
)
def test_every_weight_comes_back_within_half_a_step(bits, block, zero_point, row):
    weights = torch.tensor([row])
    back = quantise(weights, QuantisationConfig(bits=bits, block=block, zero_point=zero_point)).weights()
    blocks = weights.unflatten(1, (-1, block or 8))
    reach = blocks.amax(-1) - blocks.amin(-1) if zero_point else blocks.abs().amax(-1)
    steps = 2**bits - 1 if zero_point else 2 ** (bits - 1) - 1
    largest = blocks.abs().amax(-1)
    allowed = reach / steps / 2 + 2**-10 * (largest + reach) + 1e-5  # half a step, and the rounding of half precision
    assert ((back - weights).abs().unflatten(1, (-1, block or 8)).amax(-1) <= allowed).all()


def test_codes_are_those_of_llama_cpps_q8_0():
    weights = matrix()
    ours = quantise(weights, QuantisationConfig(bits=8, block=32))
    theirs = gguf.quants.quantize(weights.numpy(), gguf.GGMLQuantizationType.Q8_0).reshape(5, 2, 34)
    codes = theirs[..., 2:].view(np.int8).astype(int)
    assert (ours.codes.numpy().astype(int) - 128 == codes).all()
    np.testing.assert_array_equal(ours.scales[..., 0].numpy(), theirs[..., :2].copy().view(np.float16)[..., 0])


def test_weights_are_those_of_llama_cpps_q4_1_which_lie_on_the_grid_when_quantised_again():
    weights, kind = matrix().numpy(), gguf.GGMLQuantizationType.Q4_1
    theirs = torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(weights, kind), kind).copy())
    config = QuantisationConfig(bits=4, block=32, zero_point=True)
    torch.testing.assert_close(quantise(torch.from_numpy(weights), config).weights(), theirs)
    assert relative_error(theirs, config) < 1e-3 < 0.05 < relative_error(torch.from_numpy(weights), config)


def test_codes_per_row_are_those_of_pytorch():
    weights = matrix(rows=3, width=7)
    scales = weights.abs().amax(1) / 127
    theirs = torch.fake_quantize_per_channel_affine(weights, scales, torch.zeros(3).int(), 0, -128, 127)
    ours = quantise(weights, QuantisationConfig())
    assert (ours.codes[:, 0].int() - 128 == (theirs / scales[:, None]).round()).all()


def test_an_outlier_spoils_its_own_block_only():
    weights = matrix(rows=1)
    spoiled = weights.clone()
    spoiled[0, 3] = 100.0
    config = QuantisationConfig(bits=4, block=32)
    before, after = quantise(weights, config).weights(), quantise(spoiled, config).weights()
    assert (before[:, 32:] == after[:, 32:]).all()
    assert (after[0, :32].count_nonzero(), after[0, 3].round()) == (1, 100)  # the others all became 0


def test_more_bits_and_smaller_blocks_are_closer():
    weights = matrix()
    errors = [relative_error(weights, QuantisationConfig(bits=bits)) for bits in range(2, 9)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.02
    by_block = [relative_error(weights, QuantisationConfig(bits=4, block=block)) for block in (64, 32, 16, 8)]
    assert by_block == sorted(by_block, reverse=True)


def test_blocks_of_equal_weights_and_of_zeros_come_back():
    weights = torch.tensor([[0.0, 0.0, 0.5, 0.5]])
    for zero_point in (False, True):
        config = QuantisationConfig(bits=4, block=2, zero_point=zero_point)
        torch.testing.assert_close(quantise(weights, config).weights(), weights, rtol=2**-10, atol=0)
    assert relative_error(torch.zeros(1, 4), QuantisationConfig()) == 0


@pytest.mark.parametrize(
    ("config", "bits"),
    [
        (QuantisationConfig(), 8 + 16 / 576),
        (QuantisationConfig(bits=4, block=64), 4.25),
        (QuantisationConfig(bits=4, block=32, zero_point=True), 5),
    ],
)
def test_bits_per_weight_are_what_the_layer_keeps(config, bits):
    assert config.bits_per_weight(576) == bits
    assert stored_bytes(QuantisedLinear(Linear(576, 3, bias=False), config)) * 8 == bits * 576 * 3


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("zero_point", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_layer_computes_with_the_weights_that_come_back(bits, zero_point, bias):
    torch.manual_seed(0)
    layer, x = Linear(12, 5, bias=bias), torch.randn(2, 3, 12)
    config = QuantisationConfig(bits=bits, block=6, zero_point=zero_point)
    expected = F.linear(x, quantise(layer.weight, config).weights(), layer.bias)
    torch.testing.assert_close(QuantisedLinear(layer, config)(x), expected)
    odd = QuantisationConfig(bits=bits, block=3, zero_point=zero_point)  # codes of a block cannot be paired
    torch.testing.assert_close(QuantisedLinear(layer, odd).weight, quantise(layer.weight, odd).weights())


def test_a_models_layers_are_replaced_but_for_those_left_out():
    model = modern()
    count = quantise_model(model, QuantisationConfig(bits=4, block=8), leave_out=["blocks.0.", "output"])
    kept = {path for path, layer in model.named_modules() if isinstance(layer, QuantisedLinear)}
    assert kept == {"blocks.1.attention.projection", "blocks.1.feed_forward.hidden"}
    assert count == 16 * (16 + 2 * 8) + 16 * 48
    with pytest.raises(ValueError, match="must name layers"):
        quantise_model(modern(), QuantisationConfig(), leave_out=["head"])


def test_a_model_in_8_bits_gives_nearly_its_logits_and_decodes_with_its_cache():
    model, tokens = modern(), torch.tensor([[1, 5, 2, 7]])
    before, size = model(tokens), stored_bytes(model)
    quantise_model(model, QuantisationConfig(bits=8, block=8))
    torch.testing.assert_close(model(tokens), before, rtol=0, atol=0.03 * before.abs().max().item())
    assert stored_bytes(model) < 0.55 * size
    [answer] = generate(model, [[1, 5]], GenerationConfig(max_new_tokens=6, temperature=0))
    text = [1, 5]
    for _ in range(6):
        text.append(model(torch.tensor([text]))[0, -1].argmax().item())
    assert answer == text[2:]


def test_the_encoder_decoder_whose_attention_reads_rows_of_weights_is_quantised_too():
    torch.manual_seed(0)
    config = TransformerConfig(vocab_size=7, d_model=8, n_heads=2, d_ff=12)
    model, source = Transformer(config).eval(), torch.tensor([[1, 2, 3]])
    before = model(source, source)
    quantise_model(model, QuantisationConfig())
    torch.testing.assert_close(model(source, source), before, rtol=0, atol=0.1)


@pytest.mark.parametrize(
    "build", [modern, lambda: enlarge(GPT(GPTConfig(vocab_size=13, d_model=16, n_layers=2))).eval()]
)
def test_pytorchs_layers_give_nearly_the_logits(build):
    model, tokens = build(), torch.tensor([[1, 5, 2, 7]])
    exact = copy.deepcopy(model)
    count = quantise_dynamically(model)
    assert count == sum(layer.weight.numel() for layer in exact.modules() if type(layer) is Linear)
    with torch.no_grad():
        logits, expected = model(tokens), exact(tokens)
    assert ((logits - expected).norm() / expected.norm()).item() < 0.05
    assert generate(model, [[1, 5]], GenerationConfig(max_new_tokens=3, temperature=0))


def test_nothing_warns_of_what_pytorch_has_deprecated(recwarn):
    quantise_dynamically(modern())
    assert not recwarn.list
