"""The tokenizers: every string comes back, the same merges as Hugging Face's, and clear words for bad input."""

import json
import pickle
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
import regex
import tokenizers as peer
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from course_lib import data
from course_lib.tokenizers import GPT2_PATTERN, BPETokenizer, CharTokenizer, WordTokenizer, byte_alphabet
from course_lib.tokenizers.bpe import compiled, cut, join

END = "<|end|>"
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])  # letters of a later Unicode are letters to one side only
TEXTS = st.text(ASSIGNED, max_size=60)
RUNS = st.text("ab- ", max_size=80)


def _peer(texts, vocab_size, special_tokens=()):
    """Hugging Face's tokenizer, trained by the same rules."""
    tokenizer = peer.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _merges(tokenizer):
    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


def _vocabulary(tokenizer):
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.get)


@pytest.fixture(scope="module")
def plays():
    return data.shakespeare("validation")


@pytest.fixture(scope="module")
def chinese():
    return [text for pair in data.interface_strings("zh_CN")["train"] for text in pair]


@pytest.fixture(scope="module")
def trained(plays):
    return BPETokenizer.train(plays, vocab_size=1000, special_tokens=[END, "<|pad|>"])


TINY = {
    "characters": CharTokenizer.train("to be or not", special_tokens=["<unk>", END]),
    "words": WordTokenizer.train("to be or not to be", special_tokens=["<unk>", END]),
    "pairs": BPETokenizer.train("to be or not to be", vocab_size=260, special_tokens=["<unk>", END]),
}
every_kind = pytest.mark.parametrize("tokenizer", TINY.values(), ids=TINY)


def test_the_same_merges_and_encodings_as_the_peer_on_shakespeare(plays, trained):
    reference = _peer([plays], 1000, [END, "<|pad|>"])
    assert trained.merges == _merges(reference) and trained.vocabulary == _vocabulary(reference)
    unseen = data.shakespeare("test")
    ids = trained.encode(unseen)
    assert ids == reference.encode(unseen).ids
    assert trained.decode(ids) == reference.decode(ids) == unseen


def test_the_same_merges_and_encodings_as_the_peer_on_chinese(chinese, plays):
    ours, reference = BPETokenizer.train(chinese, vocab_size=1500), _peer(chinese, 1500)
    assert ours.merges == _merges(reference) and ours.vocabulary == _vocabulary(reference)
    unseen = [text for pair in data.interface_strings("zh_CN")["test"] for text in pair] + [plays[:20_000]]
    assert [ours.encode(text) for text in unseen] == [reference.encode(text).ids for text in unseen]


@given(st.lists(TEXTS | RUNS, min_size=1, max_size=4).filter(any), st.integers(256, 300), TEXTS | RUNS)
@example(["aaaaaaa aaaaaaa aaa aaaa aaaaa"], 300, "a aa aaa aaaa aaaaa aaaaaa aaaaaaa aaaaaaaa")
def test_the_same_merges_and_encodings_as_the_peer_on_any_text(texts, vocab_size, unseen):
    ours, reference = BPETokenizer.train(texts, vocab_size=vocab_size), _peer(texts, vocab_size)
    assert ours.merges == _merges(reference) and ours.vocabulary == _vocabulary(reference)
    for text in [*texts, unseen]:
        assert ours.encode(text) == reference.encode(text).ids


def test_text_is_cut_as_by_the_peer():
    byte_level, pattern = pre_tokenizers.ByteLevel(add_prefix_space=False), compiled(GPT2_PATTERN)
    for first in range(0, 0x20000, 64):
        group = [chr(code) for code in range(first, first + 64)]
        text = "".join(f"{sign} 1{sign}!{sign}{sign}a " for sign in group if unicodedata.category(sign) not in "CsCn")
        assert [match.span() for match in pattern.finditer(text)] == [
            span for _, span in byte_level.pre_tokenize_str(text)
        ]


def test_the_alphabet_is_the_peers():
    assert set(byte_alphabet()) == set(pre_tokenizers.ByteLevel.alphabet()) and len(byte_alphabet()) == 256
    for byte in range(128):
        [(shown, _)] = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(chr(byte))
        assert shown == byte_alphabet()[byte]


def test_merges_by_hand():
    # low x2, lower, lowest, newest: l-o and o-w 4 each, so the smaller pair of ids (l before o), then lo-w 4; then the
    # blank before l (Ġ) with low 3, e-s 2 and s-t 2 and w-e 2 (es: e before s and w), es-t 2, ...
    tokenizer = BPETokenizer.train("low low lower lowest newest", vocab_size=256 + 5)
    assert tokenizer.merges == [("l", "o"), ("lo", "w"), ("Ġ", "low"), ("e", "s"), ("es", "t")]
    assert tokenizer.vocabulary[-1] == "est" and tokenizer.encode("lowest") == [257, 260]


@given(st.text() | st.text("aeht \n'", max_size=400))
def test_every_string_comes_back(trained, text):
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert len(ids) <= len(text.encode()) and all(0 <= number < trained.vocab_size for number in ids)


@given(st.lists(st.sampled_from([END, "<|pad|>", "<|", "|>", " ", "a", "end", "é"])).map("".join))
def test_special_tokens_come_back_and_are_recognised_only_where_asked(trained, text):
    asked = trained.encode(text, special=True)
    assert trained.decode(asked) == trained.decode(trained.encode(text)) == text
    assert asked.count(0) == text.count(END) and asked.count(1) == text.count("<|pad|>")
    assert not {0, 1} & set(trained.encode(text))


@given(st.lists(st.integers(0, 6), max_size=30), st.permutations(range(12)))
def test_joining_takes_the_lowest_rank_first_and_from_the_left(ids, order):
    pairs = [(0, 1), (1, 2), (0, 0), (2, 3), (7, 2), (4, 4), (4, 5), (9, 4), (5, 6), (7, 7), (3, 3), (8, 0)]
    ranks = {pairs[place]: (rank, 7 + rank) for rank, place in enumerate(order)}
    expected = list(ids)
    while found := [(ranks[pair], left) for left, pair in enumerate(pairwise(expected)) if pair in ranks]:
        (_, new), left = min(found)
        expected[left : left + 2] = [new]
    assert join(ids, ranks) == expected


def test_a_long_piece_takes_no_squared_time(trained):
    text = "abcdefgh" * 25_000  # one piece; quadratic work would take minutes
    assert trained.decode(trained.encode(text)) == text


def test_the_longer_of_two_special_tokens_is_recognised():
    tokenizer = BPETokenizer.train("a", vocab_size=258, special_tokens=["<a>", "<a><b>"])
    assert tokenizer.encode("<a><b><a>", special=True) == [1, 0]


def test_ready_made_merges_with_ids_in_any_order():
    vocabulary = ["<|end|>", "he", *sorted(byte_alphabet(), reverse=True), "Ġthe", "the", "Ġt"]
    merges = [("h", "e"), ("Ġ", "t"), ("Ġt", "he"), ("t", "he")]
    tokenizer = BPETokenizer(vocabulary, merges, ["<|end|>"])
    ids = tokenizer.encode("the theme<|end|>", special=True)
    assert [vocabulary[number] for number in ids] == ["the", "Ġthe", "m", "e", "<|end|>"]
    assert tokenizer.decode(ids) == "the theme<|end|>"


def test_the_peers_vocabulary_can_be_taken_over(chinese):
    reference = _peer(chinese, 700, [END])
    ours = BPETokenizer(_vocabulary(reference), _merges(reference), [END])
    assert [ours.encode(text) for text in chinese[:200]] == [reference.encode(text).ids for text in chinese[:200]]


def test_another_pattern_single_digits():
    single = GPT2_PATTERN.replace(r" ?\p{N}+", r"\p{N}")
    tokenizer = BPETokenizer.train("2024 2024 2024", vocab_size=300, pattern=single)
    assert tokenizer.decode(tokenizer.encode("in 2024")) == "in 2024"
    assert tokenizer.merges == [] and len(tokenizer.encode("2024")) == 4


def test_training_stops_where_nothing_is_left_to_merge():
    assert BPETokenizer.train("ab ab", vocab_size=1000).merges == [("a", "b"), ("Ġ", "ab")]


def test_the_cache_is_bounded(monkeypatch, trained):
    monkeypatch.setattr("course_lib.tokenizers.bpe._MOST_CACHED", 3)
    fresh = BPETokenizer(trained.vocabulary, trained.merges, trained.special_tokens)
    assert fresh.encode("to be or not to be") == trained.encode("to be or not to be") and len(fresh._cache) <= 3


@given(st.text("to be", min_size=1))
def test_characters_come_back(text):
    tokenizer = CharTokenizer.train("to be")
    assert tokenizer.decode(tokenizer.encode(text)) == text and tokenizer.vocabulary == sorted(set("to be"))


def test_characters_by_hand():
    tokenizer = CharTokenizer.train(["abba", "c"], vocab_size=3, special_tokens=["<unk>"])
    assert tokenizer.vocabulary == ["<unk>", "a", "b"] and tokenizer.vocab_size == 3
    assert tokenizer.encode("cab") == [0, 1, 2] and tokenizer.decode([0, 1, 2]) == "<unk>ab"


def test_words_by_hand():
    tokenizer = WordTokenizer.train("the cat and the hat", vocab_size=3)
    assert tokenizer.vocabulary == ["<unk>", "the", "cat"]
    assert tokenizer.encode("the  cat\nin the hat") == [1, 2, 0, 1, 0]
    assert tokenizer.decode([1, 2, 0]) == "the cat <unk>"
    assert WordTokenizer.words("«L'été» x_1 don't 'tis") == ["«", "L'été", "»", "x_1", "don't", "'", "tis"]


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_without_unk_what_is_unknown_is_an_error(kind):
    with pytest.raises(ValueError, match="'x' is not among the 1 tokens; train with '<unk>'"):
        kind.train("a", special_tokens=()).encode("x")


@every_kind
def test_empty_text_and_what_all_share(tokenizer):
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""
    assert tokenizer.encode(END, special=True) == [1] and tokenizer.encode(END) != [1]
    assert tokenizer.vocab_size == len(tokenizer.vocabulary)
    assert pickle.loads(pickle.dumps(tokenizer)).encode("to be") == tokenizer.encode("to be")


@every_kind
@pytest.mark.parametrize("unknown", [-1, 10_000])
def test_unknown_ids_are_named(tokenizer, unknown):
    with pytest.raises(ValueError, match=rf"ids must be ids from 0 to \d+ .*, but at position 1 there is {unknown}"):
        tokenizer.decode([1, unknown])


@every_kind
def test_lone_surrogates_are_named(tokenizer):
    with pytest.raises(ValueError, match=r"at position 2 there is '\\ud83d', a lone surrogate"):
        tokenizer.encode("to\ud83d")
    with pytest.raises(ValueError, match="lone surrogate"):
        type(tokenizer).train(["to", "\udc00"], vocab_size=300)


@every_kind
@pytest.mark.parametrize("nothing", ["", [], ["", ""]])
def test_training_needs_text(tokenizer, nothing):
    with pytest.raises(ValueError, match="training needs text"):
        type(tokenizer).train(nothing, vocab_size=300)


@every_kind
def test_a_small_vocabulary_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"vocab_size must be .*, but it is 1"):
        type(tokenizer).train("to be", vocab_size=1, special_tokens=["<unk>"])


@every_kind
def test_saved_and_loaded(tokenizer, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text("old")
    tokenizer.save(file)
    again = type(tokenizer).load(str(file))
    for name in tokenizer.FIELDS:
        assert getattr(again, name) == getattr(tokenizer, name)
    text = f"to be{END}{END}or not"
    assert again.encode(text, special=True) == tokenizer.encode(text, special=True)
    assert list(tmp_path.iterdir()) == [file] and b"\r" not in file.read_bytes()


@given(st.lists(TEXTS, min_size=1, max_size=3).filter(any))
def test_any_trained_tokenizer_is_saved_whole(tmp_path_factory, texts):
    file = tmp_path_factory.mktemp("any") / "t.json"
    tokenizer = BPETokenizer.train(texts, vocab_size=270)
    tokenizer.save(file)
    assert vars(BPETokenizer.load(file)).keys() == vars(tokenizer).keys()
    assert BPETokenizer.load(file).vocabulary == tokenizer.vocabulary


def test_a_save_that_fails_leaves_the_old_file(monkeypatch, tmp_path):
    file = tmp_path / "new" / "tokenizer.json"
    TINY["words"].save(file)
    before = file.read_bytes()

    def full(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        TINY["characters"].save(file)
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]


@every_kind
def test_ids_come_in_any_sequence(tokenizer):
    ids = tokenizer.encode("to be")
    same = [
        tuple(ids),
        iter(ids),
        np.array(ids, dtype=np.uint16),
        torch.tensor(ids),
        torch.tensor(ids, dtype=torch.int16),
    ]
    assert [tokenizer.decode(one) for one in same] == [tokenizer.decode(ids)] * len(same)
    assert tokenizer.decode(torch.tensor([])) == ""


@every_kind
def test_a_generator_of_texts_is_texts_and_a_text_is_one(tokenizer):
    texts = ["to be", "or not"]
    several = type(tokenizer).train(texts, 300, iter(["<unk>"]))
    assert type(tokenizer).train((text for text in texts), 300, ["<unk>"]).vocabulary == several.vocabulary
    assert type(tokenizer).train(np.array(texts), 300, ("<unk>",)).vocabulary == several.vocabulary
    assert type(tokenizer).train("to be", 300).vocabulary == type(tokenizer).train(["to be"], 300).vocabulary


def test_a_tokenizer_is_saved_into_a_new_folder_and_never_onto_one(tmp_path):
    file = tmp_path / "models" / "mine" / "tokenizer.json"
    TINY["pairs"].save(file)
    assert BPETokenizer.load(file).encode("to be") == TINY["pairs"].encode("to be")
    with pytest.raises(ValueError, match="not a folder"):
        TINY["pairs"].save(tmp_path / "models")
    with pytest.raises(ValueError, match=r"should have kind 'CharTokenizer', but has 'BPETokenizer'"):
        CharTokenizer.load(file)
    assert [path.name for path in tmp_path.rglob("*")] == ["models", "mine", "tokenizer.json"]


DAMAGES = {
    "other JSON": (lambda content: [content], "should have format 'course_lib tokenizer', but has None"),
    "another format": (lambda content: content | {"format": "x"}, "should have format .*, but has 'x'"),
    "a later version": (lambda content: content | {"version": 2}, "should have version 1, but has 2"),
    "another kind": (lambda content: content | {"kind": "CharTokenizer"}, "should have kind 'BPETokenizer', but has"),
    "a field too many": (lambda content: content | {"extra": 1}, "missing or not expected: extra"),
    "no merges": (lambda content: {k: v for k, v in content.items() if k != "merges"}, "not expected: merges"),
    "numbers for tokens": (lambda content: content | {"vocabulary": [1]}, "should hold vocabulary as list"),
    "a string for a list": (lambda content: content | {"special_tokens": "ab"}, "should hold special_tokens as list"),
    "strings for merges": (lambda content: content | {"merges": ["ab"]}, "should hold merges as list"),
    "a changed token": (
        lambda content: content | {"vocabulary": [*content["vocabulary"][:-1], "zz"]},
        "is damaged: its content does not have the SHA-256",
    ),
    "a swapped merge": (lambda content: content | {"merges": content["merges"][::-1]}, "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(damage, tmp_path):
    change, words = DAMAGES[damage]
    file = tmp_path / "tokenizer.json"
    TINY["pairs"].save(file)
    file.write_text(json.dumps(change(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        BPETokenizer.load(file)


@pytest.mark.parametrize("content", [b"", b'{"format": "cour', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(content, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json should hold a BPETokenizer as JSON, but cannot be read"):
        BPETokenizer.load(file)


BYTES = list(byte_alphabet())


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([*BYTES, "a"], []), "stand once in the vocabulary, but not so 'a'"),
        (([*BYTES, ""], []), "each token must be some text"),
        (([*BYTES, "a b"], []), "must be written in byte_alphabet.*, but 'a b' has ' '"),
        (([*BYTES, "\ud800"], []), "lone surrogate"),
        ((BYTES, [("a", "b")]), "needs the token 'ab', which is not in the vocabulary"),
        ((BYTES, [("a", "b", "c")]), "a merge must be a pair"),
        (([*BYTES, "ab"], [("a", "b")], ["ab"]), "needs the token 'ab'"),
        ((BYTES, [], ["<s>"]), "special tokens must be in the vocabulary, but '<s>' is not"),
        ((BYTES, [], [], "(a|b)"), r"groups in the pattern must be written \(\?:"),
        ((BYTES, [], [], "(a"), "must be a regular expression"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        BPETokenizer(*arguments)


def test_a_special_token_that_text_can_make_is_refused():
    with pytest.raises(ValueError, match="stand once in the vocabulary, but not so 'ab'"):
        BPETokenizer.train("ab ab", vocab_size=300, special_tokens=["ab"])


def test_a_byte_that_the_vocabulary_lacks_is_named():
    with pytest.raises(ValueError, match="no token for the byte 0x62"):
        BPETokenizer(["a"], []).encode("ab")


def test_a_pattern_that_leaves_text_out_is_refused():
    with pytest.raises(ValueError, match="must cover the whole text"):
        cut(regex.compile("[a-z]+"), "to be")
