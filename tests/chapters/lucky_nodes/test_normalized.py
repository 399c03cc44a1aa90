"""Students that normalize: as plain networks, trained, and members apart."""

import torch

from companion.chapters.lucky_nodes import luck
from companion.chapters.lucky_nodes.normalized import folded, outputs
from companion.chapters.lucky_nodes.studies import Luck
from ts_core.networks import forward
from ts_core.streams import stream

DEEP = dict(
    input_dim=4,
    hidden=(3, 4),
    outputs=3,
    over_realization=2.0,
    samples=64,
    data_std=1.0,
    batch_size=8,
    epochs=2,
    looks=(0, 1),
    eval_samples=(90,),
    dtype="float64",
    norm="after",
)


def test_a_normalization_is_part_of_the_weights_above_it():
    draw = lambda *shape: torch.from_numpy(stream(len(shape), "draw").standard_normal(shape))
    parameters = {"weight0": draw(2, 5, 4), "gain0": draw(2, 5), "shift0": draw(2, 5)}
    parameters |= {
        "weight1": draw(2, 6, 6),
        "gain1": draw(2, 6),
        "shift1": draw(2, 6),
        "weight2": draw(2, 3, 7),
    }
    x = draw(2, 30, 3)
    torch.testing.assert_close(forward(folded(parameters, x), x)[1][-1], outputs(parameters, x))
    # torch's own layer, first member
    f = (x[0] @ parameters["weight0"][0, :, :-1].T + parameters["weight0"][0, :, -1]).relu()
    norm = torch.nn.BatchNorm1d(5).double()
    norm.weight.data, norm.bias.data = parameters["gain0"][0], parameters["shift0"][0]
    own = {name: values for name, values in parameters.items() if name in ("weight0", "gain0", "shift0")}
    top = torch.cat([torch.eye(5), torch.zeros(5, 1)], 1).double().expand(2, -1, -1)
    torch.testing.assert_close(outputs(own | {"weight1": top}, x)[0], norm(f))


def test_members_train_alone_as_among_others():
    both, alone = (Luck(**DEEP, seeds=seeds).run()["layers"] for seeds in ((1, 5), (5,)))
    among = both[both.seed == 5].reset_index(drop=True)
    torch.testing.assert_close(
        torch.tensor(alone.correlation.to_numpy()), torch.tensor(among.correlation.to_numpy())
    )
    assert set(both.norm) == {"after"} and both.eval_loss.notna().all()


def test_it_changes_what_is_learned_but_not_where_the_lowest_layer_starts():
    cells = {norm: Luck(**DEEP | dict(norm=norm), seeds=(1,)) for norm in ("after", "none")}
    found = {
        norm: cell.run()["layers"].set_index(["epoch", "layer"]).correlation for norm, cell in cells.items()
    }
    assert abs(found["after"][0, 1] - found["none"][0, 1]) < 1e-12
    assert abs(found["after"][2, 1] - found["none"][2, 1]) > 1e-6
    assert luck.start(cells["after"])[1].members == 1
