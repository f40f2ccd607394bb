"""all-MiniLM-L6-v2 in our classes beside Transformers: the same ids, states and vectors of sentences."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib import data
from course_lib.bert import BERT, sentence_vectors
from course_lib.pretrained import WordPieceTokenizer, from_transformers, load_minilm, load_safetensors

TEXTS = [
    "A wonderful film, don't miss it!",
    "The plot is not bad; it isn't good either.",
    "naïve café, ÅNGSTRÖM, İstanbul, Straße, ﬁne",
    "我喜欢学习 language models。",
    "日本語とカタカナ、한국어, العربية, हिन्दी",
    "def f(x): return x**2  # TODO\n\tprint('a_b', 3.14)",
    "😀 fine 👍🏽 ☕",
    "Ｆｕｌｌ width, zero\u200bwidth, soft\xadhyphen, \x00control\x07",
    "supercalifragilisticexpialidocious " + "x" * 101,
    "348 + 275 = 623, 50% of $1,000",
]
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


@pytest.fixture(scope="module")
def peer():
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModel.from_pretrained(data.minilm_folder(), attn_implementation="eager")
    return model.eval(), transformers.AutoTokenizer.from_pretrained(data.minilm_folder())


def test_it_is_what_the_card_says(minilm):
    model, tokenizer = minilm
    assert isinstance(model, BERT) and not model.training
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_565_376
    config = model.config
    assert (config.n_layers, config.n_heads, config.d_model, config.d_ff) == (6, 12, 384, 1536)
    assert config.context_length == 512 and tokenizer.vocab_size == config.vocab_size == 30_522
    assert [tokenizer.vocabulary.index(token) for token in tokenizer.special_tokens] == [0, 100, 101, 102, 103]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_states_equal_transformers(minilm, peer, text):
    (ours, tokenizer), (theirs, _) = minilm, peer
    ids = torch.tensor([tokenizer.sequence(text)[0]])
    with torch.no_grad():
        wanted = theirs(ids, output_hidden_states=True).hidden_states
        for mine, other in zip(ours.layers(ids), wanted, strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)


def test_gradients_equal_transformers(minilm, peer):
    (ours, tokenizer), (theirs, _) = minilm, peer
    ids = torch.tensor([tokenizer.sequence(TEXTS[0])[0]])
    ours(ids)[0, 0, 7].backward()
    theirs(ids).last_hidden_state[0, 0, 7].backward()
    pairs = {
        "embedding.weight": theirs.embeddings.word_embeddings.weight,
        "blocks.5.feed_forward.2.weight": theirs.encoder.layer[5].output.dense.weight,
        "blocks.0.attention.output.bias": theirs.encoder.layer[0].attention.output.dense.bias,
    }
    for name, other in pairs.items():
        mine = ours.get_parameter(name).grad
        assert mine.any()
        torch.testing.assert_close(mine, other.grad, rtol=0, atol=1e-5 * other.grad.abs().max().item())
    ours.zero_grad()
    theirs.zero_grad()


def test_vectors_of_sentences_equal_the_mean_over_transformers_states(minilm, peer):
    (ours, tokenizer), (theirs, their_tokenizer) = minilm, peer
    batch = their_tokenizer(TEXTS, padding=True, return_tensors="pt")
    real = batch["attention_mask"][..., None]
    with torch.no_grad():
        wanted = (theirs(**batch).last_hidden_state * real).sum(dim=1) / real.sum(dim=1)
    vectors = sentence_vectors(ours, [tokenizer.sequence(text)[0] for text in TEXTS], batch_size=3)
    torch.testing.assert_close(vectors, wanted, rtol=0, atol=1e-5)


def test_near_sentences_have_near_vectors(minilm):
    model, tokenizer = minilm
    texts = ["A man is eating food.", "A man eats something.", "The girl plays the violin."]
    vectors = torch.nn.functional.normalize(sentence_vectors(model, [tokenizer.sequence(text)[0] for text in texts]))
    near, far = (vectors[0] @ vectors[1]).item(), (vectors[0] @ vectors[2]).item()
    assert near > 0.7 and far < 0.3


def test_two_texts_and_their_segments_equal_transformers(minilm, peer):
    (ours, tokenizer), (theirs, their_tokenizer) = minilm, peer
    ids, segments = tokenizer.sequence("is it free", TEXTS[0])
    batch = their_tokenizer("is it free", TEXTS[0], return_tensors="pt")
    assert batch["input_ids"].tolist() == [ids] and batch["token_type_ids"].tolist() == [segments]
    with torch.no_grad():
        mine = ours(torch.tensor([ids]), torch.tensor([segments]))
        torch.testing.assert_close(mine, theirs(**batch).last_hidden_state, rtol=0, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.text(ASSIGNED, max_size=40))
@example("".join(TEXTS))
def test_ids_and_texts_equal_transformers(minilm, peer, text):
    (_, tokenizer), (_, theirs) = minilm, peer
    ids = tokenizer.encode(text)
    assert ids == theirs(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == theirs.decode(ids)


def test_special_tokens_in_the_text_are_recognised_where_asked(minilm, peer):
    (_, tokenizer), (_, theirs) = minilm, peer
    text = "The [MASK] sat on[SEP]the mat."
    assert tokenizer.sequence(text, special=True)[0] == theirs(text)["input_ids"]
    assert tokenizer.vocabulary.index("[MASK]") not in tokenizer.sequence(text)[0], "a stranger's text forges nothing"


@pytest.mark.parametrize("longest", range(3, 14))
@pytest.mark.parametrize("lengths", [(6, 4), (4, 6), (5, 5), (1, 9), (9, 1), (9, None), (0, 9)])
def test_what_is_too_long_is_cut_as_in_transformers(minilm, peer, longest, lengths):
    (_, tokenizer), (_, theirs) = minilm, peer
    first, second = ("a b c d e f g h i"[: 2 * n] if n is not None else None for n in lengths)
    ids, segments = tokenizer.sequence(first, second, longest)
    wanted = theirs(first, second, truncation=True, max_length=longest)
    assert (ids, segments) == (wanted["input_ids"], wanted["token_type_ids"])


def test_it_is_saved_and_read(minilm, tmp_path):
    _, tokenizer = minilm
    tokenizer.save(tmp_path / "tokenizer.json")
    back = WordPieceTokenizer.load(tmp_path / "tokenizer.json")
    assert all(back.encode(text) == tokenizer.encode(text) for text in TEXTS)


def test_ids_may_be_an_array(minilm):
    _, tokenizer = minilm
    assert tokenizer.decode(np.array(tokenizer.encode("Fine, isn't it?"))) == "fine, isn ' t it?"


def small():
    sizes = {"hidden_size": 15, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 7}
    return transformers.BertConfig(vocab_size=23, max_position_embeddings=13, **sizes)


@pytest.mark.parametrize("kind", [transformers.BertModel])
def test_a_bert_in_a_folder(tmp_path, kind):
    theirs = kind(small()).eval()
    theirs.save_pretrained(tmp_path)
    ours, tokens = load_safetensors(tmp_path), torch.randint(1, 23, (3, 11))
    assert isinstance(ours, BERT) and not ours.training
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).last_hidden_state, rtol=0, atol=1e-5)


def test_a_model_with_a_head_is_named():
    theirs = transformers.BertForSequenceClassification(small())
    with pytest.raises(ValueError, match=r"the tensor 'classifier.bias' has no place in a BERT \(and so for 1 more\)"):
        from_transformers(theirs.config.to_dict(), theirs.state_dict())
