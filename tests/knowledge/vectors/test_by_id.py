"""Vectors in the order of the ids: own, of a fold, or a mean."""

import torch

from recbole_llm4msr.knowledge import prepare_knowledge
from tests.knowledge.conftest import make_history


def test_a_user_below_the_threshold_gets_the_mean_of_its_scenarios(history, settings):
    found = prepare_knowledge(settings(), history)
    ann, cleo, eve = (found.user[1 + history.users.index(u)] for u in ("ann", "cleo", "eve"))
    dan, fay = (found.user[1 + history.users.index(u)] for u in ("dan", "fay"))
    torch.testing.assert_close(dan, (ann + cleo + eve) / 3, atol=2e-3, rtol=0)
    everybody = found.user[found.own].mean(dim=0)
    torch.testing.assert_close(fay, everybody, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.user[0], everybody, atol=2e-3, rtol=0)


def test_vectors_are_joined_by_raw_token_not_by_position(history, settings):
    one = prepare_knowledge(settings(item_knowledge=True), history)
    turned = make_history(
        users=history.users[::-1],
        item_tokens=history.item_tokens[::-1],
        rows=history.rows.reverse(),
    )
    two = prepare_knowledge(settings(item_knowledge=True), turned)
    torch.testing.assert_close(two.user[1:].flip(0), one.user[1:])
    torch.testing.assert_close(two.item[1:].flip(0), one.item[1:])


def test_items_without_training_rows_shift_the_item_ids(history, settings):
    one = prepare_knowledge(settings(item_knowledge=True), history)
    more = make_history(item_tokens=["a0", *history.item_tokens])
    two = prepare_knowledge(settings(item_knowledge=True), more)
    assert torch.equal(one.item[1:], two.item[2:])
    assert two.item[1].abs().sum() == 0


def test_fold_vectors_are_those_of_the_history_without_the_fold(history, settings):
    found = prepare_knowledge(settings(knowledge_folds=5, knowledge_size=3), history)
    n_users = len(history.users) + 1
    index = found.train_index
    assert index.dtype == torch.int64
    assert index.shape == (history.rows.height,)
    rows = history.rows["user"].to_list()
    # No row is trained with a vector that was made of all rows of its user.
    assert (index >= n_users).all()
    # A positive and its negative are trained with the same vector.
    assert (index[:8:2] == index[1:9:2]).all()
    # cleo and dan have nothing left without the row: they share the mean of their scenario.
    cleo, dan = (found.user[index[rows.index(user)]] for user in ("cleo", "dan"))
    assert torch.equal(cleo, dan)
    # eve's five rows are in two folds, which leave two different histories.
    eve = [at for at, user in zip(index.tolist(), rows, strict=True) if user == "eve"]
    assert len(set(eve)) == 2


def test_full_vectors_do_not_depend_on_the_number_of_folds(history, settings):
    """Nothing is fitted on fold prompts."""
    two = prepare_knowledge(settings(knowledge_folds=2), history)
    three = prepare_knowledge(settings(knowledge_folds=3), history)
    n_users = len(history.users) + 1
    assert torch.equal(two.user[:n_users], three.user[:n_users])
