"""The faster CPU forms have the values and gradients of the plain ones."""

from __future__ import annotations

import pytest
import torch

from recbole_llm4msr.model.layers.kernels import matrix_per_row_times, stable_order

from .small import many_ids


@pytest.mark.parametrize(("n_rows", "n_columns"), [(3, 5), (1, 1), (19, 21), (21, 20)])
def test_a_matrix_for_each_row(n_rows, n_columns) -> None:
    matrices = torch.randn(6, n_rows, n_columns, dtype=torch.float64, requires_grad=True)
    x = torch.randn(6, n_columns, dtype=torch.float64, requires_grad=True)
    expected = torch.stack([matrix @ row for matrix, row in zip(matrices, x, strict=True)])
    torch.testing.assert_close(matrix_per_row_times(matrices, x), expected)
    assert torch.autograd.gradcheck(matrix_per_row_times, (matrices[:2], x[:2]))
    matrix_per_row_times(matrices[:0], x[:0]).sum().backward()  # a scenario without a row
    assert not matrices.grad.any()


@pytest.mark.parametrize("size", [4, 32])
def test_a_matrix_for_each_row_in_lower_precision(size) -> None:
    """Inputs under autocast: the layer's matrices and rows differ in precision."""
    matrices = torch.randn(6, size, size, requires_grad=True)
    x = torch.randn(6, size, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        product = matrix_per_row_times(matrices, x)
    product.float().sum().backward()
    assert product.dtype == torch.bfloat16
    assert matrices.grad.dtype == torch.float32
    torch.testing.assert_close(matrices.grad, x.detach().float().unsqueeze(1).expand(6, size, size))
    assert x.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("n_ids", [2, 300, 70_000])  # numbers of 8, 16 and 32 bits
def test_a_cpu_sorts_as_other_devices_do(n_ids) -> None:
    for ids in many_ids(n_ids):
        assert torch.equal(stable_order(ids, n_ids), torch.argsort(ids, stable=True))
