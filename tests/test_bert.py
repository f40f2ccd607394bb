"""BERT beside Transformers' on the same weights, and what must hold of it: padding, both directions, gaps, heads."""

import math

import pytest
import torch
import transformers
from helpers import enlarge
from torch import Generator, nn
from torch.nn import functional as F

from course_lib.attention import recorded
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
from course_lib.losses import next_token_loss
from course_lib.pretrained import from_transformers
from course_lib.pretrained.layouts import bert_layout

V, CONTEXT, HEADS, WIDTH, HIDDEN, LAYERS, SEGMENTS, LABELS = 23, 13, 3, 15, 7, 2, 3, 5
SIZES = {"vocab_size": V, "context_length": CONTEXT, "d_model": WIDTH, "n_layers": LAYERS, "n_heads": HEADS}
CONFIG = BERTConfig(**SIZES, d_ff=HIDDEN, n_segments=SEGMENTS)
GAPS = -100


def rows(seed=1):
    """Two rows of tokens, the second of which ends with padding, and their segments."""
    generator = Generator().manual_seed(seed)
    tokens = torch.randint(1, V, (2, 11), generator=generator)
    tokens[1, 8:] = 0
    return tokens, torch.randint(SEGMENTS, tokens.shape, generator=generator)


def theirs(kind, **changes):
    config = transformers.BertConfig(
        vocab_size=V,
        max_position_embeddings=CONTEXT,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=HIDDEN,
        type_vocab_size=SEGMENTS,
        layer_norm_eps=0.01,
        num_labels=LABELS,
        **changes,
    )
    torch.manual_seed(3)
    return enlarge(kind(config)).eval()


def copied(peer):
    """Our encoder with the weights of theirs, both in double precision."""
    return from_transformers(peer.config.to_dict(), peer.double().base_model.state_dict()).double()


def peer_inputs(tokens, segments):
    return {"input_ids": tokens, "token_type_ids": segments, "attention_mask": (tokens != 0).long()}


def fill(ours, weights):
    """Copy weights of theirs into a head of ours."""
    with torch.no_grad():
        for parameter, weight in zip(ours, weights, strict=True):
            parameter.copy_(weight)


def model():
    torch.manual_seed(5)
    return enlarge(BERT(CONFIG)).eval()


def test_states_and_gradients_equal_transformers():
    peer = theirs(transformers.BertModel)
    ours, (tokens, segments) = copied(peer), rows()
    states = ours.layers(tokens, segments)
    wanted = peer(**peer_inputs(tokens, segments), output_hidden_states=True).hidden_states
    real, weight = tokens != 0, torch.randn(2, 11, WIDTH, dtype=torch.float64, generator=Generator().manual_seed(2))
    assert len(states) == len(wanted) == LAYERS + 1
    for mine, other in zip(states, wanted, strict=True):
        torch.testing.assert_close(mine[real], other[real], rtol=0, atol=2e-6)  # the weights went through float32
    (states[-1] * weight)[real].sum().backward()
    (wanted[-1] * weight)[real].sum().backward()
    gradients, checked = {f"bert.{name}": p.grad for name, p in peer.named_parameters()}, 0
    for name, parameter in ours.named_parameters():
        parts = [gradients[part.name] for part in bert_layout(ours.config)[name]]
        torch.testing.assert_close(parameter.grad, torch.cat(parts), rtol=1e-4, atol=1e-5)
        checked += len(parts)
    assert checked == len([name for name in gradients if "pooler" not in name])


def test_the_first_weights_are_as_in_the_paper():
    torch.manual_seed(1)
    big = BERT(BERTConfig(vocab_size=997, d_model=64, n_layers=1))
    for name, weight in big.named_parameters():
        if weight.ndim == 2:
            assert weight.std().item() == pytest.approx(0.02, rel=0.1), name
        elif name.endswith("bias"):
            assert not weight.any(), name
        else:
            assert torch.equal(weight, torch.ones_like(weight)), name


def test_padding_changes_nothing_and_every_other_token_does():
    bert, (tokens, segments) = model(), rows()
    with torch.no_grad():
        states = bert(tokens, segments)
        short = bert(tokens[1:, :8], segments[1:, :8])
        torch.testing.assert_close(states[1:, :8], short, rtol=1e-4, atol=1e-5)
        for place in range(11):
            changed = tokens.clone()
            changed[0, place] = changed[0, place] % (V - 1) + 1
            moved = (bert(changed, segments) - states)[0].abs().amax(dim=1)
            assert (moved > 1e-5).all(), "each token looks at those before and after it"


def test_order_and_segments_count():
    bert, (tokens, segments) = model(), rows()
    with torch.no_grad():
        states = bert(tokens, segments)
        back = bert(tokens.flip(1), segments.flip(1)).flip(1)
        assert not torch.allclose(back[0], states[0], atol=1e-3)
        assert not torch.allclose(bert(tokens, (segments + 1) % SEGMENTS), states, atol=1e-3)
        assert torch.equal(bert(tokens), bert(tokens, torch.zeros_like(tokens)))


def test_a_row_of_padding_alone_is_finite():
    bert, tokens = model(), torch.tensor([[0, 0, 0], [1, 2, 0]])
    bert(tokens).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in bert.parameters())
    states = bert(tokens)
    assert states.isfinite().all() and not mean_of_tokens(states, tokens)[0].any()


def test_dropout_only_in_training():
    bert, (tokens, _) = model(), rows()
    assert torch.equal(bert(tokens), bert(tokens))
    assert not torch.equal(bert.train()(tokens), bert(tokens))


def test_attention_can_be_looked_at():
    bert, (tokens, _) = model(), rows()
    with recorded(bert) as maps, torch.no_grad():
        states = bert(tokens)
    assert [weights.shape for [weights] in maps.values()] == [(2, HEADS, 11, 11)] * LAYERS
    assert all(not weights[1, :, :, 8:].any() for [weights] in maps.values())
    torch.testing.assert_close(states, bert(tokens), rtol=1e-4, atol=1e-5)


def masked_pair():
    peer = theirs(transformers.BertForMaskedLM)
    ours = MaskedLM(BERTConfig(**SIZES, d_ff=HIDDEN, n_segments=SEGMENTS, norm_eps=0.01)).double().eval()
    ours.bert.load_state_dict(copied(peer).state_dict())
    head = peer.cls.predictions
    dense, norm = head.transform.dense, head.transform.LayerNorm
    fill(
        [ours.hidden.weight, ours.hidden.bias, ours.norm.weight, ours.norm.bias, ours.bias],
        [dense.weight, dense.bias, norm.weight, norm.bias, head.bias],
    )
    return ours, peer


def test_the_masked_head_and_its_loss_equal_transformers():
    (ours, peer), (tokens, segments) = masked_pair(), rows()
    logits, real = peer(**peer_inputs(tokens, segments)).logits, tokens != 0
    torch.testing.assert_close(ours(tokens, segments)[real], logits[real], rtol=0, atol=1e-5)
    inputs, targets = mask_tokens(tokens, 4, V, Generator().manual_seed(2), share=0.5)
    wanted = peer(input_ids=inputs, attention_mask=(inputs != 0).long(), labels=targets).loss
    loss = masked_token_loss(ours, (inputs, targets))
    torch.testing.assert_close(loss, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(loss, next_token_loss(ours, (inputs, targets)))
    assert masked_token_loss.count((inputs, targets)) == (targets != GAPS).sum()


def test_a_batch_without_gaps_teaches_nothing():
    masked, (tokens, _) = MaskedLM(CONFIG), rows()
    loss = masked_token_loss(masked, (tokens, torch.full_like(tokens, GAPS)))
    loss.backward()
    assert loss.item() == 0 and all(not p.grad.any() for p in masked.parameters() if p.grad is not None)


def test_at_first_every_token_is_as_likely():
    torch.manual_seed(0)
    masked, (tokens, _) = MaskedLM(CONFIG).eval(), rows()
    assert masked_token_loss(masked, (tokens, tokens)).item() == pytest.approx(math.log(V), abs=0.1)


def test_one_batch_can_be_learned():
    torch.manual_seed(0)
    masked, (tokens, _) = MaskedLM(BERTConfig(**SIZES, d_ff=HIDDEN, dropout=0.0)), rows()
    batch = mask_tokens(tokens, 4, V, Generator().manual_seed(1), share=0.3)
    optimiser = torch.optim.AdamW(masked.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss = masked_token_loss(masked, batch)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05


def test_gaps_are_as_many_and_of_the_kinds_that_the_paper_says():
    vocab_size, mask_id, special = 1009, 3, (0, 1, 2)
    tokens = torch.randint(vocab_size, (400, 251), generator=Generator().manual_seed(1))
    before = tokens.clone()
    inputs, targets = mask_tokens(tokens, mask_id, vocab_size, Generator().manual_seed(2), special=special)
    chosen, can = targets != GAPS, tokens > 2
    assert torch.equal(tokens, before) and torch.equal(inputs[~chosen], tokens[~chosen])
    assert torch.equal(targets[chosen], tokens[chosen]) and not (chosen & ~can).any()
    assert chosen.sum().item() / can.sum().item() == pytest.approx(0.15, abs=0.005)
    masked, kept = chosen & (inputs == mask_id), chosen & (inputs == tokens)
    other = chosen & ~masked & ~kept
    shares = [(one.sum() / chosen.sum()).item() for one in (masked, kept, other)]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    assert len(inputs[other].unique()) > 700, "any token of the vocabulary"
    assert inputs[other].float().mean().item() == pytest.approx(vocab_size / 2, rel=0.05)


def test_gaps_depend_on_the_generator_alone():
    tokens, _ = rows()
    drawn = []
    for seed in (1, 1, 2):
        torch.rand(1)
        drawn.append(mask_tokens(tokens, 4, V, Generator().manual_seed(seed), share=0.5))
    assert all(map(torch.equal, drawn[0], drawn[1])) and not torch.equal(drawn[0][1], drawn[2][1])


def test_every_token_can_be_a_gap():
    tokens, _ = rows()
    _, targets = mask_tokens(tokens, 4, V, Generator().manual_seed(1), share=1)
    assert torch.equal(targets != GAPS, tokens != 0)


def test_the_classifier_of_texts_equals_transformers():
    peer = theirs(transformers.BertForSequenceClassification)
    ours, (tokens, segments) = SequenceClassifier(copied(peer), LABELS).double().eval(), rows()
    pooler, output = peer.bert.pooler.dense, peer.classifier
    fill(
        [ours.hidden.weight, ours.hidden.bias, ours.output.weight, ours.output.bias],
        [pooler.weight, pooler.bias, output.weight, output.bias],
    )
    wanted = peer(**peer_inputs(tokens, segments)).logits
    torch.testing.assert_close(ours(tokens, segments), wanted, rtol=0, atol=1e-5)
    assert ours(tokens, segments).shape == (2, LABELS)


def test_the_classifier_of_tokens_equals_transformers():
    peer = theirs(transformers.BertForTokenClassification)
    ours, (tokens, segments) = TokenClassifier(copied(peer), LABELS).double().eval(), rows()
    fill([ours.output.weight, ours.output.bias], [peer.classifier.weight, peer.classifier.bias])
    wanted, real = peer(**peer_inputs(tokens, segments)).logits, tokens != 0
    torch.testing.assert_close(ours(tokens, segments)[real], wanted[real], rtol=0, atol=1e-5)
    assert ours(tokens, segments).shape == (2, 11, LABELS)


def test_a_classifier_trains_its_bert_and_pools_as_told():
    bert, (tokens, _) = model(), rows()
    classifier = SequenceClassifier(bert, LABELS, mean_of_tokens).eval()
    F.cross_entropy(classifier(tokens), torch.tensor([3, 1])).backward()
    assert bert.embedding.weight.grad.any() and bert.blocks[0].attention.projection.weight.grad.any()
    pooled = mean_of_tokens(bert(tokens), tokens)
    torch.testing.assert_close(classifier(tokens), classifier.output(torch.tanh(classifier.hidden(pooled))))
    assert not torch.allclose(classifier(tokens), SequenceClassifier(bert, LABELS)(tokens))


def test_pooled_vectors_by_hand():
    states = torch.tensor([[[1.0, 5.0], [3.0, 7.0], [100.0, 100.0]], [[2.0, 4.0], [4.0, 8.0], [6.0, 0.0]]])
    tokens = torch.tensor([[7, 2, 0], [3, 3, 3]])
    assert torch.equal(mean_of_tokens(states, tokens), torch.tensor([[2.0, 6.0], [4.0, 4.0]]))
    assert torch.equal(first_token(states, tokens), torch.tensor([[1.0, 5.0], [2.0, 4.0]]))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("pool", [first_token, mean_of_tokens])
def test_sentence_vectors_are_those_of_each_text_alone(batch_size, pool):
    bert = model().train()
    texts = [torch.randint(1, V, (length,), generator=Generator().manual_seed(length)) for length in (5, 2, 13, 1, 7)]
    vectors = sentence_vectors(bert, [text.tolist() for text in texts], batch_size, pool)
    assert bert.training and not vectors.requires_grad and vectors.shape == (5, WIDTH)
    bert.eval()
    for vector, text in zip(vectors, texts, strict=True):
        torch.testing.assert_close(vector, pool(bert(text[None]), text[None])[0], rtol=1e-4, atol=1e-5)


def test_no_texts_have_no_vectors():
    assert sentence_vectors(model(), []).shape == (0, WIDTH)


def test_a_state_dict_comes_back():
    one, other = model(), BERT(CONFIG).eval()
    other.load_state_dict(one.state_dict())
    tokens, segments = rows()
    assert torch.equal(one(tokens, segments), other(tokens, segments))
    assert isinstance(one.blocks, nn.ModuleList) and len(one.blocks) == LAYERS
