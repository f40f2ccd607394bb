"""GPT and ModernGPT against Transformers' on the same weights: logits and gradients; causality, the cache, learning."""

import contextlib
import dataclasses
import math
import signal
import warnings

import pytest
import torch
import transformers
from helpers import enlarge
from torch import Generator, nn
from torch.nn import functional as F

from course_lib.attention import GroupedQueryAttention, recorded
from course_lib.attention.cache import Cache
from course_lib.generation import BeamConfig, Decoder, GenerationConfig, answers, beam_search, generate
from course_lib.gpt import GPT, PRESETS, GPTConfig, ModernGPT, ModernGPTConfig, build, preset
from course_lib.positions import rotate, rotate_by, rotation_at

B, T, V, CONTEXT = 3, 7, 13, 37
OLD = GPTConfig(vocab_size=V, context_length=CONTEXT, d_model=15, n_layers=3, n_heads=5)
NEW = ModernGPTConfig(
    vocab_size=V, context_length=CONTEXT, d_model=24, n_layers=3, n_heads=6, n_kv_heads=2, d_ff=11, rotary_base=101
)
SIZES = ("vocab_size", "context_length", "d_model", "n_layers", "n_heads")
every_model = pytest.mark.parametrize("config", [OLD, NEW], ids=["GPT", "ModernGPT"])


def _model(config, **changes):
    torch.manual_seed(3)
    return enlarge(build(dataclasses.replace(config, **changes)).double())


def _tokens(length=T, seed=1):
    return torch.randint(V, (B, length), generator=Generator().manual_seed(seed))


def _gpt2(ours):
    """Transformers' class with our weights, and the name and form of each: its matrices are (inputs, outputs)."""
    c = ours.config
    sizes = {"vocab_size": V, "n_positions": CONTEXT, "n_embd": c.d_model, "n_layer": c.n_layers, "n_head": c.n_heads}
    off = {"embd_pdrop": 0, "attn_pdrop": 0, "resid_pdrop": 0, "bos_token_id": 0, "eos_token_id": 0}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **off)).double()
    names = {"wte.weight": ["embedding.weight"], "wpe.weight": ["positions.weight"]}
    parts = {"ln_1": "norm1", "ln_2": "norm2", "attn.c_attn": "attention.projection", "attn.c_proj": "attention.output"}
    parts |= {"mlp.c_fc": "feed_forward.hidden", "mlp.c_proj": "feed_forward.output"}
    for kind in ("weight", "bias"):
        names[f"ln_f.{kind}"] = [f"norm.{kind}"]
        for n in range(c.n_layers):
            names |= {f"h.{n}.{there}.{kind}": [f"blocks.{n}.{here}.{kind}"] for there, here in parts.items()}
    return theirs, {f"transformer.{there}": here for there, here in names.items()}, ".c_"


def _llama(ours):
    """Transformers' class with our weights; two of our matrices are five of theirs."""
    c = ours.config
    sizes = {"hidden_size": c.d_model, "intermediate_size": c.d_ff, "num_hidden_layers": c.n_layers}
    sizes |= {"num_attention_heads": c.n_heads, "num_key_value_heads": c.n_kv_heads, "tie_word_embeddings": c.tied}
    sizes |= {"max_position_embeddings": CONTEXT, "rms_norm_eps": c.norm_eps, "vocab_size": V}
    rotary = {"rope_type": "default", "rope_theta": c.rotary_base}
    config = transformers.LlamaConfig(**sizes, head_dim=c.d_model // c.n_heads, rope_parameters=rotary)
    theirs = transformers.LlamaForCausalLM(config).double()
    names = {"model.embed_tokens": ["embedding"], "model.norm": ["norm"]}
    if not c.tied:
        names["lm_head"] = ["output"]
    width, group = c.d_model, c.d_model // c.n_heads * c.n_kv_heads
    for n in range(c.n_layers):
        here, there = f"blocks.{n}", f"model.layers.{n}"
        names[f"{there}.input_layernorm"], names[f"{there}.post_attention_layernorm"] = (
            [f"{here}.norm1"],
            [f"{here}.norm2"],
        )
        for name, rows in (("q", (0, width)), ("k", (width, width + group)), ("v", (width + group, width + 2 * group))):
            names[f"{there}.self_attn.{name}_proj"] = [f"{here}.attention.projection", rows]
        names[f"{there}.self_attn.o_proj"] = [f"{here}.attention.output"]
        names[f"{there}.mlp.gate_proj"] = [f"{here}.feed_forward.hidden", (0, c.d_ff)]
        names[f"{there}.mlp.up_proj"] = [f"{here}.feed_forward.hidden", (c.d_ff, 2 * c.d_ff)]
        names[f"{there}.mlp.down_proj"] = [f"{here}.feed_forward.output"]
    return theirs, {f"{t}.weight": [f"{h[0]}.weight", *h[1:]] for t, h in names.items()}, None


def _theirs(tensor, name, rows, turned):
    """Our weight or gradient as it stands there."""
    tensor = tensor if rows is None else tensor[slice(*rows)]
    return tensor.T if turned and turned in name and tensor.ndim == 2 else tensor


def _same(ours, peer, tolerance):
    """Logits and the gradient of each weight."""
    theirs, names, turned = peer
    parameters = dict(theirs.named_parameters())
    assert set(parameters) == set(names)
    assert {here[0] for here in names.values()} == {name for name, _ in ours.named_parameters()}
    places = [(there, here[0], here[1] if here[1:] else None) for there, here in names.items()]
    with torch.no_grad():
        for there, here, rows in places:
            parameters[there].copy_(_theirs(ours.get_parameter(here), there, rows, turned))
    mine, peers = ours(_tokens()), theirs(_tokens()).logits
    torch.testing.assert_close(mine, peers, **tolerance)
    for logits in (mine, peers):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), _tokens()[:, 1:].flatten()).backward()
    for there, here, rows in places:
        gradient = _theirs(ours.get_parameter(here).grad, there, rows, turned)
        assert gradient.any()
        torch.testing.assert_close(gradient, parameters[there].grad, **tolerance, msg=lambda m, n=here: f"{n}: {m}")


@pytest.mark.parametrize("n_heads", [1, 5])
def test_gpt_equals_transformers_gpt2_in_logits_and_gradients(n_heads):
    ours = _model(OLD, n_heads=n_heads)
    _same(ours, _gpt2(ours), {"rtol": 1e-9, "atol": 1e-11})


@pytest.mark.parametrize("n_kv_heads", [1, 2, 6])
@pytest.mark.parametrize("tied", [True, False])
def test_modern_gpt_equals_transformers_llama_in_logits_and_gradients(n_kv_heads, tied):
    ours = _model(NEW, n_kv_heads=n_kv_heads, tied=tied, norm_eps=0.01)
    _same(ours, _llama(ours), {"rtol": 1e-5, "atol": 1e-6})  # their angles are in single precision, as ours


@pytest.mark.parametrize("name, count", [("gpt2", 124_439_808), ("smollm2", 134_515_008)])
def test_number_of_parameters(name, count):
    with torch.device("meta"):
        model = build(preset(name))
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    kept = model.state_dict()
    assert sum(tensor.numel() for tensor in kept.values()) == count, "no tensor but the weights, none of them twice"
    assert all(parameter.is_meta for parameter in model.parameters()), "nothing was made on another device"


def test_weights_can_be_put_into_a_model_without_any():
    """As one loads a large one: nothing but the weights needs memory."""
    for config in (OLD, NEW):
        full = _model(config)
        with torch.device("meta"):
            empty = build(config)
        empty.load_state_dict(full.state_dict(), assign=True)
        torch.testing.assert_close(empty(_tokens()), full(_tokens()), rtol=0, atol=0)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_the_class_of_their_config(name):
    with torch.device("meta"):
        model = build(preset(name, vocab_size=101))
    assert isinstance(model, GPT if isinstance(PRESETS[name], GPTConfig) else ModernGPT)
    assert model.embedding.weight.shape == (101, PRESETS[name].d_model)
    assert model.config == dataclasses.replace(PRESETS[name], vocab_size=101)


def test_the_real_models_sizes():
    assert dataclasses.astuple(preset("gpt2")) == (50257, 1024, 768, 12, 12, 0.0)
    assert dataclasses.astuple(preset("smollm2")) == (49152, 8192, 576, 30, 9, 3, 1536, 100_000, 1e-5, True)


@every_model
def test_a_later_token_changes_nothing_earlier_and_all_that_follows(config):
    model, tokens = _model(config), _tokens()
    before = model(tokens)
    for place in range(T):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 1) % V
        after = model(other)
        torch.testing.assert_close(before[:, :place], after[:, :place], rtol=0, atol=0)
        assert (before[:, place:] != after[:, place:]).any(-1).all()


@every_model
def test_order_matters(config):
    model, tokens = _model(config), torch.tensor([[1, 2, 3, 4], [2, 1, 3, 4]])
    first, second = model(tokens)[:, -1]
    assert (first - second).abs().max() > 1e-3


@every_model
@pytest.mark.parametrize("lengths", [[5, 5, 5], [1, 5, 3], [0, 4, 5], [0, 2, 2], [0, 0, 0]])
def test_steps_give_the_logits_of_the_whole(config, lengths):
    """Through all the context, so that the cache grows; a row of length n reads what it would read alone."""
    model, tokens = _model(config), _tokens(CONTEXT)
    whole, lengths = model(tokens), torch.tensor(lengths)
    state = model.start(tokens[:, :5].clone(), lengths)
    capacities, rows = {state.cache.shape[-2]}, torch.arange(B)
    for step in range(CONTEXT - int(lengths.max())):
        each, state = model.step(tokens[rows, lengths + step], state)
        torch.testing.assert_close(each, whole[rows, lengths + step])
        capacities.add(state.cache.shape[-2])
    assert capacities == {16, 32, 64}
    with pytest.raises(ValueError, match="a text may have 37 tokens"):
        model.step(tokens[:, 0], state)


@every_model
def test_prompts_without_anything_before_their_last_token(config):
    model, tokens = _model(config), _tokens()
    state = model.start(tokens[:, :0], torch.zeros(B, dtype=torch.long))
    torch.testing.assert_close(model.step(tokens[:, 0], state)[0], model(tokens)[:, 0])


@every_model
def test_what_pads_a_prompt_does_not_matter(config):
    model, tokens, lengths = _model(config), _tokens(), torch.tensor([2, 5, 0])
    other = torch.where(torch.arange(T) < lengths[:, None], tokens, (tokens + 1) % V)
    results = [model.step(tokens[:, 6], model.start(prompt, lengths))[0] for prompt in (tokens, other)]
    torch.testing.assert_close(*results, rtol=0, atol=0)


@every_model
@pytest.mark.parametrize("lengths", [[4, 4, 4], [2, 0, 4]])
@pytest.mark.parametrize("written", [0, 2])
def test_reordered_rows_go_on_as_their_own(config, lengths, written):
    model, tokens, lengths = _model(config), _tokens(), torch.tensor(lengths)
    whole, state, every = model(tokens), model.start(tokens, lengths), torch.arange(B)
    for step in range(written):
        _, state = model.step(tokens[every, lengths + step], state)
    rows, at = torch.tensor([2, 0, 0, 1, 2]), lengths + written
    copied = model.reorder(state, rows)
    disturbed, _ = model.step(torch.zeros(5, dtype=torch.long), model.reorder(state, rows))
    kept, _ = model.step(tokens[every, at], state)
    moved, _ = model.step(tokens[rows, at[rows]], copied)
    torch.testing.assert_close(kept, whole[every, at])
    torch.testing.assert_close(moved, whole[rows, at[rows]])
    assert not torch.allclose(disturbed, moved)


CHUNKS = {  # how many tokens each row brings, chunk by chunk; after the first they are padded to the longest
    "equal": ([4, 4, 4], [3, 3, 3], [5, 5, 5], [1, 1, 1]),
    "a start of unequal rows": ([4, 1, 0], [3, 3, 3], [1, 1, 1], [5, 5, 5]),
    "unequal chunks": ([2, 2, 2], [3, 1, 2], [0, 4, 2], [2, 2, 2], [1, 1, 1]),
    "one row waits": ([0, 3, 1], [0, 1, 5], [0, 0, 0], [1, 2, 0], [9, 9, 9]),
    "to the end of the context": ([30, 2, 2], [7, 3, 1], [0, 7, 7], [0, 25, 1]),
}


@pytest.fixture
def nan_in_new_memory():
    torch.use_deterministic_algorithms(True)  # which fills it
    yield
    torch.use_deterministic_algorithms(False)


@every_model
@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunks_give_the_logits_of_the_whole(config, chunks, nan_in_new_memory):
    model, tokens, read = _model(config), _tokens(CONTEXT), [0] * B
    whole, state = model(tokens), model.start(tokens, torch.tensor(chunks[0]))
    for counts in chunks:
        if counts is not chunks[0]:
            padded = torch.full((B, max(counts)), V - 1)
            for row, (start, count) in enumerate(zip(read, counts, strict=True)):
                padded[row, :count] = tokens[row, start : start + count]
            logits, state = model.extend(padded, state, torch.tensor(counts))
            for row, (start, count) in enumerate(zip(read, counts, strict=True)):
                torch.testing.assert_close(logits[row, :count], whole[row, start : start + count])
        read = [start + count for start, count in zip(read, counts, strict=True)]
        assert state.lengths == read


@every_model
@pytest.mark.parametrize("lengths", [[6, 6, 6], [6, 2, 4]])
def test_one_may_go_back_and_on_another_way(config, lengths):
    """As speculative decoding does: six tokens, of which each row keeps some, and others after them."""
    model, tokens, others = _model(config), _tokens(20), _tokens(20, seed=2)
    state = model.start(tokens, torch.tensor(lengths))
    _, longer = model.extend(others[:, :6], state)
    kept = [length + more for length, more in zip(lengths, (2, 0, 6), strict=True)]
    shorter = model.truncate(longer, kept)
    assert shorter.lengths == kept and shorter.cache is longer.cache
    rows = [torch.cat([tokens[b, : lengths[b]], others[b, : kept[b] - lengths[b]], tokens[b, 9:13]]) for b in range(B)]
    logits, after = model.extend(tokens[:, 9:12], shorter)
    last, _ = model.step(tokens[:, 12], after)
    for b, row in enumerate(rows):
        torch.testing.assert_close(torch.cat([logits[b], last[b : b + 1]]), model(row[None])[0, -4:])
    for lost in (state, longer):
        for work in (lambda s: model.step(tokens[:, 0], s), lambda s: model.reorder(s, torch.tensor([0]))):
            with pytest.raises(ValueError, match="this state was truncated: go on from the one that truncate returned"):
                work(lost)
    assert model.truncate(after, after.lengths) is after
    with pytest.raises(ValueError, match=r"lengths must be integers, one a row, from 0 to \[.*, but it is"):
        model.truncate(after, [1, 1, 99])


@every_model
def test_a_row_may_be_given_to_another_text(config):
    """As a server does: one answer has ended, and the next prompt is read while the others go on."""
    model, tokens, other = _model(config), _tokens(20), _tokens(20, seed=2)
    state = model.start(tokens, torch.tensor([4, 6, 9]))
    state = model.truncate(state, [4, 0, 9])
    padded = torch.zeros(B, 5, dtype=torch.long)
    padded[0, 0], padded[1], padded[2, 0] = tokens[0, 4], other[1, :5], tokens[2, 9]
    logits, state = model.extend(padded, state, [1, 5, 1])
    for row, count, text in ((0, 1, tokens[0, :5]), (1, 5, other[1, :5]), (2, 1, tokens[2, :10])):
        torch.testing.assert_close(logits[row, count - 1], model(text[None])[0, -1])
    assert state.lengths == [5, 5, 10]


@every_model
@pytest.mark.parametrize("lengths", [[4, 4, 4], [4, 0, 2]])
def test_a_state_may_be_gone_on_from_twice(config, lengths):
    model, tokens, others, every = _model(config), _tokens(20), _tokens(20, seed=2), torch.arange(B)
    state = model.start(tokens, torch.tensor(lengths))
    _, first = model.step(tokens[every, torch.tensor(lengths)], state)
    _, second = model.extend(others[:, :2], state)
    after_first, _ = model.step(tokens[every, torch.tensor(lengths) + 1], first)
    after_second, _ = model.step(others[:, 2], second)
    for b, length in enumerate(lengths):
        torch.testing.assert_close(after_first[b], model(tokens[b : b + 1, : length + 2])[0, -1])
        text = torch.cat([tokens[b, :length], others[b, :3]])
        torch.testing.assert_close(after_second[b], model(text[None])[0, -1])


@every_model
def test_a_reading_that_is_stopped_leaves_the_state_as_it_was(config):
    model, tokens = _model(config), _tokens()
    state = model.start(tokens, torch.tensor([4, 4, 4]))
    handle = model.blocks[1].register_forward_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        model.extend(_tokens(3, seed=2), state)
    handle.remove()
    logits, _ = model.extend(tokens[:, 4:], state)
    torch.testing.assert_close(logits, model(tokens)[:, 4:])


@every_model
def test_keys_and_values_are_written_in_place(config):
    model, tokens = _model(config), _tokens()
    state = model.start(tokens[:, :3], torch.tensor([3, 3, 3]))
    _, after = model.step(tokens[:, 3], state)
    assert after.cache is state.cache and not after.cache.requires_grad
    heads = getattr(config, "n_kv_heads", config.n_heads)
    assert after.cache.shape == (3, 2, B, heads, 16, config.d_model // config.n_heads)


@every_model
def test_a_batch_of_unequal_prompts_answers_as_each_alone(config):
    model, prompts = _model(config), [[1, 2, 3, 4, 5], [6], [7, 8, 0]]
    assert isinstance(model, Decoder)
    settings = GenerationConfig(max_new_tokens=29)
    generators = [[Generator().manual_seed(seed) for seed in range(B)] for _ in range(2)]
    together = generate(model, prompts, settings, generators[0])
    alone = [generate(model, [p], settings, g)[0] for p, g in zip(prompts, generators[1], strict=True)]
    assert together == alone and len({*map(tuple, together)}) == B


@every_model
@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0}, {}, {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "repetition_penalty": 1.3}],
    ids=["greedy", "plain", "all"],
)
def test_log_probabilities_are_those_of_the_written_text(config, settings):
    """Of the logits as they are, whatever is done to them before a token is chosen; rows end at different steps."""
    model, prompts = _model(config), [[1, 2, 3, 4, 5], [6], [7, 8, 0], [1]]
    settings = GenerationConfig(max_new_tokens=9, end_token=3, **settings)
    found = answers(model, prompts, settings, [Generator().manual_seed(seed) for seed in range(4)])
    for prompt, answer in zip(prompts, found, strict=True):
        ended = answer.reason == "end token"
        written, ln_p = [*answer.tokens, *[3] * ended], [*answer.log_probabilities]
        ln_p += [answer.end_log_probability] * ended
        logits = model(torch.tensor([prompt + written]))[0, len(prompt) - 1 : -1]
        expected = logits.log_softmax(-1)[torch.arange(len(written)), written]
        torch.testing.assert_close(torch.tensor(ln_p, dtype=torch.float64), expected, atol=1e-5, rtol=1e-5)
    if settings.temperature:
        assert {answer.reason for answer in found} == {"end token", "max_new_tokens"}


@every_model
def test_a_text_at_the_end_of_the_context_keeps_what_was_written_and_its_mates_go_on(config):
    prompts, alone = [_tokens(CONTEXT)[0].tolist(), [6], _tokens(35)[1].tolist(), [7, 8, 0]], []
    model, rule = _model(config), GenerationConfig(temperature=0, max_new_tokens=CONTEXT - 2)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        together = generate(model, prompts, rule)
    assert [str(one.message) for one in warned] == [
        "2 of 4 answers end early, as the model's context is full (config.context_length)"
    ]
    assert warned[0].category is UserWarning
    for prompt in prompts:
        [answer] = answers(model, [prompt], rule)
        alone.append(answer.tokens)
        assert answer.reason == ("context" if len(prompt) > 3 else "max_new_tokens")
    assert together == alone and [*map(len, together)] == [1, 35, 3, 35]
    text = prompts[2] + together[2]
    assert text[35:] == model(torch.tensor([text[:-1]]))[0, 34:].argmax(-1).tolist()


def test_a_prompt_longer_than_the_context_is_refused_before_anything_is_computed():
    model = _model(OLD)
    model.read = None
    with pytest.raises(ValueError, match=r"prompts\[1\] must fit .* context, 37 tokens .*, but it has 38$"):
        generate(model, [[1], [2] * 38], GenerationConfig())
    with pytest.raises(ValueError, match=r"prompts\[0\] and begin_token must fit .* context, 37 tokens .*it has 37$"):
        generate(model, [[2] * 37], GenerationConfig(begin_token=1))


@every_model
def test_beams_end_where_the_context_does(config):
    model, rule = _model(config), BeamConfig(n_beams=2, begin_token=1, end_token=V - 1, max_new_tokens=30)
    logits, never = model.logits, torch.arange(V) == V - 1
    model.logits = lambda x: logits(x).masked_fill(never, -math.inf)
    sources = [[3] * 36, [2] * 30, [4]]
    with pytest.warns(UserWarning, match="2 of 3 answers end early"):
        found = beam_search(model, sources, rule)
    assert [len(one[0].tokens) for one in found] == [1, 7, 30]
    assert found[2] == beam_search(model, [[4]], rule)[0]
    with pytest.raises(ValueError, match=r"sources\[0\] and begin_token must fit into the model's context"):
        beam_search(model, [[3] * 37], rule)


@every_model
def test_half_precision_throughout(config):
    model = _model(config).to(torch.bfloat16)
    tokens, lengths = _tokens(), torch.tensor([3, 5, 0])
    state = model.start(tokens, lengths)
    logits, state = model.step(tokens[torch.arange(B), lengths], state)
    assert logits.dtype == state.cache.dtype == torch.bfloat16
    expected = _model(config)(tokens)[torch.arange(B), lengths]
    assert (logits - expected).abs().max() < 0.05 * expected.abs().max()


@every_model
def test_the_stream_has_the_precision_of_autocast(config):
    model, streams = _model(config).float(), []
    expected = model(_tokens())
    for block in model.blocks:
        block.register_forward_hook(lambda block, inputs, stream: streams.append(stream.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16), warnings.catch_warnings(action="error"):
        logits = model(_tokens())
    assert streams == [torch.bfloat16] * 3
    assert 0 < (logits - expected).abs().max() < 0.05 * expected.abs().max()


@every_model
def test_attention_is_recorded_by_name_and_changes_nothing(config):
    model, tokens = _model(config), _tokens()
    with recorded(model) as maps:
        logits = model(tokens)
        state = model.start(tokens, torch.tensor([3, 1, 0]))
        model.step(tokens[:, 0], state)
    torch.testing.assert_close(logits, model(tokens))
    assert list(maps) == [f"blocks.{n}.attention" for n in range(3)]
    for whole, start, step in maps.values():
        assert whole.shape == (B, config.n_heads, T, T) and start.shape == (B, config.n_heads, 3, 3)
        assert step.shape == (B, config.n_heads, 1, 4)
        assert not whole.triu(1).any() and not step[1, ..., 2:].any() and not step[2, ..., 1:].any()
        for weights in (whole, step):
            torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


@pytest.mark.parametrize("start", [0, 5])
def test_rotations_are_those_of_rotate(start):
    x = torch.randn(2, 3, T, 10, generator=Generator().manual_seed(0))
    rotation = rotation_at(torch.arange(start, start + T), 10, 101)
    torch.testing.assert_close(rotate_by(x, rotation), rotate(x, start, 101))
    each = rotation_at(torch.tensor([[start], [start + 3]])[:, None], 10, 101)  # a position for each row
    moved = rotate_by(x[:, :, :1], each)
    for row, place in enumerate((start, start + 3)):
        torch.testing.assert_close(moved[row], rotate(x[row, :, :1], place, 101))


def test_heads_of_a_group_look_at_the_same_keys():
    """Grouped attention is multi-head attention whose heads of keys and values come several times."""
    torch.manual_seed(0)
    grouped, many = GroupedQueryAttention(20, 10, 2), GroupedQueryAttention(20, 10, 10)
    q, k, v = grouped.projection.weight.split([20, 4, 4])
    repeated = [part.view(2, 2, 20).repeat_interleave(5, dim=0).flatten(0, 1) for part in (k, v)]
    many.load_state_dict({"projection.weight": torch.cat([q, *repeated]), "output.weight": grouped.output.weight})
    x = torch.randn(B, T, 20)
    torch.testing.assert_close(grouped(x), many(x))


@torch.no_grad()
@pytest.mark.parametrize("recording", [False, True], ids=["fused", "recorded"])
@pytest.mark.parametrize("rotary", [False, True])
def test_new_tokens_attend_to_the_cache_and_to_each_other(recording, rotary):
    """Chunks of 2, 4 and 1 tokens give what one reading of all 7 gives."""
    torch.manual_seed(0)
    attention, x = GroupedQueryAttention(20, 10, 2).double(), torch.randn(B, T, 20, dtype=torch.float64)
    cos, sin = rotation_at(torch.arange(T), 2)
    keys, values = torch.full((2, B, 2, T, 2), math.nan, dtype=torch.float64)
    with recorded(attention) as maps:
        whole = attention(x, (cos, sin) if rotary else None)
    weights = maps[""][0]
    for start, end in ((0, 2), (2, 6), (6, 7)):
        rotation, cache = (cos[start:end], sin[start:end]), (keys[:, :, :end], values[:, :, :end])
        with recorded(attention) if recording else contextlib.nullcontext({"": []}) as maps:
            part = attention(x[:, start:end], rotation if rotary else None, cache)
        torch.testing.assert_close(part, whole[:, start:end])
        for seen in maps[""]:
            torch.testing.assert_close(seen, weights[:, :, start:end, :end])


@torch.no_grad()
def test_new_tokens_behind_rows_of_unequal_length():
    torch.manual_seed(0)
    attention, x = GroupedQueryAttention(20, 10, 2).double(), torch.randn(2, T, 20, dtype=torch.float64)
    whole, cache = attention(x), torch.full((2, 2, 2, T, 2), math.nan, dtype=torch.float64)
    attention(x[:, :4], None, (cache[0, :, :, :4], cache[1, :, :, :4]))
    cache[:, 1, :, 1:4] = math.inf  # row 1 has a single token; an infinite key or value would be noticed
    cache[:, :, :, 4:] = 0
    new = torch.stack([x[0, 4:], x[1, 1:4]])
    part = attention(new, None, Cache(*cache, torch.tensor([[4, 5, 6], [1, 2, 3]])))
    torch.testing.assert_close(part, torch.stack([whole[0, 4:], whole[1, 1:4]]))


@pytest.mark.parametrize(
    "shape, positions, words",
    [
        ((B, 2, 1, 2), None, r"a cache must be \(3, 2, at least 2, 2\) for these tokens, but .*\(3, 2, 1, 2\)"),
        ((1, 2, T, 2), None, r"a cache must be .*\(1, 2, 7, 2\)"),
        ((B, 10, T, 2), None, r"a cache must be .*\(3, 10, 7, 2\)"),
        ((B, T, 2), None, r"a cache must be .*\(3, 7, 2\)"),
        ((B, 2, T, 2), torch.tensor([[1, 2]]), r"a cache's positions must be \(3, 2\), but .*\(1, 2\)"),
    ],
)
def test_a_cache_that_does_not_fit(shape, positions, words, monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)
    cache = Cache(torch.zeros(shape), torch.zeros(shape), positions)
    with pytest.raises(ValueError, match=words):
        GroupedQueryAttention(20, 10, 2)(torch.zeros(B, 2, 20), None, cache)


@every_model
def test_one_matrix_embeds_and_gives_the_logits(config):
    model, tokens = _model(config), _tokens(3)
    assert sum(V in parameter.shape for parameter in model.parameters()) == 1
    model(tokens).square().sum().backward()
    assert model.embedding.weight.grad.any(dim=1).all(), "as an output, every row has a gradient"


def test_or_two_of_them():
    model = _model(NEW, tied=False)
    assert sum(V in parameter.shape for parameter in model.parameters()) == 2
    x = torch.randn(2, 24, dtype=torch.float64)
    torch.testing.assert_close(model.logits(x), x @ model.output.weight.T)


@every_model
def test_first_weights(config):
    torch.manual_seed(0)
    model = build(dataclasses.replace(config, vocab_size=1009, d_model=120, n_layers=8))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif parameter.ndim == 1:
            assert (parameter == 1).all(), name
        else:
            writes = "attention.output" in name or "feed_forward.output" in name
            assert parameter.std().item() == pytest.approx(0.02 / (4 if writes else 1), rel=0.06), name


@every_model
def test_an_untrained_model_hardly_knows_anything(config):
    torch.manual_seed(0)
    model = build(dataclasses.replace(config, vocab_size=1009, d_model=60))
    tokens = torch.randint(1009, (11, CONTEXT + 1))
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).item()
    assert loss == pytest.approx(math.log(1009), abs=0.1)


@every_model
def test_one_batch_is_learned_by_heart(config):
    torch.manual_seed(0)
    model, tokens = build(config), _tokens()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(150):
        # What the first token is followed by must be the same in all rows to be known; so it stands for the row.
        loss = F.cross_entropy(model(tokens[:, :-1])[:, 1:].flatten(0, 1), tokens[:, 2:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.02


def test_dropout_in_training_only():
    model, plain, tokens = _model(OLD, dropout=0.4), _model(OLD), _tokens()
    torch.testing.assert_close(model.eval()(tokens), plain(tokens), rtol=0, atol=0)
    model.train()
    torch.manual_seed(0)
    assert not torch.allclose(model(tokens), model(tokens))
    calls = []
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            assert module.p == 0.4
            module.register_forward_hook(lambda module, inputs, result: calls.append(result.shape))
    model(tokens)
    assert calls == [(B, T, 15)] * (1 + 2 * 3), "the embeddings, and each sublayer's output"


@every_model
def test_a_text_longer_than_the_context(config):
    model, words = build(config), r"a text may have 37 tokens \(context_length\), but this one has 38"
    model(_tokens(CONTEXT))
    with pytest.raises(ValueError, match=words):
        model(_tokens(CONTEXT + 1))
    with pytest.raises(ValueError, match=words):
        model.start(_tokens(CONTEXT + 1), torch.tensor([2, 38, 3]))
    model.start(_tokens(CONTEXT + 1), torch.tensor([2, 37, 3]))


@pytest.mark.parametrize("sizes, words", [((15, 4, 2), "4 and 15"), ((15, 5, 2), "2 and 5")])
def test_heads_that_do_not_divide(sizes, words):
    with pytest.raises(ValueError, match=f"must divide .*, but they are {words}"):
        GroupedQueryAttention(*sizes)
