"""Borders of `bert`, of its tokenizer and its weights, and of the sets of questions."""

from functools import partial

import torch
from course_lib import data
from course_lib.bert import (
    BERT,
    BERTConfig,
    MaskedLM,
    SequenceClassifier,
    TokenClassifier,
    first_token,
    mask_tokens,
    masked_token_loss,
    mean_of_tokens,
    sentence_vectors,
)
from course_lib.gpt import GPTConfig
from course_lib.pretrained import WordPieceTokenizer, from_transformers
from course_lib.pretrained.layouts import bert_layout

from borders import Border

NAN = float("nan")
CONFIG = BERTConfig(vocab_size=11, context_length=7, d_model=6, n_layers=1, n_heads=2, d_ff=5)
MODEL = BERT(CONFIG)
IDS, FLOATS = torch.ones(2, 3, dtype=torch.long), torch.zeros(2, 3, 6)
MODELS = {
    "bert.BERT": MODEL,
    "bert.MaskedLM": MaskedLM(CONFIG),
    "bert.SequenceClassifier": SequenceClassifier(MODEL, 3),
    "bert.TokenClassifier": TokenClassifier(MODEL, 3),
}


def rows(of, *each):
    return [Border(of, mistake, call, says) for mistake, call, says in each]


def sized(**changes):
    return partial(BERTConfig, **{"vocab_size": 11, "d_model": 6, "n_heads": 2} | changes)


def masked(tokens=IDS, mask_id=3, vocab_size=11, generator=None, **options):
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return partial(mask_tokens, tokens, mask_id, vocab_size, generator, **options)


BERTS = [
    *rows(
        "bert.BERTConfig",
        ("no vocabulary", sized(vocab_size=0), "vocab_size must be at least 1, but it is 0"),
        ("a width of text", sized(d_model="6"), "d_model must be an integer"),
        ("layers of a fraction", sized(n_layers=1.5), "n_layers must be an integer"),
        ("no segments", sized(n_segments=0), "n_segments must be at least 1"),
        ("heads that do not fit", sized(n_heads=4), "n_heads must divide d_model, but they are 4 and 6"),
        ("dropout 1", sized(dropout=1), "dropout must be at least 0 and below 1"),
        ("dropout NaN", sized(dropout=NAN), "dropout must be a number"),
        ("epsilon 0", sized(norm_eps=0), "norm_eps must be above 0"),
    ),
    *(
        border
        for of, model in MODELS.items()
        for border in rows(
            of,
            ("a text", lambda model=model: model("to be"), "tokens must be a tensor of integers (batch, time)"),
            ("one row", lambda model=model: model(IDS[0]), "tokens must be a tensor of integers (batch, time)"),
            ("floats", lambda model=model: model(FLOATS[..., 0]), "tokens must be a tensor of integers"),
            ("an unknown id", lambda model=model: model(IDS * 11), "ids must be from 0 to 10 (vocab_size - 1), but there is 11"),
            ("too long a text", lambda model=model: model(IDS.repeat(1, 3)), "there are 7 learned positions, but the text goes on to position 9"),
            ("segments of another length", lambda model=model: model(IDS, IDS[:, 1:]), "segments must be a tensor of integers (2, 3)"),
            ("a third segment", lambda model=model: model(IDS, IDS * 2), "ids must be from 0 to 1"),
        )
    ),
    *rows("bert.BERT", ("another config", lambda: BERT(GPTConfig(vocab_size=11)), "config must be a BERTConfig")),
    *rows("bert.BERT", ("a size for the config", lambda: BERT(11), "config must be a BERTConfig, but it is 11")),
    *rows("bert.MaskedLM", ("a model for the config", lambda: MaskedLM(MODEL), "config must be a BERTConfig")),
    *rows(
        "bert.SequenceClassifier",
        ("a config for the model", lambda: SequenceClassifier(CONFIG, 3), "bert must be a BERT, but it is 'BERTConfig'"),
        ("another head", lambda: SequenceClassifier(MODELS["bert.MaskedLM"], 3), "bert must be a BERT, but it is 'MaskedLM'"),
        ("no labels", lambda: SequenceClassifier(MODEL, 0), "n_labels must be at least 1"),
        ("names of labels", lambda: SequenceClassifier(MODEL, ["a", "b"]), "n_labels must be an integer"),
        ("a name of a pool", lambda: SequenceClassifier(MODEL, 2, "mean"), "pool must be a function of states and tokens, but it is 'mean'"),
    ),
    *rows(
        "bert.TokenClassifier",
        ("a config for the model", lambda: TokenClassifier(CONFIG, 3), "bert must be a BERT, but it is 'BERTConfig'"),
        ("half a label", lambda: TokenClassifier(MODEL, 0.5), "n_labels must be an integer"),
    ),
    *(
        border
        for pool in (first_token, mean_of_tokens)
        for border in rows(
            f"bert.{pool.__name__}",
            ("states of another length", lambda pool=pool: pool(FLOATS[:, 1:], IDS), "states must be a tensor of floats (2, 3, width)"),
            ("ids for the states", lambda pool=pool: pool(IDS, IDS), "states must be a tensor of floats (2, 3, width)"),
            ("a list of tokens", lambda pool=pool: pool(FLOATS, [[1, 2, 3]] * 2), "tokens must be a tensor of integers (batch, time)"),
        )
    ),
    *rows(
        "bert.mask_tokens",
        ("a list", masked([[1, 2]]), "tokens must be a tensor of integers (batch, time)"),
        ("floats", masked(FLOATS[..., 0]), "tokens must be a tensor of integers (batch, time)"),
        ("a mask beyond the vocabulary", masked(mask_id=11), "mask_id must be at least 0 and at most 10"),
        ("the mask's name", masked(mask_id="[MASK]"), "mask_id must be an integer, but it is '[MASK]'"),
        ("no vocabulary", masked(vocab_size=0), "vocab_size must be at least 1"),
        ("a seed for the generator", masked(generator=3), "generator must be a torch.Generator, but it is 3"),
        ("share 0", masked(share=0), "share must be above 0 and at most 1"),
        ("share in per cent", masked(share=15), "share must be above 0 and at most 1"),
        ("share NaN", masked(share=NAN), "share must be a number"),
        ("names of special tokens", masked(special=["[PAD]"]), "special[0] must be integers (ids)"),
    ),
    *rows(
        "bert.masked_token_loss",
        ("inputs alone", lambda: masked_token_loss(MODELS["bert.MaskedLM"], IDS), "a batch must be a pair, inputs and targets"),
        ("targets of another shape", lambda: masked_token_loss(MODELS["bert.MaskedLM"], (IDS, IDS[:1])), "targets must be a tensor of integers (2, 3)"),
        ("one row", lambda: masked_token_loss(MODELS["bert.MaskedLM"], (IDS[0], IDS[0])), "tokens must be a tensor of integers (batch, time)"),
        ("a BERT without a head", lambda: masked_token_loss(MODEL, (IDS, IDS)), "the model must be a MaskedLM, but it is 'BERT'"),
    ),
    *rows(
        "bert.sentence_vectors",
        ("texts", lambda: sentence_vectors(MODEL, ["to be"]), "rows[0] must be a sequence of ids"),
        ("one row", lambda: sentence_vectors(MODEL, [1, 2]), "rows must be several sequences of ids, but it is one"),
        ("an empty text", lambda: sentence_vectors(MODEL, [[1], []]), "each text must have at least 1 token, rows[1] too, but it is []"),
        ("too long a text", lambda: sentence_vectors(MODEL, [[1] * 8]), "there are 7 learned positions, but the text goes on to position 8"),
        ("an unknown id", lambda: sentence_vectors(MODEL, [[1, 11]]), "rows[0] must be ids from 0 to 10"),
        ("batches of 0", lambda: sentence_vectors(MODEL, [[1]], 0), "batch_size must be at least 1"),
        ("another model", lambda: sentence_vectors(MODELS["bert.MaskedLM"], [[1]]), "bert must be a BERT, but it is 'MaskedLM'"),
    ),
]

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = WordPieceTokenizer([*SPECIAL, "read", "##ers"])
THEIRS = {
    "model_type": "bert",
    "vocab_size": 11,
    "max_position_embeddings": 7,
    "hidden_size": 6,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 5,
    "type_vocab_size": 2,
}
TEXTS = [
    *rows(
        "pretrained.WordPieceTokenizer",
        ("one text", lambda: WordPieceTokenizer("[PAD]"), "vocabulary must be several texts, but it is one"),
        ("no special tokens", lambda: WordPieceTokenizer(["a"]), "special tokens must be in the vocabulary, but '[PAD]' is not"),
        ("other special tokens", lambda: WordPieceTokenizer(["<pad>", "a"], ["<pad>"]), "special_tokens must include [PAD], [UNK], [CLS], [SEP], [MASK]"),
        ("several texts", lambda: PIECES.encode(["read"]), "text must be a string"),
        ("half a character", lambda: PIECES.encode("\ud800"), "a lone surrogate"),
        ("an unknown id", lambda: PIECES.decode([7]), "ids must be ids from 0 to 6"),
        ("an id below 0", lambda: PIECES.decode([-1]), "ids must be ids from 0 to 6"),
        ("a text for ids", lambda: PIECES.decode("read"), "ids must be a sequence of ids"),
        ("no room", lambda: PIECES.sequence("read", longest=1), "longest must be at least 2"),
        ("no room for two", lambda: PIECES.sequence("read", "read", longest=2), "longest must be at least 3"),
        ("a list for a pair", lambda: PIECES.sequence(["read", "read"]), "text must be a string"),
    ),
    *rows("pretrained.layouts.bert_layout", ("another config", lambda: bert_layout(GPTConfig(vocab_size=11)), "config must be a BERTConfig")),
    *(
        Border(
            "pretrained.from_transformers",
            f"BERT without {name}",
            lambda name=name: from_transformers({key: value for key, value in THEIRS.items() if key != name}, {}),
            f"the config must say {name}",
        )
        for name in list(THEIRS)[1:]
    ),
    *(
        Border(
            "pretrained.from_transformers",
            f"BERT, {name}: {value!r}",
            lambda name=name, value=value: from_transformers(THEIRS | {name: value}, {}),
            f"the model has {name} {value!r}, but ours can have",
        )
        for name, value in {
            "hidden_act": "relu",
            "position_embedding_type": "relative_key",
            "pad_token_id": 1,
            "is_decoder": True,
            "add_cross_attention": True,
        }.items()
    ),
]

SETS = "name must be one of boolq, disfl_qa, narrative_qa, commonsense_qa, openbook_qa, siqa, piqa, mmlu, asdiv, truthful_qa, xsum"
DATA = [
    Border(f"data.{load.__name__}", f"{wrong!r}", lambda load=load, wrong=wrong: load(wrong), says)
    for load, says in (
        (data.question_set, SETS),
        (data.stereotypes, "name must be one of crows_pairs, stereoset"),
        (data.conversations, "name must be one of chitchat, chatterbot"),
    )
    for wrong in ("squad", "", 0, None, ["boolq"])
]

BORDERS = [*BERTS, *TEXTS, *DATA]
NOTHING = {
    "linear.OneDNN": "takes nothing",
    "data.minilm_folder": "takes no arguments",
    "data.programming_problems": "takes no arguments",
    "pretrained.load_minilm": "takes nothing",
}
