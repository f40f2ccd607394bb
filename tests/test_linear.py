"""The linear layer of models that decode: PyTorch's but for rounding, in parts only where that pays. The embedding."""

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import linear as module
from course_lib.linear import Embedding, Linear, OneDNN, linear


def _layer(d_out=48, bias=True):
    torch.manual_seed(0)
    return Linear(7, d_out, bias=bias)


def _products(monkeypatch):
    """The shapes of what is multiplied in parts, as it happens."""
    shapes, bmm = [], torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: shapes.append((tuple(a.shape), tuple(b.shape))) or bmm(a, b))
    return shapes


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(7,), (1, 7), (8, 7), (9, 7), (2, 4, 7), (3, 1, 7), (0, 7)])
def test_equals_pytorchs_for_every_shape(shape, bias):
    layer, x = _layer(bias=bias), torch.randn(*shape, generator=Generator().manual_seed(1))
    expected = F.linear(x, layer.weight, layer.bias)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)
        turned = x.mT.contiguous().mT if x.ndim > 1 else x
        torch.testing.assert_close(layer(turned), expected)


def test_few_rows_without_gradients_are_multiplied_in_parts(monkeypatch):
    layer, shapes = _layer(), _products(monkeypatch)
    with torch.no_grad():
        y = layer(torch.ones(2, 3, 7))
    assert shapes == [((16, 3, 7), (16, 7, 6))]
    assert y.is_contiguous()  # else PyTorch's attention leaves its fast way


@pytest.mark.parametrize("converts, computed", [(True, torch.float32), (False, torch.bfloat16)])
@pytest.mark.parametrize("bias", [False, True])
def test_many_rows_in_bfloat16_are_multiplied_in_float32_where_the_processor_lacks_it(
    converts, computed, bias, monkeypatch
):
    layer = _layer(bias=bias).bfloat16()
    x = torch.randn(3, 3, 7, dtype=torch.bfloat16, generator=Generator().manual_seed(1))
    expected, dtypes, product = F.linear(x, layer.weight, layer.bias), [], F.linear
    monkeypatch.setattr(module, "CONVERTS", converts)
    monkeypatch.setattr(F, "linear", lambda x, *rest: dtypes.append(x.dtype) or product(x, *rest))
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)
    assert dtypes == [computed]


@pytest.mark.parametrize("case", ["gradients", "many rows", "bfloat16", "no equal parts"])
def test_all_else_is_pytorchs_to_the_last_digit(case, monkeypatch):
    monkeypatch.setattr(module, "CONVERTS", False)
    layer = _layer(d_out=47 if case == "no equal parts" else 48)
    x = torch.randn(9 if case in ("many rows", "bfloat16") else 1, 7, generator=Generator().manual_seed(1))
    if case == "bfloat16":
        layer, x = layer.bfloat16(), x.bfloat16()
    expected, shapes = F.linear(x, layer.weight, layer.bias), _products(monkeypatch)
    with torch.set_grad_enabled(case == "gradients"):
        assert torch.equal(layer(x), expected) and not shapes


def test_gradients_flow():
    weight = torch.randn(16, 3, dtype=torch.float64, requires_grad=True, generator=Generator().manual_seed(0))
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True, generator=Generator().manual_seed(1))
    assert torch.autograd.gradcheck(linear, (x, weight))


def test_an_embedding_is_pytorchs():
    ours, theirs, ids = Embedding(7, 3), nn.Embedding(7, 3), torch.tensor([[1, 6, 0], [6, 6, 2]])
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(ids), theirs(ids), rtol=0, atol=0)
    for layer in (ours, theirs):
        layer(ids).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (1, 1, 7)])
def test_one_dnn_computes_the_same(monkeypatch, shape):
    layer, x = nn.Linear(7, 11), torch.randn(*shape, generator=Generator().manual_seed(1))
    brought, to_mkldnn = [], Tensor.to_mkldnn
    monkeypatch.setattr(Tensor, "to_mkldnn", lambda x: brought.append(x.shape) or to_mkldnn(x))
    with torch.inference_mode():
        expected = layer(x)
        assert not brought
        with OneDNN():
            torch.testing.assert_close(layer(x), expected)
        assert brought == [shape, (11, 7), (11,)] or not torch.backends.mkldnn.is_available()
        assert torch.equal(layer(x), expected), "outside, all is as it was"


def test_one_dnn_leaves_alone_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr(Tensor, "to_mkldnn", pytest.fail)
    with OneDNN():
        x = torch.ones(2, 7, dtype=torch.float64)
        assert torch.equal(
            F.linear(x, torch.ones(3, 7).double(), torch.zeros(3).double()), torch.full((2, 3), 7.0).double()
        )
        assert F.linear(x.float(), torch.ones(3, 7), None).shape == (2, 3)
