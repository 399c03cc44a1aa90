"""What the released code computes differently: each in a case whose answer is known."""

import pytest

from companion.experiments import released

SEEDS = range(4)


def test_rescaled_samples_leave_their_planes_and_projected_ones_do_not():
    table = released.off_the_planes([20, 100], SEEDS)
    assert len(table) == 8 and (table.released > 1e-3).all() and (table.projected < 1e-14).all()


def test_the_mean_over_students_hides_that_every_teacher_node_is_found():
    table = released.transposed_mean([1, 4], SEEDS).set_index("over_realization")
    assert table.teacher_mean.min() == pytest.approx(1)
    assert table.student_mean[1].to_list() == pytest.approx([1] * 4)
    assert (table.student_mean[4] > 1 / 4).all() and table.student_mean[4].max() < 0.7


def test_reading_the_inputs_by_position_prunes_no_channel():
    table = released.pruned_channels(SEEDS, channels=8, side=6, ratio=0.5)
    assert (table.released == 8).all() and (table.kept == 4).all()
    # with one position the two readings are the same
    one = released.pruned_channels(SEEDS, channels=8, side=3, ratio=0.5)
    assert (one.released == one.kept).all()


def test_the_summary_has_a_row_per_case():
    table = released.summary(
        released.off_the_planes([20], SEEDS),
        released.transposed_mean([1, 4], SEEDS),
        released.pruned_channels(SEEDS),
    )
    assert table.shape == (4, 2) and table.iloc[0, 1] == "0 (rounding)"
