"""Borders of `translation` and `pretrained`: pairs of texts, and the weights of others."""

import json
import tempfile
from pathlib import Path

import torch
from course_lib.gpt import GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.pretrained import (
    GGUFFile,
    chat_prompt,
    chat_tokens,
    dequantised,
    from_transformers,
    gguf_config,
    gguf_layout,
    gguf_model,
    gguf_tokenizer,
    gpt2_layout,
    llama_layout,
    load_gguf,
    load_safetensors,
    read_gguf,
    to_transformers,
)
from course_lib.tokenizers import BPETokenizer, CharTokenizer
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import Pairs, mean_loss, pair_batches, tokenized, train_tokenizer, translate, translation_loss
from safetensors.torch import save_file

from borders import Border

HERE = Path(__file__)
PAIRS = [("loue", "love"), ("vp", "up")]
LETTERS = CharTokenizer.train("good night", special_tokens=["<pad>", "<begin>", "<end>"])


def model(vocab_size=LETTERS.vocab_size, **changes):
    sizes = {"d_model": 6, "n_heads": 2, "d_ff": 5, "n_encoder_layers": 1, "n_decoder_layers": 1}
    return Transformer(TransformerConfig(vocab_size=vocab_size, **sizes, **changes))


def rows(source=((3, 4, 0),), target=((1, 5, 2),)):
    return Pairs(torch.tensor(source), torch.tensor(target))


# What is no list of pairs, and the words that answer it.
NO_PAIRS = {
    "texts": (["ab", "cd"], "pairs[0] must be a pair of texts, (source, target), but it is 'ab'"),
    "one text": ("ab", "pairs must be several pairs of texts"),
    "one pair": (("loue", "love"), "pairs[0] must be a pair of texts"),
    "a triple": ([("a", "b", "c")], "pairs[0] must be a pair of texts"),
    "half a pair": ([*PAIRS, ("a",)], "pairs[2] must be a pair of texts"),
    "None in a pair": ([("a", None)], "pairs[0][1] must be a string, but it is None"),
    "NaN in a pair": ([("a", "b"), (float("nan"), "b")], "pairs[1][0] must be a string, but it is nan"),
    "all splits": ({"train": PAIRS}, "pairs must be several pairs of texts"),
    "None": (None, "pairs must be several pairs of texts"),
    "none at all": ([], "pairs must be one or more pairs of texts"),
    "none at all, from a generator": (iter(()), "pairs must be one or more pairs of texts"),
    "a pair of lists": ([(["a"], ["b"])], "pairs[0][0] must be a string"),
}
NO_TOKENIZERS = {
    "without special tokens": (CharTokenizer.train("good night"), "the tokenizer's first tokens must be the special tokens <pad>, <begin>, <end>"),
    "of bytes": (BPETokenizer.train("good night", 257), "the tokenizer's first tokens must be the special tokens <pad>, <begin>, <end>"),
    "in another order": (CharTokenizer.train("good", special_tokens=["<unk>", "<pad>", "<begin>"]), "the tokenizer's first tokens must be"),
    "None": (None, "the tokenizer must be one of course_lib.tokenizers"),
}
NO_ROWS = {
    "a tuple": (((3, 4), (1, 2)), "pairs must be Pairs, as `tokenized` makes them"),
    "texts": (PAIRS, "pairs must be Pairs"),
    "padding in front": (rows(((0, 3, 4),)), "each source must be 1 or more ids above 0 (PAD), then padding alone, but row 0 is not"),
    "padding inside": (rows(target=((1, 0, 2),)), "each target must be 2 or more ids above 0 (PAD), then padding alone, but row 0 is not"),
    "an empty source": (rows(((3, 4), (0, 0)), ((1, 2), (1, 2))), "each source must be 1 or more ids above 0 (PAD), then padding alone, but row 1 is not"),
    "a negative id": (rows(((-3, 4),)), "each source must be 1 or more ids"),
    "a target of one token": (rows(target=((1, 0, 0),)), "each target must be 2 or more ids"),
    "more sources than targets": (rows(((3,), (4,))), "target must be a tensor of integers (2, time)"),
    "no rows": (Pairs(torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 3, dtype=torch.long)), "pairs must be one or more"),
    "floats": (rows(((3.0, 4.0),)), "source must be a tensor of integers (pairs, time)"),
}

TRANSLATION = [
    *(Border("translation.train_tokenizer", mistake, lambda pairs=pairs: train_tokenizer(pairs, 270), says) for mistake, (pairs, says) in NO_PAIRS.items()),
    *(Border("translation.tokenized", mistake, lambda pairs=pairs: tokenized(LETTERS, pairs), says) for mistake, (pairs, says) in list(NO_PAIRS.items())[:-2]),
    Border("translation.train_tokenizer", "too small a vocabulary", lambda: train_tokenizer(PAIRS, 258), "vocab_size must be at least 259"),
    Border("translation.tokenized", "an empty source", lambda: tokenized(LETTERS, [("good", "night"), ("", "night")]), "that of pair 1 is empty"),
    *(
        Border("translation.tokenized", f"a tokenizer {mistake}", lambda tokenizer=tokenizer: tokenized(tokenizer, [("o", "d")]), says)
        for mistake, (tokenizer, says) in NO_TOKENIZERS.items()
    ),
    *(
        Border("translation.translate", f"a tokenizer {mistake}", lambda tokenizer=tokenizer: translate(model(300), tokenizer, ["o"]), says)
        for mistake, (tokenizer, says) in NO_TOKENIZERS.items()
    ),
    *(Border("translation.pair_batches", mistake, lambda pairs=pairs: pair_batches(pairs, batch_tokens=9), says) for mistake, (pairs, says) in NO_ROWS.items()),
    *(Border("translation.mean_loss", mistake, lambda pairs=pairs: mean_loss(model(), pairs), says) for mistake, (pairs, says) in NO_ROWS.items()),
    Border("translation.pair_batches", "no tokens", lambda: pair_batches(rows(), batch_tokens=0), "batch_tokens must be at least 1"),
    Border("translation.pair_batches", "a fraction for near", lambda: pair_batches(rows(), batch_tokens=9, near=0.5), "near must be an integer"),
    Border("translation.mean_loss", "batches of 0", lambda: mean_loss(model(), rows(), 0), "batch_size must be at least 1"),
    Border("translation.mean_loss", "an id of another tokenizer", lambda: mean_loss(model(), rows(((99,),), ((1, 2),))), "vocab_size - 1), but there is 99"),
    Border("translation.translation_loss", "smoothing 2", lambda: translation_loss(2), "label_smoothing must be at least 0 and at most 1"),
    Border("translation.translation_loss", "smoothing NaN", lambda: translation_loss(float("nan")), "label_smoothing must be a number"),
    Border("translation.translation_loss", "a model for the smoothing", lambda: translation_loss(model()), "label_smoothing must be a number"),
    Border("translation.translate", "one text", lambda: translate(model(), LETTERS, "good night"), "texts must be several texts, but it is one"),
    Border("translation.translate", "None among texts", lambda: translate(model(), LETTERS, ["good", None]), "texts[1] must be a string, but it is None"),
    Border("translation.translate", "an empty text", lambda: translate(model(), LETTERS, ["good", ""]), "texts[1] must have at least one token"),
    Border("translation.translate", "ids", lambda: translate(model(), LETTERS, [[3, 4]]), "texts[0] must be a string"),
    Border("translation.translate", "an unknown letter", lambda: translate(model(), LETTERS, ["GOOD"]), "'G' is not among"),
    Border(
        "translation.translate", "a smaller model", lambda: translate(model(7), LETTERS, ["good"]), "the tokenizer's vocab_size must be at most the model's 7"
    ),
    Border(
        "translation.translate",
        "a text beyond the positions",
        lambda: translate(model(positions="learned", context_length=4), LETTERS, ["good", "night"]),
        "texts[1] must have at least one token and at most 4",
    ),
    Border("translation.translate", "no beams", lambda: translate(model(), LETTERS, ["good"], n_beams=0), "n_beams must be at least 1"),
    Border("translation.translate", "a fraction for the batch", lambda: translate(model(), LETTERS, ["good"], batch_size=0.5), "batch_size must be an integer"),
]

LLAMA = {
    "model_type": "llama",
    "vocab_size": 11,
    "max_position_embeddings": 8,
    "hidden_size": 8,
    "intermediate_size": 5,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
GPT2 = {"model_type": "gpt2", "vocab_size": 11, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
USER = {"role": "user", "content": "Hello"}
CHAT = CharTokenizer.train("abc\n", special_tokens=["<|im_start|>", "<|im_end|>"])
# What is no conversation, and the words that answer it.
NO_CHAT = {
    "one text": ("Hello", "a conversation must be a list of one or more messages"),
    "one message": (USER, "a conversation must be a list of one or more messages"),
    "nothing": ([], "a conversation must be a list of one or more messages"),
    "None": (None, "a conversation must be a list of one or more messages"),
    "a generator": (iter([USER]), "a conversation must be a list of one or more messages"),
    "texts": (["Hello"], "a message must have a role (system, user, assistant) and a content, a text, but it is 'Hello'"),
    "a pair": ([("user", "Hello")], "a message must have a role"),
    "no role": ([{"content": "Hello"}], "a message must have a role"),
    "no content": ([USER, {"role": "assistant"}], "a message must have a role"),
    "an unknown role": ([{"role": "bot", "content": "Hello"}], "a message must have a role"),
    "None for the content": ([{"role": "user", "content": None}], "a message must have a role"),
    "a long list for the content": ([{"role": "user", "content": [{"type": "text", "text": "Hello\n" * 99}] * 9}], "a message must have a role"),
}


def write(place, files):
    """An object as JSON, a dict of tensors as safetensors, bytes as they are."""
    for name, content in files.items():
        path = Path(place) / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, dict) and any(isinstance(value, torch.Tensor) for value in content.values()):
            save_file(content, path)
        else:
            path.write_text(json.dumps(content), encoding="utf-8")


ONE, INDEX = {"model.norm.weight": torch.ones(8)}, "model__safetensors__index__json"


def loaded(**files):
    """Loads from a folder with a good config and these files; None leaves one out."""

    def call():
        with tempfile.TemporaryDirectory() as place:
            write(place, {name: content for name, content in {"config__json": LLAMA, **files}.items() if content is not None})
            load_safetensors(place)

    return call


def of_fields(**changes):
    """A GGUF file's fields alone; None leaves one out."""
    fields = {
        "general.architecture": "llama",
        "llama.embedding_length": 8,
        "llama.attention.head_count": 2,
        "llama.context_length": 8,
        "llama.block_count": 1,
        "llama.feed_forward_length": 5,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["a", "b"],
        "tokenizer.ggml.token_type": [1, 1],
        "tokenizer.ggml.merges": [],
    } | {name.replace("__", "."): value for name, value in changes.items()}
    return GGUFFile(Path("of_fields.gguf"), {name: value for name, value in fields.items() if value is not None}, {})


FROM = {"llama": (LLAMA, "hidden_size"), "gpt2": (GPT2, "n_embd")}
OTHERS = [
    Border(
        "pretrained.from_transformers",
        "a model type alone",
        lambda: from_transformers({"model_type": "llama"}, {}),
        "the config must say hidden_size, but does not",
    ),
    Border(
        "pretrained.from_transformers", "GPT-2's type alone", lambda: from_transformers({"model_type": "gpt2"}, {}), "the config must say n_embd, but does not"
    ),
    *(
        Border(
            "pretrained.from_transformers",
            f"{kind} without {name}",
            lambda config=config, name=name: from_transformers({k: v for k, v in config.items() if k != name}, {}),
            f"the config must say {name}",
        )
        for kind, (config, _) in FROM.items()
        for name in config
        if name != "model_type"
    ),
    *(
        Border(
            "pretrained.from_transformers",
            f"{kind}, {name}: {value!r}",
            lambda config=config, name=name, value=value: from_transformers(config | {name: value}, {}),
            f"the config's {name} must be a",
        )
        for kind, (config, name) in FROM.items()
        for value in (0, -8, "8", 8.0, True, None, float("nan"))
    ),
    Border(
        "pretrained.from_transformers",
        "heads 0",
        lambda: from_transformers(LLAMA | {"num_attention_heads": 0}, {}),
        "the config's num_attention_heads must be at least 1",
    ),
    Border("pretrained.from_transformers", "another architecture", lambda: from_transformers({"model_type": "mamba"}, {}), "the architecture is 'mamba'"),
    Border("pretrained.from_transformers", "a type in a list", lambda: from_transformers({"model_type": ["llama"]}, {}), "the architecture is ['llama']"),
    Border("pretrained.from_transformers", "an empty config", lambda: from_transformers({}, {}), "the architecture is None"),
    Border(
        "pretrained.from_transformers",
        "a config object",
        lambda: from_transformers(ModernGPTConfig(vocab_size=11), {}),
        "config must be a mapping, as config.to_dict() gives it",
    ),
    Border(
        "pretrained.from_transformers",
        "a model for its state",
        lambda: from_transformers(LLAMA, model()),
        "state must be a mapping of tensors, as state_dict() gives it",
    ),
    Border("pretrained.from_transformers", "no tensors", lambda: from_transformers(LLAMA, {}), "is missing (and so for"),
    Border(
        "pretrained.from_transformers",
        "rotary positions without a base",
        lambda: from_transformers(LLAMA | {"rope_parameters": {"rope_type": "default"}}, {}),
        "rope_parameters must have a rope_theta",
    ),
    Border(
        "pretrained.from_transformers",
        "a word for rotary positions",
        lambda: from_transformers(LLAMA | {"rope_parameters": "default"}, {}),
        "rope_parameters must have a rope_theta",
    ),
    Border("pretrained.load_safetensors", "a file", lambda: load_safetensors(HERE), "the path must name a folder with config.json"),
    Border("pretrained.load_safetensors", "a missing folder", lambda: load_safetensors(HERE.with_name("none")), "the path must name a folder with config.json"),
    Border("pretrained.load_safetensors", "None", lambda: load_safetensors(None), "the folder must be a string or a pathlib.Path"),
    Border("pretrained.load_safetensors", "no weights", loaded(), "should hold a file *.safetensors, but there is none"),
    Border("pretrained.load_safetensors", "no config", loaded(model__safetensors=ONE, config__json=None), "should hold a config.json, but it cannot be read"),
    Border(
        "pretrained.load_safetensors",
        "a list for the config",
        loaded(model__safetensors=ONE, config__json=[1]),
        "should hold a config.json, but it cannot be read",
    ),
    Border(
        "pretrained.load_safetensors",
        "a damaged config",
        loaded(model__safetensors=ONE, config__json=b'{"model'),
        "should hold a config.json, but it cannot be read",
    ),
    Border(
        "pretrained.load_safetensors",
        "a config without sizes",
        loaded(model__safetensors=ONE, config__json={"model_type": "llama"}),
        "the config must say hidden_size",
    ),
    Border("pretrained.load_safetensors", "damaged weights", loaded(model__safetensors=b"PK\x03\x04"), "is no whole safetensors file"),
    Border("pretrained.load_safetensors", "a damaged index", loaded(**{INDEX: b"{"}), "should hold a model.safetensors.index.json, but it cannot be read"),
    Border("pretrained.load_safetensors", "an index without a map", loaded(**{INDEX: {}}), "must have a weight_map from tensors to files beside it"),
    Border(
        "pretrained.load_safetensors",
        "an index out of the folder",
        loaded(**{INDEX: {"weight_map": {"a": "../a.safetensors"}}}),
        "must have a weight_map from tensors to files beside it",
    ),
    Border(
        "pretrained.load_safetensors",
        "a missing shard",
        loaded(a__safetensors=ONE, **{INDEX: {"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}}),
        "names the file b.safetensors, but there is none",
    ),
    Border(
        "pretrained.load_safetensors",
        "a tensor that the shard lacks",
        loaded(a__safetensors=ONE, **{INDEX: {"weight_map": {"a": "a.safetensors"}}}),
        "'a' is not in it, as the index says",
    ),
    Border("pretrained.load_safetensors", "a tensor twice", loaded(a__safetensors=ONE, b__safetensors=ONE), "'model.norm.weight' is held by two files"),
    Border(
        "pretrained.to_transformers",
        "another model",
        lambda: to_transformers(model(), LETTERS, "nowhere"),
        "the model must be a GPT or a ModernGPT, but it is 'Transformer'",
    ),
    Border(
        "pretrained.to_transformers",
        "another model yet",
        lambda: to_transformers(MLPLanguageModel(MLPConfig(vocab_size=300)), LETTERS, "nowhere"),
        "the model must be a GPT or a ModernGPT",
    ),
    Border(
        "pretrained.to_transformers",
        "no tokenizer",
        lambda: to_transformers(ModernGPT(ModernGPTConfig(vocab_size=99)), None, "nowhere"),
        "the tokenizer must be a BPETokenizer or a CharTokenizer",
    ),
    Border(
        "pretrained.to_transformers",
        "a smaller model",
        lambda: to_transformers(ModernGPT(ModernGPTConfig(vocab_size=2)), LETTERS, "nowhere"),
        "the tokenizer's vocab_size must be at most the model's 2",
    ),
    Border(
        "pretrained.to_transformers",
        "a folder that holds something",
        lambda: to_transformers(ModernGPT(ModernGPTConfig(vocab_size=99)), LETTERS, HERE.parent),
        "the folder must be new or empty",
    ),
    Border(
        "pretrained.to_transformers",
        "a file",
        lambda: to_transformers(ModernGPT(ModernGPTConfig(vocab_size=99)), LETTERS, HERE),
        "the folder must be new or empty",
    ),
    Border(
        "pretrained.to_transformers",
        "None",
        lambda: to_transformers(ModernGPT(ModernGPTConfig(vocab_size=99)), LETTERS, None),
        "the folder must be a string or a pathlib.Path",
    ),
    Border("pretrained.llama_layout", "GPT's config", lambda: llama_layout(GPTConfig(vocab_size=11)), "config must be a ModernGPTConfig"),
    Border("pretrained.gguf_layout", "GPT's config", lambda: gguf_layout(GPTConfig(vocab_size=11)), "config must be a ModernGPTConfig"),
    Border("pretrained.gpt2_layout", "a model", lambda: gpt2_layout(ModernGPT(ModernGPTConfig(vocab_size=11))), "config must be a GPTConfig"),
    *(Border("pretrained.chat_prompt", mistake, lambda messages=messages: chat_prompt(messages), says) for mistake, (messages, says) in NO_CHAT.items()),
    *(Border("pretrained.chat_tokens", mistake, lambda messages=messages: chat_tokens(CHAT, messages), says) for mistake, (messages, says) in NO_CHAT.items()),
    Border(
        "pretrained.chat_tokens",
        "a tokenizer without the marks",
        lambda: chat_tokens(LETTERS, [USER]),
        "the tokenizer must have the special token <|im_start|>",
    ),
]

GGUF = [
    Border("pretrained.read_gguf", "a folder", lambda: read_gguf(HERE.parent), "the path must name a GGUF file, not a folder"),
    Border("pretrained.read_gguf", "a missing file", lambda: read_gguf(HERE.with_name("none")), "there is no GGUF file", FileNotFoundError),
    Border("pretrained.read_gguf", "a text", lambda: read_gguf(HERE), "is no GGUF file: it does not begin with the four letters GGUF"),
    Border("pretrained.read_gguf", "None", lambda: read_gguf(None), "a path must be a string or a pathlib.Path"),
    Border("pretrained.load_gguf", "a folder", lambda: load_gguf(str(HERE.parent)), "the path must name a GGUF file, not a folder"),
    *(
        Border(
            f"pretrained.{function.__name__}", "a path", lambda function=function: function("model.gguf"), "the file must be a GGUFFile, as read_gguf gives it"
        )
        for function in (gguf_config, gguf_model, gguf_tokenizer)
    ),
    *(
        Border(
            "pretrained.gguf_config",
            f"without {name}",
            lambda name=name: gguf_config(of_fields(**{name: None})),
            f"should say {name.replace('__', '.')}, but does not",
        )
        for name in (
            "general__architecture",
            "llama__embedding_length",
            "llama__attention__head_count",
            "llama__context_length",
            "llama__block_count",
            "llama__feed_forward_length",
            "llama__attention__layer_norm_rms_epsilon",
            "tokenizer__ggml__tokens",
        )
    ),
    *(
        Border(
            "pretrained.gguf_config",
            f"{name}: {value!r}",
            lambda name=name, value=value: gguf_config(of_fields(**{name: value})),
            f"{name.replace('__', '.')} in of_fields.gguf must be",
        )
        for name, values in {
            "llama__embedding_length": (0, "8", [8]),
            "llama__attention__head_count": (0, [2, 2], 2.0),
            "llama__block_count": (0, True),
            "llama__attention__layer_norm_rms_epsilon": (0, float("nan"), "1e-5"),
            "tokenizer__ggml__tokens": (2, "ab", [1, 2]),
        }.items()
        for value in values
    ),
    Border("pretrained.gguf_config", "another architecture", lambda: gguf_config(of_fields(general__architecture="qwen2")), "has the architecture 'qwen2'"),
    Border("pretrained.gguf_model", "no tensors", lambda: gguf_model(of_fields()), "is missing (and so for"),
    Border("pretrained.gguf_tokenizer", "another kind", lambda: gguf_tokenizer(of_fields(tokenizer__ggml__model="llama")), "a tokenizer of the kind 'llama'"),
    Border(
        "pretrained.gguf_tokenizer",
        "without kinds",
        lambda: gguf_tokenizer(of_fields(tokenizer__ggml__token_type=None)),
        "should say tokenizer.ggml.token_type",
    ),
    Border(
        "pretrained.gguf_tokenizer",
        "too few kinds",
        lambda: gguf_tokenizer(of_fields(tokenizer__ggml__token_type=[1])),
        "must have one kind for each of 2 tokens",
    ),
    Border(
        "pretrained.gguf_tokenizer",
        "numbers for merges",
        lambda: gguf_tokenizer(of_fields(tokenizer__ggml__merges=[1])),
        "tokenizer.ggml.merges in of_fields.gguf must be a list of texts",
    ),
    Border(
        "pretrained.gguf_tokenizer", "a merge of one", lambda: gguf_tokenizer(of_fields(tokenizer__ggml__merges=["ab"])), "a merge must be a pair of tokens"
    ),
    Border("pretrained.GGUFFile", "a missing field", lambda: of_fields()["llama.colour"], "should say llama.colour, but does not"),
    Border("pretrained.dequantised", "a name", lambda: dequantised("token_embd.weight"), "the tensor must be one of GGUFFile.tensors"),
]

BORDERS = [*TRANSLATION, *OTHERS, *GGUF]
NOTHING = {
    **dict.fromkeys(("translation.PAD", "translation.BEGIN", "translation.END"), "a number"),
    "translation.Pairs": "a tuple that functions check when they take it",
    "translation.load_translator": "takes nothing",
    "pretrained.load_shakespeare_gpt": "takes nothing",
    "pretrained.load_smollm2": "takes nothing",
}
