"""LoRA beside the package `peft`; merging, saving and training; and which matrices a target selects."""

import copy

import peft
import pytest
import torch
import transformers
from helpers import enlarge, numbers
from torch import nn
from torch.nn import functional as F

from course_lib.attention import GroupedQueryAttention
from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.linear import Linear
from course_lib.lora import LoRAConfig, LoRALinear, add_lora, load_lora, merge_lora, save_lora
from course_lib.losses import next_token_loss
from course_lib.pretrained import chat_tokens, llama_layout, load_smollm2
from course_lib.training import Execution, TrainingConfig, train
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.tuning import answer_loss, answer_rows

V, T = 13, 7
MODERN = ModernGPTConfig(vocab_size=V, context_length=T, d_model=24, n_layers=2, n_heads=6, n_kv_heads=2, d_ff=10)
OLD = GPTConfig(vocab_size=V, context_length=T, d_model=10, n_layers=2, n_heads=2)
TOKENS = torch.randint(V, (3, T), generator=torch.Generator().manual_seed(0))
EVERY = ["blocks"]


def make(config=MODERN):
    torch.manual_seed(0)
    return enlarge(GPT(config) if isinstance(config, GPTConfig) else ModernGPT(config)).double()


def adapted(model, **config):
    """A model with adapters whose B is no longer zero."""
    add_lora(model, LoRAConfig(**{"rank": 3, "alpha": 5, **config}))
    for number, weight in enumerate(trained(model)):
        weight.data = numbers(*weight.shape, seed=number).to(weight.dtype) / 3
    return model


def trained(model):
    return [weight for weight in model.parameters() if weight.requires_grad]


def layers(model):
    return {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}


def give(theirs, adapter):
    """Our A and B to a layer of peft's."""
    theirs.lora_A["default"].weight.data = adapter[0].weight.data.clone()
    theirs.lora_B["default"].weight.data = adapter[1].weight.data.clone()


def same_gradients(theirs, adapter):
    for ours, matrix in zip(adapter, (theirs.lora_A, theirs.lora_B), strict=True):
        torch.testing.assert_close(ours.weight.grad, matrix["default"].weight.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", [OLD, MODERN])
def test_values_and_gradients_of_peft_in_the_same_model(config):
    theirs = peft.inject_adapter_in_model(peft.LoraConfig(r=3, lora_alpha=5, target_modules=["output"]), make(config))
    ours = adapted(make(config), targets=["output"])
    assert len(layers(ours)) == 4
    for name, layer in layers(ours).items():
        give(theirs.get_submodule(name), layer.adapters["whole"])
    torch.testing.assert_close(ours(TOKENS), theirs(TOKENS), rtol=1e-6, atol=1e-6)
    for model in (ours, theirs):
        F.cross_entropy(model(TOKENS).flatten(0, 1), TOKENS.flatten()).backward()
    for name, layer in layers(ours).items():
        same_gradients(theirs.get_submodule(name), layer.adapters["whole"])
        assert layer.base.weight.grad is None


def test_parts_of_a_stacked_matrix_are_peft_on_matrices_apart():
    rows = {"query": slice(0, 6), "key": slice(6, 8), "value": slice(8, 10)}
    stacked, x = Linear(5, 10).double(), numbers(3, 7, 5)
    ours = LoRALinear(stacked, rows, LoRAConfig(rank=3, alpha=5))
    for number, weight in enumerate(ours.adapters.parameters()):
        weight.data = numbers(*weight.shape, seed=number)
    apart = nn.ModuleDict({f"for_{part}": nn.Linear(5, some.stop - some.start) for part, some in rows.items()}).double()
    for part, some in rows.items():
        apart[f"for_{part}"].weight.data = stacked.weight.data[some].clone()
        apart[f"for_{part}"].bias.data = stacked.bias.data[some].clone()
    settings = peft.LoraConfig(r=3, lora_alpha=5, target_modules=list(apart))
    apart = peft.inject_adapter_in_model(settings, apart)
    for part in rows:
        give(apart[f"for_{part}"], ours.adapters[part])
    theirs = torch.cat([apart[f"for_{part}"](x) for part in rows], dim=-1)
    torch.testing.assert_close(ours(x), theirs, rtol=1e-6, atol=1e-6)
    ours(x).pow(2).sum().backward()
    theirs.pow(2).sum().backward()
    for part in rows:
        same_gradients(apart[f"for_{part}"], ours.adapters[part])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["query", "value"], ["q_proj", "v_proj"]),
        (EVERY, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
    ],
)
def test_a_llama_with_pefts_adapters(ours, theirs):
    model = make().float()
    config = transformers.LlamaConfig(
        vocab_size=V,
        hidden_size=24,
        intermediate_size=10,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=T,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
    llama, weights = transformers.LlamaForCausalLM(config).eval(), {}
    for name, parts in llama_layout(model.config).items():
        pieces = model.state_dict()[name].split([part.shape[0] for part in parts])
        weights |= {part.name: piece for part, piece in zip(parts, pieces, strict=True)}
    llama.load_state_dict(weights, strict=False)
    adapted(model, targets=ours)
    llama = peft.inject_adapter_in_model(peft.LoraConfig(r=3, lora_alpha=5, target_modules=theirs), llama)
    names = {"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj"}
    names |= {"gate": "mlp.gate_proj", "up": "mlp.up_proj"}
    pairs = []
    for name, layer in layers(model).items():
        for part, adapter in layer.adapters.items():
            whole = "self_attn.o_proj" if "attention" in name else "mlp.down_proj"
            other = llama.get_submodule(f"model.layers.{name.split('.')[1]}.{names.get(part, whole)}")
            give(other, adapter)
            pairs.append((other, adapter))
    assert len(pairs) == 2 * len(theirs)
    torch.testing.assert_close(model(TOKENS), llama(TOKENS).logits, rtol=1e-4, atol=1e-4)
    next_token_loss(model, (TOKENS[:, :-1], TOKENS[:, 1:])).backward()
    llama(TOKENS, labels=TOKENS).loss.backward()
    for other, (a, b) in pairs:
        torch.testing.assert_close(a.weight.grad, other.lora_A["default"].weight.grad, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(b.weight.grad, other.lora_B["default"].weight.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "targets", "count"),
    [
        (MODERN, ["query", "value"], 3 * (24 + 24) + 3 * (24 + 8)),
        (MODERN, ["projection"], 3 * (24 + 24) + 2 * 3 * (24 + 8)),
        (MODERN, ["attention.output"], 3 * (24 + 24)),
        (MODERN, ["feed_forward"], 2 * 3 * (24 + 10) + 3 * (10 + 24)),
        (MODERN, ["hidden.gate"], 3 * (24 + 10)),
        (OLD, ["query", "key", "value"], 3 * 3 * (10 + 10)),
        (OLD, ["hidden"], 3 * (10 + 40)),
        (OLD, ["hidden", "feed_forward"], 2 * 3 * (10 + 40)),
    ],
)
def test_targets_select_by_name_and_the_weights_to_train_are_counted(config, targets, count):
    model = make(config)
    before = model(TOKENS)
    assert add_lora(model, LoRAConfig(rank=3, targets=targets)) == 2 * count
    assert sum(weight.numel() for weight in trained(model)) == 2 * count
    assert torch.equal(model(TOKENS), before), "B is zero at first"
    one = make(config)
    assert add_lora(one, LoRAConfig(rank=3, targets=["blocks.1"])) < add_lora(
        make(config), LoRAConfig(rank=3, targets=EVERY)
    )
    assert all(name.startswith("blocks.1.") for name in layers(one))


def test_only_the_rows_of_a_target_change():
    plain, model = make(), adapted(make(), targets=["query", "value"])
    name = "blocks.0.attention.projection"
    changed = (model.get_submodule(name).weight != plain.get_submodule(name).weight).any(dim=1)
    assert changed.tolist() == [True] * 24 + [False] * 8 + [True] * 8
    assert isinstance(model.blocks[0].attention, GroupedQueryAttention)


def test_a_target_that_no_matrix_has_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="'q_proj'") as raised:
        add_lora(make(), LoRAConfig(targets=["value", "q_proj"]))
    assert str(raised.value) == (
        "targets must be among attention.projection.query, attention.projection.key, attention.projection.value, "
        "attention.output, feed_forward.hidden.gate, feed_forward.hidden.up, feed_forward.output, but it is 'q_proj'"
    )
    model = make()
    with pytest.raises(ValueError, match="targets must be among"):
        add_lora(model, LoRAConfig(targets=["quer"]))
    assert all(weight.requires_grad for weight in model.parameters()) and not layers(model)


@pytest.mark.parametrize("targets", [["query"], EVERY])
@pytest.mark.parametrize("config", [OLD, MODERN])
def test_merging_keeps_the_outputs_and_gives_plain_layers_back(config, targets):
    plain, model = make(config), adapted(make(config), targets=targets)
    outputs = model(TOKENS)
    assert not torch.allclose(outputs, plain(TOKENS))
    greedy = GenerationConfig(max_new_tokens=4, temperature=0)
    before = generate(model, [[1, 2], [3]], greedy)
    merge_lora(model)
    torch.testing.assert_close(model(TOKENS), outputs, rtol=1e-10, atol=1e-10)
    assert generate(model, [[1, 2], [3]], greedy) == before
    assert model.state_dict().keys() == plain.state_dict().keys() and not layers(model)
    assert len(trained(model)) == len(list(plain.parameters()))


def test_the_transformer_whose_attention_multiplies_with_some_rows_of_a_matrix():
    def make():
        torch.manual_seed(0)
        return enlarge(Transformer(TransformerConfig(vocab_size=V, d_model=6, n_heads=2, d_ff=5, dropout=0))).double()

    model, source = make().eval(), TOKENS.clamp(min=1)
    plain = model(source, source)
    for target in ("cross_attention.projection.query", "query", "key", "value", "output"):
        some = adapted(make().eval(), targets=[target])
        outputs = some(source, source)
        assert not torch.allclose(outputs, plain), target
        outputs.sum().backward()
        assert all(weight.grad.abs().sum() for weight in trained(some)), target
        merge_lora(some)
        torch.testing.assert_close(some(source, source), outputs, rtol=1e-10, atol=1e-10)


def test_what_was_saved_is_loaded_beside_the_same_weights(tmp_path):
    model, path = adapted(make().float(), targets=["value", "hidden"]), tmp_path / "new" / "adapters.safetensors"
    save_lora(path, model)
    assert path.stat().st_size < 4 * sum(weight.numel() for weight in trained(model)) + 3000
    again = make().float()
    load_lora(path, again)
    assert torch.equal(again(TOKENS), model(TOKENS))
    assert layers(again)["blocks.1.attention.projection"].config == LoRAConfig(
        rank=3, alpha=5, targets=["value", "hidden"]
    )
    assert len(trained(again)) == len(trained(model))


def test_adapters_of_another_model_leave_this_one_as_it_was(tmp_path):
    save_lora(tmp_path / "adapters", adapted(make(), targets=["output"]))
    model = make(OLD)
    before = model(TOKENS)
    with pytest.raises(ValueError, match="holds another model"):
        load_lora(tmp_path / "adapters", model)
    assert torch.equal(model(TOKENS), before) and not layers(model) and all(w.requires_grad for w in model.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("config", [OLD, MODERN])
def test_training_moves_the_adapters_alone(config, precision):
    model = make(config).float()
    add_lora(model, LoRAConfig(rank=3, targets=EVERY))
    before = copy.deepcopy(model.state_dict())
    batch = (TOKENS[:, :-1], TOKENS[:, 1:])
    settings = TrainingConfig(steps=30, learning_rate=0.01)
    execution = Execution(precision=precision)
    history = train(model, next_token_loss, lambda generator: batch, settings, show=False, execution=execution)
    assert history.losses[-1] < 0.8 * history.losses[0]
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]) == (".adapters." not in name), name


def test_weights_in_bfloat16_have_adapters_in_float32():
    model = adapted(make().bfloat16(), targets=EVERY)
    assert {weight.dtype for weight in trained(model)} == {torch.float32}
    logits = model(TOKENS)
    assert logits.dtype == torch.bfloat16
    exact = adapted(make().bfloat16().double(), targets=EVERY)(TOKENS)
    assert (logits - exact).norm() < 0.05 * exact.norm()
    logits.float().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in trained(model))


@pytest.mark.slow
def test_smollm2_learns_an_answer_with_a_file_of_a_few_megabytes(tmp_path):
    model, tokenizer = load_smollm2()
    prompt = chat_tokens(tokenizer, [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Hi"}])
    [end] = tokenizer.encode("<|im_end|>", special=True)
    rows = answer_rows([(prompt, tokenizer.encode("Xyzzy!"))], end_token=end, context_length=64)
    plain = answer_loss(model, rows).item()
    assert add_lora(model, LoRAConfig(targets=["query", "key", "value"])) == 30 * 8 * (3 * 576 + 576 + 2 * 192)
    config = TrainingConfig(steps=2, learning_rate=2e-3, schedule="constant")
    history = train(model, answer_loss, lambda generator: rows, config, show=False)
    assert history.losses[0] == pytest.approx(plain) and history.losses[-1] < 0.9 * plain
    save_lora(tmp_path / "adapters", model)
    assert 2e6 < (tmp_path / "adapters").stat().st_size < 3e6
    after = answer_loss(model, rows).item()
    merge_lora(model)
    assert answer_loss(model, rows).item() == pytest.approx(after, rel=1e-4)
