"""Pairs as batches, the loss, and the writing, against numbers by hand and small models."""

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional as F

from course_lib.generation import BeamConfig, GenerationConfig, beam_search, generate
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import (
    BEGIN,
    END,
    PAD,
    Pairs,
    load_translator,
    mean_loss,
    pair_batches,
    tokenized,
    train_tokenizer,
    translate,
    translation_loss,
)

LINES = [
    ("Oh Sir, I loue it", "O sir, I love it."),
    ("a", "A"),
    ("Vpon my life, it selfe is loue, and liues vpon it", "Upon my life, itself is love and lives upon it."),
    ("as I liue", "as I live"),
    ("giue me 𝕬 æ", "give me 𝕬 æ"),
]
TOKENIZER = train_tokenizer(LINES, 270)
V = TOKENIZER.vocab_size


def _seq2seq(**changes):
    torch.manual_seed(0)
    return Seq2Seq(Seq2SeqConfig(**{"vocab_size": V, "d_embed": 5, "d_hidden": 6, "dropout": 0.0, **changes}))


def _made_up(n=40, seed=0):
    """Pairs whose tokens say which pair they belong to: 3 + its number, as often as its two lengths."""
    lengths = torch.randint(1, 12, (n, 2), generator=Generator().manual_seed(seed))
    sides = [torch.full((n, 14), PAD) for _ in range(2)]
    for row, (source, target) in enumerate(lengths):
        sides[0][row, :source], sides[1][row, 1 : 1 + target] = 3 + row, 3 + row
        sides[1][row, 0], sides[1][row, 1 + target] = BEGIN, END
    return Pairs(*sides)


def _rows(batch):
    """The numbers of a batch's pairs."""
    return (batch.source[:, 0] - 3).tolist()


def _without_padding(row):
    return row[row != PAD].tolist()


@pytest.mark.parametrize("batch_tokens, near", [(50, 7), (97, 40), (50, 500), (3, 11)])
def test_batches_hold_whole_pairs_within_the_budget_and_no_column_of_padding_alone(batch_tokens, near):
    pairs = _made_up()
    draw, generator = pair_batches(pairs, batch_tokens=batch_tokens, near=near), Generator().manual_seed(1)
    sums = torch.stack([(side != PAD).sum(1) for side in pairs]).sum(0)
    ranks = sums.argsort(stable=True).argsort()
    for _ in range(50):
        batch = draw(generator)
        rows = _rows(batch)
        for side, whole in zip(batch, pairs, strict=True):
            assert (side != PAD).any(0).all()
            assert [_without_padding(row) for row in side] == [_without_padding(whole[row]) for row in rows]
        assert sums[rows].sum() <= batch_tokens or len(rows) == 1
        assert ranks[rows].max() - ranks[rows].min() < near
        longest = sums.sort().values[max(ranks[rows].min() - near, 0) : ranks[rows].max() + near].max()
        assert len(rows) >= batch_tokens // longest, "no smaller than the budget asks"


def test_every_pair_is_drawn_and_the_generator_alone_says_which():
    draw = pair_batches(_made_up(), batch_tokens=50, near=7)
    drawn = {row for seed in range(20) for _ in range(10) for row in _rows(draw(Generator().manual_seed(seed)))}
    generator = Generator().manual_seed(0)
    for _ in range(300):
        drawn.update(_rows(draw(generator)))
    assert drawn == set(range(40))
    runs = []
    for seed in (5, 5, 6):
        generator = Generator().manual_seed(seed)
        torch.rand(seed)  # PyTorch's own randomness plays no part
        runs.append([_rows(draw(generator)) for _ in range(5)])
    assert runs[0] == runs[1] != runs[2]


def test_tokens_stand_between_begin_and_end_and_round_trip():
    pairs = tokenized(TOKENIZER, [*LINES, ("only a source", "")])
    for (source, target), row, other in zip([*LINES, ("only a source", "")], *pairs, strict=True):
        ids = _without_padding(other)
        assert TOKENIZER.decode(_without_padding(row)) == source
        assert (ids[0], ids[-1]) == (BEGIN, END) and TOKENIZER.decode(ids[1:-1]) == target
    for side in pairs:
        assert (side[:, -1] != PAD).any(), "no wider than its longest text"
        assert ((side == PAD).int().diff(dim=1) >= 0).all(), "padding stands at the end"


def test_the_tokenizer_has_the_special_tokens_first_and_learns_from_both_sides():
    assert TOKENIZER.vocabulary[:3] == ["<pad>", "<begin>", "<end>"] and TOKENIZER.vocab_size == 270
    assert TOKENIZER.encode("<end>") != [END], "a text cannot end itself"
    for texts in ([("ab" * 20, "xyz")], [("xyz", "ab" * 20)]):
        assert "abab" in train_tokenizer(texts, 261).vocabulary


class Fixed(nn.Module):
    """Says at each position what `table` holds for the target's token there, whatever the source."""

    def __init__(self, vocab_size=11):
        super().__init__()
        self.table = nn.Parameter(torch.randn(vocab_size, vocab_size, generator=Generator().manual_seed(0)))

    def forward(self, source, target):
        return self.table[target]


BATCH = Pairs(torch.tensor([[5, 6], [7, PAD]]), torch.tensor([[BEGIN, 4, 9, END], [BEGIN, 8, END, PAD]]))
STEPS = [(BEGIN, 4), (4, 9), (9, END), (BEGIN, 8), (8, END)]  # what is seen, what is to come


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_loss_by_hand(smoothing):
    log_p = Fixed().table.log_softmax(-1)
    each = [(1 - smoothing) * -log_p[seen, wanted] - smoothing * log_p[seen].mean() for seen, wanted in STEPS]
    torch.testing.assert_close(translation_loss(smoothing)(Fixed(), BATCH), sum(each) / 5)


def test_loss_is_pytorchs_and_reaches_the_model():
    model = _seq2seq()
    batch = tokenized(TOKENIZER, LINES)
    peer = F.cross_entropy(
        model(batch.source, batch.target[:, :-1]).transpose(1, 2), batch.target[:, 1:], ignore_index=0
    )
    loss = translation_loss()(model, batch)
    torch.testing.assert_close(loss, peer)
    loss.backward()
    assert all(parameter.grad.any() for parameter in model.parameters())
    longer = Pairs(*(F.pad(side, (0, 3)) for side in batch))
    torch.testing.assert_close(translation_loss(0.1)(model, longer), translation_loss(0.1)(model, batch))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 256])
def test_mean_loss_weighs_tokens_alike(batch_size):
    log_p = Fixed().table.log_softmax(-1)
    by_hand = -sum(log_p[seen, wanted].item() for seen, wanted in STEPS) / 5
    assert mean_loss(Fixed(), BATCH, batch_size) == pytest.approx(by_hand, rel=1e-6)
    pairs = _made_up()
    whole = translation_loss()(Fixed(43), pairs).item()
    assert mean_loss(Fixed(43), pairs, batch_size) == pytest.approx(whole, rel=1e-5)


class Copier(nn.Module):
    """Writes its source: the likeliest token is the next of it, then END; `sure` is how sure it is of that."""

    def __init__(self, sure=50.0):
        super().__init__()
        self.sure = nn.Parameter(torch.tensor(sure))

    def start(self, source, lengths):
        ends = torch.arange(source.shape[1] + 1) >= lengths[:, None]
        return F.pad(source, (0, 1)).masked_fill(ends, END), 0

    def step(self, tokens, state):
        answer, place = state
        assert place or (tokens == BEGIN).all(), "an answer opens with BEGIN"
        return self.sure * F.one_hot(answer[:, min(place, answer.shape[1] - 1)], V), (answer, place + 1)

    def reorder(self, state, rows):
        return state[0][rows], state[1]


@pytest.mark.parametrize("n_beams", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_translations_come_in_the_order_of_the_texts(n_beams, batch_size):
    texts = [source for source, _ in LINES] + ["a", "b"]
    model = Copier().train()
    assert translate(model, TOKENIZER, texts, n_beams=n_beams, batch_size=batch_size) == texts
    assert model.training


def test_one_beam_is_greedy_and_more_are_beam_search():
    model, texts = _seq2seq(), [source for source, _ in LINES]
    sources = [TOKENIZER.encode(text) for text in texts]
    most = 2 * max(map(len, sources)) + 10
    config = GenerationConfig(temperature=0, max_new_tokens=most, begin_token=BEGIN, end_token=END)
    greedy = [TOKENIZER.decode(answer) for answer in generate(model, sources, config)]
    assert translate(model, TOKENIZER, texts) == greedy
    config = BeamConfig(n_beams=3, max_new_tokens=most, begin_token=BEGIN, end_token=END)
    beams = [TOKENIZER.decode(found[0].tokens) for found in beam_search(model, sources, config)]
    assert translate(model, TOKENIZER, texts, n_beams=3) == beams != greedy


def test_an_answer_without_end_is_cut_where_it_is_twice_as_long_as_its_source():
    class Endless(Copier):
        def step(self, tokens, state):
            return F.one_hot(torch.full_like(tokens, 3 + ord("x") - ord("!")), V) * 9.0, state

    [written] = translate(Endless(), TOKENIZER, ["as I liue"])
    assert len(TOKENIZER.encode(written)) <= len(written) == 2 * len(TOKENIZER.encode("as I liue")) + 10


def test_an_answer_without_end_is_cut_where_learned_positions_end():
    torch.manual_seed(0)
    sizes = {"d_model": 8, "n_heads": 2, "d_ff": 5, "n_encoder_layers": 1, "n_decoder_layers": 1, "context_length": 9}
    model = Transformer(TransformerConfig(vocab_size=V, positions="learned", dropout=0, **sizes))
    with torch.no_grad():
        model.embedding.weight[END] = -10 * model.decoder_norm.weight
    texts = ["as I", "liue"]
    sources = [TOKENIZER.encode(text) for text in texts]
    config = GenerationConfig(temperature=0, max_new_tokens=9, begin_token=BEGIN, end_token=END)
    expected = generate(model, sources, config)
    assert max(map(len, expected)) == 9 < 2 * max(map(len, sources)) + 10
    assert translate(model, TOKENIZER, texts) == [TOKENIZER.decode(answer) for answer in expected]


def test_texts_and_pairs_may_come_from_generators():
    texts = [source for source, _ in LINES]
    assert translate(Copier(), TOKENIZER, iter(texts)) == texts
    assert train_tokenizer(iter(LINES), 270).vocabulary == TOKENIZER.vocabulary
    for ours, theirs in zip(tokenized(TOKENIZER, iter(LINES)), tokenized(TOKENIZER, LINES), strict=True):
        assert torch.equal(ours, theirs)


def test_nothing_is_written_where_one_text_will_not_do():
    """The longest text comes last, after hours perhaps: it is refused before the first is translated."""
    model, texts = Copier(), ["a", "b", "a long text"]
    model.limit, model.start = 3, lambda source, lengths: pytest.fail("a text was read")
    with pytest.raises(ValueError, match=r"texts\[2\] must have at least one token and at most 3"):
        translate(model, TOKENIZER, texts, batch_size=1)


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda: tokenized(TOKENIZER, [("a", "b"), ("", "b")]), "that of pair 1 is empty"),
        (lambda: translate(Copier(), TOKENIZER, ["a", ""]), "at least one token"),
        (lambda: train_tokenizer(LINES, 258), "vocab_size must be at least 259"),
    ],
)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=words):
        work()


def test_the_translator_that_was_trained_at_length():
    model, tokenizer = load_translator()
    assert isinstance(model, Transformer) and tokenizer.vocab_size == model.config.vocab_size == 2000
    assert translate(model, tokenizer, ["Oh Sir, I loue it"]) == ["O, sir, I love it."]
