"""SmolLM2 in our classes beside Transformers: the same tokens, logits and answers; and the GPT on Shakespeare."""

import re
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import pre_tokenizers

from course_lib import data, ngrams
from course_lib.generation import GenerationConfig, generate, generate_text, stream
from course_lib.gpt import ModernGPT
from course_lib.pretrained import chat_prompt, chat_tokens, llama_layout, load_gguf, load_shakespeare_gpt, load_smollm2
from course_lib.tokenizers import BPETokenizer

TEXTS = [
    "To be, or not to be, that is the question:",
    "The cat sat on the mat.",
    "def f(x):\n    return x ** 2\n",
    "保存所有文件。",
    "348 + 275 = 623",
    "Le chat est sur la table, n'est-ce pas ?",
    "A wonderful film 🎬 — don't miss it 👍🏽",
    "<|im_start|>user\nHi<|im_end|>\n",
    "  many   blanks\t\tand\n\n\nlines  ",
    "a",
]


@pytest.fixture(scope="module")
def smollm2():
    return load_smollm2()


@pytest.fixture(scope="module")
def peer(smollm2):
    """Transformers' Llama, of the sizes that the file names, with our weights under its names."""
    model, _ = smollm2
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        bos_token_id=1,
        eos_token_id=2,
    )
    weights, state = {}, model.state_dict()
    for ours, parts in llama_layout(model.config).items():
        pieces = state[ours].split([part.shape[0] for part in parts])
        weights |= {part.name: piece for part, piece in zip(parts, pieces, strict=True)}
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(config)
    loaded = theirs.load_state_dict(weights, strict=False, assign=True)
    assert loaded.missing_keys == ["lm_head.weight"] and not loaded.unexpected_keys
    theirs.tie_weights()
    theirs.model.rotary_emb = type(theirs.model.rotary_emb)(config)  # its table was made on "meta"
    return theirs.eval()


@pytest.fixture(scope="module")
def their_tokenizer():
    file = data.smollm2_file()
    return transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
def test_logits_are_those_of_transformers(text, smollm2, peer):
    model, tokenizer = smollm2
    tokens = torch.tensor([tokenizer.encode(text, special=True)])
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), peer(tokens).logits, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_fifty_greedy_tokens_are_those_of_transformers(smollm2, peer):
    model, tokenizer = smollm2
    prompt = chat_tokens(tokenizer, [{"role": "user", "content": "Tell me a story about a fox and a mountain."}])
    ours = generate(model, [prompt], GenerationConfig(temperature=0, max_new_tokens=50))[0]
    ids = torch.tensor([prompt])
    options = {"do_sample": False, "pad_token_id": 2, "min_new_tokens": 50, "max_new_tokens": 50}
    theirs = peer.generate(ids, attention_mask=torch.ones_like(ids), **options)
    assert ours == theirs[0, len(prompt) :].tolist()


@pytest.mark.slow
def test_tokens_are_those_of_transformers(smollm2, their_tokenizer):
    """Transformers does not do what the file's "smollm" stands for, a cut at each digit, which counts where several
    blanks precede one: so it is compared as it comes where none do, and everywhere with the cut that SmolLM2 has.
    """
    ours = smollm2[1]
    reviews = [text for text, _ in data.movie_reviews("rotten_tomatoes")["validation"][:300]]
    chinese = [text for _, text in data.interface_strings("zh_CN")["test"]]
    code = Path(ngrams.__file__).read_text(encoding="utf-8")
    emoji = "😀👍🏽👨‍👩‍👧 ❤️🇯🇵 🎬"
    chat = chat_prompt([{"role": "user", "content": emoji}, {"role": "assistant", "content": "保存"}])
    texts = [data.shakespeare("validation")[:100_000], *reviews, *chinese, code, emoji, chat, *TEXTS]
    tokens = [ours.encode(text, special=True) for text in texts]
    assert [ours.decode(ids) for ids in tokens] == texts
    plain = [place for place, text in enumerate(texts) if not re.search(r"\s\s\d", text)]
    assert len(plain) >= len(texts) - 5
    assert [tokens[place] for place in plain] == their_tokenizer([texts[place] for place in plain])["input_ids"]
    rust = their_tokenizer.backend_tokenizer
    cuts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    rust.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    assert tokens == [encoding.ids for encoding in rust.encode_batch(texts)]


@pytest.mark.slow
def test_the_template_is_that_of_transformers(smollm2, their_tokenizer):
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
    messages.append({"role": "user", "content": "What is the capital of Japan?"})
    theirs = their_tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert chat_tokens(smollm2[1], messages) == theirs


@pytest.mark.slow
def test_prompts_of_unequal_length_that_stream_and_stop(smollm2):
    model, tokenizer = smollm2
    asked = ["What is the capital of Japan?", "Name three colours, please, and nothing else."]
    prompts = [chat_tokens(tokenizer, [{"role": "user", "content": question}]) for question in asked]
    config = GenerationConfig(temperature=0, max_new_tokens=16, end_token=2)
    together = generate_text(model, tokenizer, prompts, config)
    assert together[0] == "The capital of Japan is Tokyo."
    assert together == ["".join(stream(model, tokenizer, prompt, config)) for prompt in prompts]
    assert generate_text(model, tokenizer, prompts[:1], config, stop=" Japan") == ["The capital of"]


@pytest.mark.slow
def test_prompts_that_cannot_be(smollm2):
    model, tokenizer = smollm2
    config = GenerationConfig(temperature=0, max_new_tokens=2)
    with pytest.raises(ValueError, match=r"each prompt needs at least one token, but prompts\[0\] is empty"):
        generate_text(model, tokenizer, [""], config)
    with pytest.raises(ValueError, match=r"prompts\[0\] must fit .* 8192 tokens \(context_length\), but it has 9000"):
        generate(model, [[5] * 9000], config)
    with pytest.raises(ValueError, match=r"a text may have 8192 tokens \(context_length\), but this one has 8193"):
        model(torch.zeros(1, 8193, dtype=torch.long))


def test_a_file_that_is_another(tmp_path, monkeypatch):
    path = tmp_path / "other.gguf"
    path.write_bytes(b"GGUF and something else")
    monkeypatch.setattr(data, "smollm2_file", lambda: path)
    with pytest.raises(ValueError, match=r"other.gguf is not the file it should be: its SHA-256 is [0-9a-f]{64}, not"):
        load_smollm2()
    with pytest.raises(ValueError, match=r"is no whole GGUF file, or a damaged one"):
        load_gguf(path)


def test_the_shakespeare_gpt():
    model, tokenizer = load_shakespeare_gpt()
    assert isinstance(model, ModernGPT) and isinstance(tokenizer, BPETokenizer) and not model.training
    assert tokenizer.vocab_size == model.config.vocab_size == 1000
    (line,) = generate_text(model, tokenizer, ["HAMLET.\n"], GenerationConfig(temperature=0, max_new_tokens=12))
    assert line.strip()
