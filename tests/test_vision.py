"""Patches, the vision Transformer and contrastive learning, beside Transformers'."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import recorded
from course_lib.vision import TwoTowers, ViT, ViTConfig, contrastive_loss, patches, pixels

SMALL = ViTConfig(image_size=15, patch_size=5, d_model=14, n_layers=2, n_heads=2, d_ff=11)


def test_pixels_go_from_bytes_to_minus_one_and_one():
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[1, 2] = (255, 51, 0)
    made = pixels([picture, picture])
    assert made.shape == (2, 3, 2, 3) and made.dtype == torch.float32
    torch.testing.assert_close(made[1, :, 1, 2], torch.tensor([1.0, -0.6, -1.0]))
    assert made[:, :, 0].eq(-1).all()


def test_a_linear_layer_of_patches_is_a_convolution():
    pictures, conv = torch.randn(2, 3, 10, 15), nn.Conv2d(3, 7, 5, stride=5)
    ours = F.linear(patches(pictures, 5), conv.weight.flatten(1), conv.bias)
    torch.testing.assert_close(ours, conv(pictures).flatten(2).transpose(1, 2))


def test_patches_hold_every_number_once():
    pictures = torch.arange(2 * 3 * 6 * 4.0).view(2, 3, 6, 4)
    made = patches(pictures, 2)
    assert made.shape == (2, 6, 12) and made.flatten().sort()[0].equal(pictures.flatten())
    assert made[1, 3].view(3, 2, 2).equal(pictures[1, :, 2:4, 2:4])


def copied_from(peer, model):
    """The weights of Transformers' ViTModel in ours, by their names there."""
    theirs, c = peer.state_dict(), SMALL.d_model
    ours = {
        "first": theirs["embeddings.cls_token"].flatten(),
        "positions.vectors": theirs["embeddings.position_embeddings"][0],
        "embedding.weight": theirs["embeddings.patch_embeddings.projection.weight"].flatten(1),
        "embedding.bias": theirs["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": theirs["layernorm.weight"],
        "norm.bias": theirs["layernorm.bias"],
    }
    names = {"attention.output": "o_proj", "feed_forward.0": "fc1", "feed_forward.2": "fc2"}
    names |= {"residuals.0.norm": "layernorm_before", "residuals.1.norm": "layernorm_after"}

    def of(layer, ending):
        (name,) = [one for one in theirs if f"layers.{layer}." in one and one.endswith(ending)]
        return theirs[name]

    for layer in range(SMALL.n_layers):
        for kind in ("weight", "bias"):
            pieces = [of(layer, f"{part}_proj.{kind}") for part in ("q", "k", "v")]
            ours[f"blocks.{layer}.attention.projection.{kind}"] = torch.cat(pieces)
            for name, ending in names.items():
                ours[f"blocks.{layer}.{name}.{kind}"] = of(layer, f"{ending}.{kind}")
    assert ours["blocks.0.attention.projection.weight"].shape == (3 * c, c)
    model.load_state_dict(ours)


def test_the_same_values_and_gradients_as_transformers():
    from transformers import ViTConfig as PeerConfig
    from transformers import ViTModel

    torch.manual_seed(0)
    peer = ViTModel(
        PeerConfig(
            hidden_size=14,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=11,
            image_size=15,
            patch_size=5,
            layer_norm_eps=1e-6,
        ),
        add_pooling_layer=False,
    ).eval()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model, pictures = ViT(SMALL).eval(), torch.randn(2, 3, 15, 15)
    copied_from(peer, model)
    ours, theirs = model(pictures), peer(pictures).last_hidden_state
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    target = torch.randn_like(ours)
    (ours * target).sum().backward()
    (theirs * target).sum().backward()
    gradient = dict(peer.named_parameters())["embeddings.patch_embeddings.projection.weight"].grad
    torch.testing.assert_close(model.embedding.weight.grad, gradient.flatten(1), atol=1e-4, rtol=1e-4)


def test_its_attention_can_be_looked_at():
    with recorded(model := ViT(SMALL)) as maps:
        model(torch.randn(2, 3, 15, 15))
    assert [tuple(weights[0].shape) for weights in maps.values()] == [(2, 2, 10, 10)] * 2


def test_contrastive_loss_is_that_of_transformers():
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss as clip_loss

    logits = torch.randn(7, 7, requires_grad=True)
    loss = contrastive_loss(logits)
    torch.testing.assert_close(loss, clip_loss(logits.T))
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.autograd.grad(clip_loss(logits.T), logits)[0])


def test_contrastive_loss_by_hand_and_both_ways():
    logits = torch.tensor([[2.0, 0.0], [1.0, 3.0]])
    rows = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-2))) / 2
    columns = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
    assert contrastive_loss(logits).item() == pytest.approx((rows + columns) / 2)
    assert contrastive_loss(logits.T).item() == pytest.approx(contrastive_loss(logits).item())


def test_two_towers_compare_directions_with_a_scale_that_is_learned_and_bounded():
    model = TwoTowers(nn.Identity(), nn.Identity(), 5, 7, 3)
    pictures, texts = torch.randn(4, 5), torch.randn(4, 7)
    logits = model(pictures, texts)
    torch.testing.assert_close(model(pictures * 9, texts / 9), logits)  # lengths do not matter
    angles = model.of_pictures(pictures) @ model.of_texts(texts).T
    torch.testing.assert_close(logits, angles / 0.07)
    model.log_scale.data.fill_(9.0)
    torch.testing.assert_close(model(pictures, texts), angles * 100)


def test_two_towers_learn_a_batch():
    torch.manual_seed(1)
    model = TwoTowers(ViTVector(SMALL), nn.Embedding(6, 9), 14, 9, 8)
    pictures, texts = torch.randn(6, 3, 15, 15), torch.arange(6)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    before = contrastive_loss(model(pictures, texts)).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = contrastive_loss(model(pictures, texts))
        loss.backward()
        optimizer.step()
    assert before > 1 and loss.item() < 0.1
    assert model(pictures, texts).argmax(dim=1).tolist() == list(range(6))


class ViTVector(ViT):
    """The picture's vector alone."""

    def forward(self, pictures):
        return super().forward(pictures)[:, 0]
