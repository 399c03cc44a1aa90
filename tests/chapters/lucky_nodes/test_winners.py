"""Winners, ranks and roles by hand."""

import pytest
import torch

from companion.chapters.lucky_nodes.winners import own_winners, rank, role, winners


def test_winners_may_share_a_student_and_own_winners_do_not():
    rho = torch.tensor([[[0.9, 0.8, 0.1], [0.95, 0.2, 0.3]]])
    assert winners(rho).tolist() == [[0, 0]]
    assert own_winners(rho).tolist() == [[1, 0]]


def test_rank_counts_who_stands_before():
    rho = torch.tensor([[[0.1, 0.4, 0.3, 0.2], [0.5, 0.6, 0.7, 0.8]]])
    assert rank(rho, torch.tensor([[0, 3]])).tolist() == [[75.0, 0.0]]
    assert rank(rho, torch.tensor([[1, 0]])).tolist() == [[0.0, 75.0]]


def test_a_choice_at_random_has_mean_rank_just_below_one_half():
    rho = torch.rand(200, 20, 10, generator=torch.Generator().manual_seed(0))
    chosen = torch.randint(10, (200, 20), generator=torch.Generator().manual_seed(1))
    assert rank(rho, chosen).mean().item() == pytest.approx(50 * (1 - 1 / 10), abs=1)


def test_roles_of_a_winner_a_duplicate_and_losers():
    rows_t = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    near = [2.0, 0.02, 0]  # nearly the first teacher node
    rows = torch.tensor([[[3.0, 0, 0], near, [0, 1, 1], [-1, 0, 0]]])
    roles, teacher = role(rows_t, rows, 0.99)
    assert roles.tolist() == [[0, 1, 2, 2]] and teacher[0, :3].tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="close must lie in \\(0, 1\\), got 1"):
        role(rows_t, rows, 1.0)
