"""The plans of the user level: the same numbers, whatever is cheaper."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from recbole_llm4msr.model.llm4msr.generated_weight import generated_weight
from recbole_llm4msr.model.llm4msr.user_meta import UserMetaNetwork
from recbole_llm4msr.model.llm4msr.users import BatchUsers, users_of

from .small import perturb, rows

RANKS = ["full", "diag", 3]


def network(meta_rank, plan: str) -> UserMetaNetwork:
    torch.manual_seed(0)
    made = UserMetaNetwork(
        7, 12, code_size=5, n_layers=2, meta_rank=meta_rank, dropout=0.0, plan=plan
    )
    return perturb(made)


def batch(n_rows: int = 40, n_users: int = 6):
    draw = torch.Generator().manual_seed(1)
    table = torch.randn(n_users, 7, generator=draw)
    index = torch.randint(n_users, (n_rows,), generator=draw) ** 2 // n_users  # uneven
    return torch.randn(n_rows, 12, generator=draw), table, index


@pytest.mark.parametrize("meta_rank", RANKS)
@pytest.mark.parametrize("plan", ["users", "auto"])
@pytest.mark.parametrize("n_users", [12, 6, 1])  # few rows each, many, all
def test_plans_agree_in_value_and_gradient(meta_rank, plan, n_users) -> None:
    x, table, index = batch(n_users=n_users)
    by_row, by_user = network(meta_rank, "rows"), network(meta_rank, plan)
    slow = by_row(x, table[index])
    users = BatchUsers(index)
    fast = by_user(x, table[users.distinct], users)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)
    for network_, out in ((by_row, slow), (by_user, fast)):
        out.square().sum().backward()
        assert all(p.grad is not None for p in network_.parameters())
    for ours, theirs in zip(by_user.parameters(), by_row.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("meta_rank", RANKS)
@pytest.mark.parametrize("n_users", [6, 1])
def test_without_gradients_rows_come_out_the_same_and_stay_as_they_were(meta_rank, n_users) -> None:
    x, table, index = batch(n_users=n_users)
    made, users, before = network(meta_rank, "auto"), BatchUsers(index), x.clone()
    wanted = made(x, table[users.distinct], users)
    with torch.no_grad():
        assert torch.equal(made(x, table[users.distinct], users), wanted)
        with torch.autocast("cpu", torch.bfloat16):
            assert made(x, table[users.distinct], users).dtype == torch.float32
    assert torch.equal(x, before)


@pytest.mark.parametrize("neighbours", [True, False])
@pytest.mark.parametrize("n_users", [1, 2, 6, 40])
def test_every_row_is_multiplied_by_its_users_matrix(n_users, neighbours) -> None:
    x, _, index = batch(n_users=n_users)
    index = index.sort().values if neighbours else index
    users = BatchUsers(index, neighbours)
    assert torch.equal(users.spread(users.distinct), index)
    matrices = torch.randn(len(users), 5, 12)
    expected = torch.stack([matrices[u] @ row for u, row in zip(users.of_row, x, strict=True)])
    torch.testing.assert_close(users.times(matrices, x), expected)
    owner, place = users.blocks
    assert torch.equal(owner[place // users.block_rows], users.of_row)
    assert len(place.unique()) == len(place)
    assert len(owner) <= 2 * len(users)
    assert len(owner) * users.block_rows <= 2 * len(x) + len(users)


def test_users_are_searched_for_only_where_it_can_save_time() -> None:
    many, few = torch.arange(10), torch.tensor([4, 4, 4, 9, 9, 4])
    evaluation = {"neighbours": True, "worth_a_sort": False}
    training = {"neighbours": False, "worth_a_sort": False}
    assert users_of(few, "auto", **training) is None
    assert users_of(few, "rows", **evaluation) is None
    assert users_of(many, "auto", **evaluation) is None
    assert users_of(few, "auto", **evaluation).distinct.tolist() == [4, 9, 4]
    assert users_of(few, "auto", **{**training, "worth_a_sort": True}).distinct.tolist() == [4, 9]
    assert len(users_of(many, "users", **training)) == 10


class Largest(TorchDispatchMode):
    """The size of the largest tensor that is made."""

    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numel = max(self.numel, out.numel())
        return out


@pytest.mark.parametrize(
    ("index", "matrix_per_user"),
    [
        (torch.arange(32), False),
        (torch.zeros(32, dtype=torch.long), True),
        (torch.arange(32) // 16, True),
        (torch.tensor([0] * 31 + [1]), True),
        (torch.arange(32) // 2, False),  # cheaper by products, but 16 matrices need more room
    ],
)
@torch.no_grad()
def test_the_cheaper_exact_plan_and_never_a_matrix_per_row(index, matrix_per_user) -> None:
    n_rows, size, code_size = 32, 24, 3
    weight = generated_weight("full", code_size, size)
    users = BatchUsers(index)
    assert weight._once_per_user(n_rows, users) is matrix_per_user
    largest = Largest()
    with largest:
        weight(torch.randn(n_rows, size), torch.randn(len(users), code_size), users)
    assert largest.numel < n_rows * size * size


@pytest.mark.parametrize("meta_rank", RANKS)
@pytest.mark.parametrize("name", ["LLM4MSR_STAR", "LLM4MSR_DeepFM"])
@torch.no_grad()
def test_a_model_scores_alike_by_every_plan(small, meta_rank, name) -> None:
    one_user = rows(small.batch, [5] * 20)
    one_user["item_id"][:] = torch.arange(20) % 15 + 1
    for interaction in (small.batch, one_user):
        by_row, *others = (
            perturb(small.build(name, meta_rank=meta_rank, meta_plan=plan)).eval()(interaction)
            for plan in ("rows", "users", "auto")
        )
        for scores in others:
            torch.testing.assert_close(scores, by_row, atol=1e-5, rtol=1e-5)


def test_an_unknown_plan_raises(small) -> None:
    message = r"meta_plan \(config_dict\): 'row' is not one of auto, rows, users"
    with pytest.raises(ValueError, match=message):
        small.build("LLM4MSR_STAR", meta_plan="row")
