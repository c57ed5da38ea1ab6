"""What is computed in another form has the same values and gradients."""

from __future__ import annotations

import pytest
import torch

from recbole_llm4msr.model.layers import kernels as arithmetic
from recbole_llm4msr.model.layers.kernels import each_times, stable_order, tanh_

from .small import many_ids


@pytest.mark.parametrize("is_intel", [True, False])
def test_tanh_and_its_gradient_are_torchs(is_intel, monkeypatch) -> None:
    monkeypatch.setattr(arithmetic, "_is_intel", lambda: is_intel)
    x = (torch.arange(-3000, 3001) / 100).requires_grad_()
    y, torchs = tanh_(x.clone()), torch.tanh(x)
    torch.testing.assert_close(y, torchs, rtol=0, atol=3e-7)
    assert y[3000] == x[3000] == 0
    weight = torch.rand(len(x))
    (mine,) = torch.autograd.grad((weight * y).sum(), x)
    (theirs,) = torch.autograd.grad((weight * torchs).sum(), x)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(tanh_(x.clone()), y)


@pytest.mark.parametrize(("n_rows", "n_columns"), [(3, 5), (1, 1), (19, 21), (21, 20)])
def test_a_matrix_for_each_row(n_rows, n_columns) -> None:
    matrices = torch.randn(6, n_rows, n_columns, dtype=torch.float64, requires_grad=True)
    x = torch.randn(6, n_columns, dtype=torch.float64, requires_grad=True)
    expected = torch.stack([matrix @ row for matrix, row in zip(matrices, x, strict=True)])
    torch.testing.assert_close(each_times(matrices, x), expected)
    assert torch.autograd.gradcheck(each_times, (matrices[:2], x[:2]))
    each_times(matrices[:0], x[:0]).sum().backward()  # a scenario without a row
    assert not matrices.grad.any()


@pytest.mark.parametrize("size", [4, 32])
def test_a_matrix_for_each_row_in_lower_precision(size) -> None:
    """What autocast hands over: matrices of a layer, rows of another precision."""
    matrices = torch.randn(6, size, size, requires_grad=True)
    x = torch.randn(6, size, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        product = each_times(matrices, x)
    product.float().sum().backward()
    assert product.dtype == torch.bfloat16
    assert matrices.grad.dtype == torch.float32
    torch.testing.assert_close(matrices.grad, x.detach().float().unsqueeze(1).expand(6, size, size))
    assert x.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("n_ids", [2, 300, 70_000])  # numbers of 8, 16 and 32 bits
def test_a_cpu_sorts_as_other_devices_do(n_ids) -> None:
    for ids in many_ids(n_ids):
        assert torch.equal(stable_order(ids, n_ids), torch.argsort(ids, stable=True))
