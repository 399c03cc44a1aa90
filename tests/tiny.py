"""Experiments that train in a moment."""

TWO_LAYER = dict(
    input_dim=6,
    outputs=3,
    teacher_width=2,
    over_realizations=(1.0, 2.0),
    polarities=(0.0, 1.0),
    samples=40,
    batch_size=4,
    learning_rate=0.05,
    epochs=2,
    steps_per_epoch=20,
    snapshots=(0, 1, 2),
    eval_samples=50,
)
