"""Activations read and replaced, beside hooks set by hand; the measurements beside values computed by hand."""

import numpy as np
import pytest
import torch
from helpers import enlarge
from torch import nn

from course_lib.attention import recorded
from course_lib.bert import BERTConfig, MaskedLM
from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.interpret import (
    ablation,
    direct_attribution,
    induction_scores,
    linear_probe,
    logit_lens,
    patching_map,
    recorded_activations,
    replaced,
    streams,
)
from course_lib.lora import LoRAConfig, add_lora
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.transformer import Transformer, TransformerConfig

V, T, B = 13, 7, 3
TOKENS = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(0))
SIZES = {"vocab_size": V, "context_length": 11, "d_model": 30, "n_layers": 2}
MODELS = {
    "GPT": lambda: GPT(GPTConfig(**SIZES, n_heads=5)),
    "ModernGPT": lambda: ModernGPT(ModernGPTConfig(**SIZES, n_heads=5, n_kv_heads=1, d_ff=17)),
    "ModernGPT, untied": lambda: ModernGPT(ModernGPTConfig(**SIZES, n_heads=5, n_kv_heads=5, d_ff=17, tied=False)),
}
every_gpt = pytest.mark.parametrize("name", MODELS)
PLACES = [
    "blocks.0.input",
    "blocks.1",
    "blocks.1.attention",
    "blocks.0.attention.heads",
    "blocks.1.attention.heads.3",
    "blocks.0.feed_forward",
    "norm.input",
]


def make(name="GPT"):
    torch.manual_seed(0)
    return enlarge(MODELS[name]()).double().eval()


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def last_step(model, tokens):
    """The logits after the last token, read by `start` and then `step`."""
    lengths = torch.full((len(tokens),), tokens.shape[1] - 1)
    return model.step(tokens[:, -1], model.start(tokens, lengths))[0]


# Places


@every_gpt
def test_what_is_recorded_is_what_hooks_by_hand_see_and_leaves_the_logits_as_they_are(name):
    model, seen = make(name), {}
    block = model.blocks[1]
    handles = [
        model.blocks[0].register_forward_pre_hook(lambda module, given: seen.update({"blocks.0.input": given[0]})),
        block.register_forward_hook(lambda module, given, x: seen.update({"blocks.1": x})),
        block.attention.register_forward_hook(lambda module, given, x: seen.update({"blocks.1.attention": x})),
        block.attention.output.register_forward_pre_hook(lambda module, given: seen.update(mixed=given[0])),
    ]
    plain = model(TOKENS)
    for handle in handles:
        handle.remove()
    mixed = seen.pop("mixed")
    with recorded_activations(model, [*PLACES, "blocks.1.attention.heads"]) as found:
        logits = model(TOKENS)
    assert torch.equal(logits, plain)
    assert all(torch.equal(found[place], x) for place, x in seen.items())
    assert found["blocks.1.attention.heads"].shape == (B, 5, T, 6)
    assert torch.equal(found["blocks.1.attention.heads"].transpose(1, 2).reshape(B, T, 30), mixed)
    assert torch.equal(found["blocks.1.attention.heads.3"], mixed[..., 18:24])
    assert hooks(model) == 0


@every_gpt
@pytest.mark.parametrize("place", PLACES)
def test_the_recorded_put_back_changes_nothing_and_another_texts_changes_the_logits(name, place):
    model = make(name)
    with recorded_activations(model, [place]) as found:
        plain = model(TOKENS)
    with replaced(model, found):
        assert torch.equal(model(TOKENS), plain)
    with replaced(model, {place: found[place].flip(0)}):
        assert not torch.allclose(model(TOKENS), plain)
    with replaced(model, {place: torch.sin}), recorded_activations(model, [place]) as after:
        model(TOKENS)
    assert torch.equal(after[place], found[place].sin())


def test_the_last_stream_replaced_gives_the_other_texts_logits():
    model = make()
    with recorded_activations(model, ["blocks.1"]) as found:
        plain = model(TOKENS)
    with replaced(model, {"blocks.1": found["blocks.1"].flip(0)}):
        torch.testing.assert_close(model(TOKENS), plain.flip(0))


def test_one_head_replaced_is_the_slice_of_the_output_matrix_by_hand():
    model, other = make(), torch.randn(B, T, 6, dtype=torch.float64)
    with recorded_activations(model, ["blocks.0.attention", "blocks.0.attention.heads.2"]) as found:
        model(TOKENS)
    with (
        replaced(model, {"blocks.0.attention.heads.2": other}),
        recorded_activations(model, ["blocks.0.attention"]) as now,
    ):
        model(TOKENS)
    weight = model.blocks[0].attention.output.weight[:, 12:18]
    moved = (other - found["blocks.0.attention.heads.2"]) @ weight.T
    torch.testing.assert_close(now["blocks.0.attention"], found["blocks.0.attention"] + moved)


def test_nested_blocks_inner_sees_what_the_outer_returned_and_recording_outside_sees_the_models_own():
    model = make()
    with recorded_activations(model, ["blocks.0"]) as outside, replaced(model, {"blocks.0": lambda x: x + 1}):
        with replaced(model, {"blocks.0": lambda x: 2 * x}), recorded_activations(model, ["blocks.0"]) as inside:
            model(TOKENS)
        assert hooks(model) == 2
    assert torch.equal(inside["blocks.0"], 2 * (outside["blocks.0"] + 1))


def test_an_exception_leaves_the_model_as_it_was_and_comes_through():
    model = make()
    plain = model(TOKENS)
    with pytest.raises(ZeroDivisionError), replaced(model, {"blocks.0": lambda x: 1 / 0, "norm": torch.zeros_like}):
        model(TOKENS)
    with (
        pytest.raises(ValueError, match="a place must be"),
        replaced(model, {"norm": torch.zeros_like, "no": torch.sin}),
    ):
        pass
    assert hooks(model) == 0 and torch.equal(model(TOKENS), plain)


def test_a_gradient_with_respect_to_what_was_recorded_is_a_finite_difference():
    model = make()
    with recorded_activations(model, ["blocks.0"]) as found:
        value = model(TOKENS)[0, -1, 4]
    [gradient] = torch.autograd.grad(value, found["blocks.0"])
    step = 1e-6 * torch.randn(B, T, 30, dtype=torch.float64)
    with replaced(model, {"blocks.0": lambda x: x + step}):
        moved = model(TOKENS)[0, -1, 4] - value
    torch.testing.assert_close(moved, (gradient * step).sum(), rtol=1e-3, atol=0)


OTHERS = {
    "MaskedLM": (
        lambda: MaskedLM(BERTConfig(**SIZES, n_heads=5, d_ff=17)),
        (TOKENS,),
        ["bert.blocks.1", "bert.blocks.0.attention.heads.4", "bert.blocks.1.feed_forward"],
    ),
    "Transformer": (
        lambda: Transformer(TransformerConfig(vocab_size=V, d_model=30, n_heads=5, d_ff=17)),
        (TOKENS, TOKENS[:, :4]),
        ["encoder.1", "decoder.0.cross_attention.heads.1", "decoder.1.attention.heads", "decoder.0.feed_forward"],
    ),
    "LSTM": (
        lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=5, d_hidden=7, layer="LSTM")),
        (TOKENS,),
        ["embed", "recurrent", "recurrent.input"],
    ),
}


@pytest.mark.parametrize("make_model, given, places", OTHERS.values(), ids=OTHERS)
def test_other_models_are_read_and_changed_in_the_same_way(make_model, given, places):
    model = make_model().eval()
    with recorded_activations(model, places) as found:
        plain = model(*given)
    for place in places:
        with replaced(model, {place: found[place]}):
            assert torch.equal(model(*given), plain)
        with replaced(model, {place: lambda x: x + torch.linspace(-1, 1, x.shape[-1])}):
            assert not torch.allclose(model(*given), plain, atol=1e-3)


def test_heads_of_a_model_with_adapters():
    model = make()
    add_lora(model, LoRAConfig(targets=("output",)))
    with recorded_activations(model, ["blocks.0.attention.heads.1"]) as found:
        model(TOKENS)
    assert found["blocks.0.attention.heads.1"].shape == (B, T, 6)


# Decoding with a cache


@every_gpt
def test_a_vector_added_at_every_position_is_added_in_cached_decoding_too(name):
    model, vector = make(name), torch.linspace(-2, 2, 30, dtype=torch.float64)
    plain, config = model(TOKENS), GenerationConfig(temperature=0, max_new_tokens=3)
    with replaced(model, {"blocks.0": lambda x: x + vector}):
        steered = model(TOKENS)
        torch.testing.assert_close(last_step(model, TOKENS), steered[:, -1])
        written = generate(model, TOKENS[:1].tolist(), config)
        whole = model(torch.tensor([TOKENS[0].tolist() + written[0]]))
    assert written[0] == whole[0, T - 1 : -1].argmax(-1).tolist()
    assert not torch.allclose(steered, plain)


def test_what_does_not_work_with_a_cache_is_said():
    model = make()
    state = model.start(TOKENS, [T] * B)
    with pytest.raises(ValueError, match="came twice"), recorded_activations(model, ["blocks.0"]):
        generate(model, [[1, 2]], GenerationConfig(max_new_tokens=2))
    with recorded_activations(model, ["blocks.0"]) as found:
        model(TOKENS)
    with pytest.raises(ValueError, match=r"must be a tensor of shape \(3, 1, 30\)"), replaced(model, found):
        model.step(TOKENS[:, 0], state)
    translator = OTHERS["Transformer"][0]().eval()
    state = translator.start(TOKENS, torch.tensor([T] * B))
    changes = {"decoder.0.feed_forward": torch.sin, "decoder.0": torch.sin}  # `step` calls the first
    with pytest.raises(ValueError, match=r"not once through \['decoder.0'\]"), replaced(translator, changes):
        translator.step(TOKENS[:, 0], state)


# Measurements


@every_gpt
def test_logit_lens_ends_with_the_models_logits_and_begins_with_the_embeddings(name):
    model = make(name)
    lens = logit_lens(model, TOKENS)
    assert lens.shape == (3, B, T, V)
    assert torch.equal(lens[-1], model(TOKENS))
    x = model.embedding(TOKENS)
    if name == "GPT":
        x = x + model.positions.weight[:T]
    torch.testing.assert_close(lens[0], model.logits(model.norm(x)))


@pytest.mark.parametrize("place", ["blocks.0", "blocks.1.attention.heads", "blocks.1.attention.heads.2"])
def test_a_patched_run_is_the_one_by_hand(place):
    model, (clean, corrupted) = make("ModernGPT"), TOKENS[:2]

    def metric(logits):
        return logits[:, -1, 3] - logits[:, -1, 5]

    found = patching_map(model, clean, corrupted.tolist(), metric, [place])
    with recorded_activations(model, [place]) as kept:
        best = metric(model(clean[None]))
    worst = metric(model(corrupted[None]))
    for position in range(T):

        def put(x, position=position):
            x = x.clone()
            x[..., position, :] = kept[place][..., position, :]
            return x

        with replaced(model, {place: put}):
            by_hand = (metric(model(corrupted[None])) - worst) / (best - worst)
        torch.testing.assert_close(found[0, position], by_hand[0])


def test_the_map_is_one_where_all_that_differs_is_patched():
    model, clean = make(), TOKENS[0]
    corrupted = clean.clone()
    corrupted[2] = (clean[2] + 1) % V
    found = patching_map(model, clean, corrupted, lambda logits: logits[:, -1, 3])
    assert found.shape == (3, T)
    torch.testing.assert_close(found[0], torch.eye(T, dtype=torch.float64)[2])  # the embeddings differ there alone
    torch.testing.assert_close(found[-1], torch.eye(T, dtype=torch.float64)[-1])  # only the last gives the logits


@every_gpt
def test_the_parts_sum_to_the_difference_of_the_logits(name):
    model, right, wrong = make(name), torch.tensor([1, 2, 3]), torch.tensor([4, 4, 5])
    parts = direct_attribution(model, TOKENS, right, wrong)
    assert parts.heads.shape == (B, 2, 5) and parts.feed_forwards.shape == (B, 2)
    logits, rows = model(TOKENS)[:, -1], torch.arange(B)
    total = parts.embedding + parts.heads.sum((1, 2)) + parts.feed_forwards.sum(1) + parts.biases
    torch.testing.assert_close(total, logits[rows, right] - logits[rows, wrong])


def test_a_heads_part_is_what_is_lost_without_it_where_the_norm_is_held():
    model, right, wrong = make(), torch.tensor([1, 2, 3]), torch.tensor([4, 4, 5])
    parts = direct_attribution(model, TOKENS, right, wrong)
    with recorded_activations(model, ["blocks.1.attention.heads.3", "norm.input"]) as found:
        model(TOKENS)
    stream = found["norm.input"][:, -1]
    written = found["blocks.1.attention.heads.3"][:, -1] @ model.blocks[1].attention.output.weight[:, 18:24].T
    centred = written - written.mean(-1, keepdim=True)
    normed = centred / (stream.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt() * model.norm.weight
    direction = model.embedding.weight[right] - model.embedding.weight[wrong]
    torch.testing.assert_close(parts.heads[:, 1, 3], (normed * direction).sum(-1))


def test_induction_scores_are_the_weights_by_hand():
    model, half = make("ModernGPT"), TOKENS[:, :5]
    rows = torch.cat([half, half], dim=1)
    with recorded(model) as maps:
        model(rows)
    scores = induction_scores(model, rows)
    assert scores.shape == (2, 5)
    for layer in range(2):
        [weights] = maps[f"blocks.{layer}.attention"]
        by_hand = sum(weights[:, :, t, t - 4] for t in range(5, 10)).mean(0) / 5
        torch.testing.assert_close(scores[layer], by_hand)


def test_a_head_that_looks_at_what_followed_scores_one():
    class Copier(nn.Module):
        """A position attends to the one four before it, by queries and keys that are its sines."""

        def __init__(self):
            super().__init__()
            self.attention = GPT(GPTConfig(**SIZES | {"n_layers": 1}, n_heads=1)).blocks[0].attention
            weight = torch.zeros(90, 30)
            weight[torch.arange(30), (torch.arange(30) + 4) % 30] = 100.0
            weight[30 + torch.arange(30), torch.arange(30)] = 100.0
            self.attention.projection.weight.data = weight

        def forward(self, tokens):
            return self.attention(torch.eye(30)[: tokens.shape[1]].expand(len(tokens), -1, -1))

    rows = torch.cat([TOKENS[:, :5]] * 2, dim=1)
    torch.testing.assert_close(induction_scores(Copier(), rows), torch.tensor([[1.0]]))
    assert induction_scores(Copier(), torch.cat([TOKENS[:, :4]] * 2, dim=1)) < 0.01


def test_ablation_puts_zeros_or_the_mean_in_a_heads_place():
    model, heads = make(), [(0, 1), (0, 4), (1, 2)]
    every = [f"blocks.{layer}.attention.heads" for layer in range(2)]
    with recorded_activations(model, every) as usual:
        plain = model(TOKENS)
    with replaced(model, ablation(heads)), recorded_activations(model, every) as now:
        assert not torch.allclose(model(TOKENS), plain)
    assert [pair for pair in np.ndindex(2, 5) if not now[every[pair[0]]][:, pair[1]].any()] == heads
    with replaced(model, ablation(heads, usual)), recorded_activations(model, every) as now:
        model(TOKENS)
    mean = usual[every[1]][:, 2].mean((0, 1))
    torch.testing.assert_close(now[every[1]][:, 2], mean.expand(B, T, 6))
    assert torch.equal(now[every[0]][:, 0], usual[every[0]][:, 0])


def probed(informative, keys=None, seed=0):
    random = np.random.default_rng(1)
    labels = random.integers(2, size=300)
    features = random.normal(size=(300, 4))
    if informative:
        features[:, 2] += 4 * labels
    return linear_probe(features, labels, np.arange(300) % 3 == 0, keys=keys, seed=seed)


def test_a_probe_finds_what_is_there_and_its_control_does_not():
    found, blind = probed(True), probed(False)
    assert found.accuracy > 0.9 and found.right.shape == (100,) and found.right.mean() == found.accuracy
    assert 0.35 < blind.accuracy < 0.65
    assert 0.35 < found.control < 0.65 and 0.4 < found.majority < 0.65


def test_held_out_rows_do_not_train_the_probe():
    random = np.random.default_rng(1)
    features, labels, held_out = random.normal(size=(40, 60)), random.integers(2, size=40), np.arange(40) < 20
    assert linear_probe(features, labels, held_out).accuracy < 0.9  # 60 numbers tell 40 rows apart, were they seen


def test_with_keys_the_control_shows_what_the_probe_can_memorise():
    words = np.arange(300) % 5
    features, labels = torch.eye(5)[words], words % 2
    held_out = np.arange(300) >= 200
    assert linear_probe(features, labels, held_out, keys=[f"word {word}" for word in words], seed=1).control == 1
    assert linear_probe(features, labels, held_out, seed=1).control < 0.75


def test_streams_of_any_list_of_blocks():
    assert streams(make()) == ["blocks.0.input", "blocks.0", "blocks.1"]
    assert streams(OTHERS["MaskedLM"][0](), "bert.blocks")[-1] == "bert.blocks.1"
