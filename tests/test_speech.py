"""Mel spectrograms and Whisper, beside Transformers'."""

import json

import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.attention import recorded
from course_lib.generation import BeamConfig, GenerationConfig, beam_search, generate
from course_lib.pretrained import load_whisper
from course_lib.pretrained.whisper import read_ctranslate2
from course_lib.speech import RATE, Listener, Whisper, WhisperConfig, log_mel, mel_filters

SMALL = WhisperConfig(
    vocab_size=23,
    n_mels=5,
    source_length=7,
    context_length=11,
    d_model=6,
    n_heads=2,
    d_ff=13,
    n_encoder_layers=1,
    n_decoder_layers=2,
)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return Whisper(SMALL).eval()


def sound(seconds=1.3):
    time = np.arange(int(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * 440 * time) + 0.01 * np.random.default_rng(0).standard_normal(len(time))


def test_log_mel_is_that_of_transformers():
    from transformers import WhisperFeatureExtractor

    peer = WhisperFeatureExtractor()
    np.testing.assert_allclose(mel_filters().numpy().T, peer.mel_filters, atol=1e-7)
    theirs = peer(sound().astype(np.float32), sampling_rate=RATE).input_features[0]
    np.testing.assert_allclose(log_mel(sound()).numpy(), theirs, atol=1e-5)


def test_a_tone_is_heard_in_its_band():
    loudest = log_mel(sound(1.0), seconds=1).mean(dim=1).argmax()
    frequency = mel_filters()[loudest].argmax() * RATE / 400
    assert abs(frequency - 440) <= 40


def copied_from(peer, model):
    """The weights of Transformers' WhisperModel in ours, by their names there."""
    theirs, ours = peer.state_dict(), {}
    names = {"self_attn.out_proj": "attention.output", "encoder_attn.out_proj": "cross_attention.output"}
    names |= {"fc1": "feed_forward.0", "fc2": "feed_forward.2"}
    for kind in ("weight", "bias"):
        for index in range(2):
            ours[f"convolutions.{index}.{kind}"] = theirs[f"encoder.conv{index + 1}.{kind}"]
        for side, count in (("encoder", SMALL.n_encoder_layers), ("decoder", SMALL.n_decoder_layers)):
            ours[f"{side}_norm.{kind}"] = theirs[f"{side}.layer_norm.{kind}"]
            crossed = {"encoder_attn": "cross_attention"} if side == "decoder" else {}
            for layer in range(count):
                here, there = f"{side}.{layer}", f"{side}.layers.{layer}"
                for name, our_name in names.items():
                    if f"{there}.{name}.{kind}" in theirs:
                        ours[f"{here}.{our_name}.{kind}"] = theirs[f"{there}.{name}.{kind}"]
                for name, our_name in ({"self_attn": "attention"} | crossed).items():
                    query = theirs[f"{there}.{name}.q_proj.{kind}"]
                    key = theirs.get(f"{there}.{name}.k_proj.{kind}", torch.zeros_like(query))
                    value = theirs[f"{there}.{name}.v_proj.{kind}"]
                    ours[f"{here}.{our_name}.projection.{kind}"] = torch.cat([query, key, value])
                for index, name in enumerate(["self_attn", *crossed, "final"]):
                    ours[f"{here}.residuals.{index}.norm.{kind}"] = theirs[f"{there}.{name}_layer_norm.{kind}"]
    ours["source_positions.vectors"] = theirs["encoder.embed_positions.weight"]
    ours["positions.vectors"] = theirs["decoder.embed_positions.weight"]
    ours["embedding.weight"] = theirs["decoder.embed_tokens.weight"]
    model.load_state_dict(ours)


def test_the_same_values_and_gradients_as_transformers():
    from transformers import WhisperConfig as PeerConfig
    from transformers import WhisperModel

    torch.manual_seed(1)
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    peer = WhisperModel(
        PeerConfig(
            vocab_size=23,
            num_mel_bins=5,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=13,
            decoder_ffn_dim=13,
            d_model=6,
            max_source_positions=7,
            max_target_positions=11,
            **special,
        )
    ).eval()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model = Whisper(SMALL).eval()
    copied_from(peer, model)
    mels, tokens = torch.randn(2, 5, 14), torch.randint(23, (2, 9))
    states = peer(input_features=mels, decoder_input_ids=tokens).last_hidden_state
    theirs, ours = states @ peer.decoder.embed_tokens.weight.T, model(mels, tokens)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    target = torch.randn_like(ours)
    (ours * target).sum().backward()
    (theirs * target).sum().backward()
    torch.testing.assert_close(model.convolutions[0].weight.grad, peer.encoder.conv1.weight.grad, atol=1e-3, rtol=1e-3)


def test_steps_give_what_forward_gives(small):
    mels, tokens = torch.randn(3, 5, 14), torch.randint(23, (3, 8))
    with torch.no_grad():
        whole, listener = small(mels, tokens), Listener(small, mels)
        state = listener.start(tokens[:, :3], torch.tensor([3, 3, 3]))
        for place in range(3, 8):
            logits, state = listener.step(tokens[:, place], state)
            torch.testing.assert_close(logits, whole[:, place], atol=1e-5, rtol=1e-4)
            if place == 5:  # the rest in another order
                rows = torch.tensor([2, 0, 1])
                state, tokens, whole = listener.reorder(state, rows), tokens[rows], whole[rows]


def test_a_later_token_changes_nothing_earlier_and_sounds_do_not_mix(small):
    mels, tokens = torch.randn(2, 5, 14), torch.randint(22, (2, 8))
    with torch.no_grad():
        before = small(mels, tokens)
        tokens[0, 5] = 22
        mels[1] += 1
        after = small(mels, tokens)
    torch.testing.assert_close(after[0, :5], before[0, :5])
    assert not torch.allclose(after[0, 5:], before[0, 5:]) and not torch.allclose(after[1, 0], before[1, 0])


def test_it_is_decoded_and_looked_at_as_any_model(small):
    listener = Listener(small, torch.randn(2, 5, 14), suppressed=[3])
    config = GenerationConfig(temperature=0, max_new_tokens=4)
    with recorded(listener) as maps:
        greedy = generate(listener, [[1, 2]] * 2, config)
    assert all(len(tokens) == 4 and 3 not in tokens for tokens in greedy)
    cross = maps["model.decoder.1.cross_attention"]
    assert len(cross) == 5 and cross[0].shape == (2, 2, 1, 7)
    beams = beam_search(listener, [[1]] * 2, BeamConfig(n_beams=1, begin_token=2, end_token=3, max_new_tokens=4))
    assert [found[0].tokens for found in beams] == greedy
    assert listener.room(2) == 9


def test_another_file_is_answered_in_one_sentence(tmp_path):
    for content in (b"", b"\6\0\0\0", b"GGUF" * 9, b"\6\0\0\0\2\0a\0\3\0\0\0\1\0\0\0"):
        (tmp_path / "model.bin").write_bytes(content)
        with pytest.raises(ValueError, match="must be a model of CTranslate2's, version 6"):
            read_ctranslate2(tmp_path / "model.bin")


@pytest.mark.slow
def test_tiny_en_invents_a_word_in_silence():
    model, tokenizer = load_whisper()
    assert sum(weights.numel() for weights in model.parameters()) == 37_764_864
    ids = json.loads((data.whisper_folder() / "config.json").read_text(encoding="utf-8"))
    assert tokenizer.vocab_size == model.config.vocab_size == 51_864
    prompt = tokenizer.encode("<|startoftranscript|><|notimestamps|>", special=True)
    assert prompt == [50_257, 50_362] and tokenizer.decode(tokenizer.encode(" Hello, world.")) == " Hello, world."
    listener = Listener(model, log_mel(np.zeros(RATE))[None], suppressed=ids["suppress_ids"])
    end = tokenizer.encode("<|endoftext|>", special=True)[0]
    (written,) = generate(listener, [prompt], GenerationConfig(temperature=0, max_new_tokens=9, end_token=end))
    assert tokenizer.decode(written) == " you"  # nobody speaks
