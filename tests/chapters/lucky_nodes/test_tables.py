"""Tables of the chapter from rows made by hand."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.lucky_nodes import tables

KEYS = dict(over_realization=2.0, start="[1, 1]", gradient="separated", seed=1)


def norms():
    rows = [
        dict(**KEYS, step=step, student=k, matched=k < 1, role=role, norm=norm)
        for step, values in ((0, (1.0, 0.5, 0.25)), (2000, (1.2, 0.1, 0.4)))
        for k, (role, norm) in enumerate(zip(("winner", "loser", "loser"), values))
    ]
    return pd.DataFrame(rows)


def test_norms_by_role_and_what_became_of_the_nodes():
    roles = tables.by_role(norms()).set_index(["step", "role"])
    assert roles.norm[2000, "loser"] == pytest.approx(0.25) and roles.nodes[0, "winner"] == 1
    found = tables.census(norms()).set_index("role")
    assert found.share.to_dict() == pytest.approx({"loser": 2 / 3, "winner": 1 / 3})
    assert found.end_norm["loser"] == pytest.approx(0.2)  # geometric


def test_distance_from_the_panels_counts_steps_in_hundreds():
    published = pd.DataFrame(
        [
            dict(over_realization=2.0, start="[1, 1]", iteration=20, node=n, norm=v)
            for n, v in (("matched", 1.0), ("unmatched", 0.3))
        ]
    )
    found = tables.panel_distance(norms(), published)
    assert found.set_index("node").distance.to_dict() == pytest.approx({"matched": 0.2, "unmatched": 0.05})
    assert tables.panel_distance(norms().assign(gradient="exact"), published).empty


def ranks():
    rows = [
        dict(
            over_realization=2.0,
            start="random",
            data="finite",
            seed=1,
            samples=s,
            epoch=0,
            layer=1,
            teacher=t,
            rank=r,
            alive=a,
        )
        for s, shift in ((192, 5.0), (1024, 0.0))
        for t, (r, a) in enumerate(((10.0 + shift, True), (20.0 + shift, True), (90.0, False)))
    ]
    return pd.DataFrame(rows)


def test_ranks_leave_the_dead_out_and_say_how_many():
    assert tables.rank_by_seed(ranks())["rank"].tolist() == [15.0]
    assert tables.rank_by_seed(ranks(), 192, "median")["rank"].tolist() == [20.0]
    assert tables.dead(ranks()) == (1, 3)


def test_the_worth_of_tickets_is_a_row_per_seed():
    layers = pd.DataFrame(
        [
            dict(
                over_realization=2.0,
                start="random",
                data="finite",
                seed=seed,
                epoch=e,
                layer=l,
                correlation=0.8 + 0.1 * l,
            )
            for seed in (1, 2)
            for e in (0, 3)
            for l in (0, 1)
        ]
    )
    won = layers[layers.seed == 1].assign(ticket="winners", correlation=0.5)
    found = tables.worth(won, layers)
    assert found.index.get_level_values("seed").tolist() == [1]  # without a ticket there is no pair
    assert found.iloc[0].to_dict() == pytest.approx({"the whole student": 0.85, "winners": 0.5})


def test_variants_stand_beside_the_plain_students_of_their_width():
    layers = pd.DataFrame(
        [
            dict(over_realization=ratio, start=start, data="finite", seed=seed, epoch=e, layer=1)
            | dict(correlation=0.1 * seed + e)
            for ratio, start in ((1.0, "random"), (5.0, "random"), (5.0, "negated"))
            for seed in (1, 3)
            for e in (0, 5)
        ]
    )
    found = tables.variants(layers)
    assert found[1].to_dict() == pytest.approx(
        {(5.0, "random", "finite", 2): 5.2, (5.0, "negated", "finite", 2): 5.2}
    )


def test_the_best_students_in_words():
    best = pd.DataFrame(
        [
            dict(layer=1, teacher=t, place=p, student=7 + p, correlation=0.9, rank=12.5, alive=t == 0)
            for t in (0, 1)
            for p in (1, 2)
        ]
    )
    found = tables.best_students(best)
    assert found.index.tolist() == [(1, 0)] and found.loc[(1, 0), 1] == "#8 0.90 (from 12 %)"
    assert np.isclose(tables.CHANCE, 50)


def blocks():
    sizes = {0: dict(own=2.0, winners=2.0, others=1.0), 4: dict(own=4.0, winners=1.0, others=0.5)}
    rows = [
        dict(over_realization=2.0, start="random", data="finite", seed=1, epoch=epoch, layer=layer)
        | dict(matrix=matrix, block=block, size=size)
        for epoch, of_epoch in sizes.items()
        for block, size in of_epoch.items()
        for layer in (1, 2)
        for matrix in ("H", "H*")
    ]
    return pd.DataFrame(rows)


def test_sizes_of_blocks_are_in_units_of_the_winners():
    found = tables.overlap_sizes(blocks()).set_index(["epoch", "layer", "block"]).relative
    assert found[4, 1, "own"] == 1 and found[0, 2, "own"] == 0.5 and found[4, 2, "others"] == 0.125
    ratio = tables.selectivity(blocks()).set_index("epoch").ratio
    assert ratio.to_dict() == pytest.approx({0: 1, 4: 4})


def test_negative_biases_are_counted_per_layer_and_clear_ones_apart():
    biases = pd.DataFrame(
        [
            dict(shape="vgg11", seed=1, layer=layer, channel=k, shift=shift)
            for layer, shifts in ((1, (-0.5, -0.01, 0.0, 0.2)), (3, (0.1, 0.1, -0.2, -0.3)))
            for k, shift in enumerate(shifts)
        ]
    )
    found = tables.bias_signs(biases).set_index("layer")
    assert found.negative.to_dict() == {1: 50, 3: 50} and found.clear.to_dict() == {1: 25, 3: 50}
    assert found.place.to_dict() == {1: 0, 3: 1}
    own = tables.with_own(found.reset_index(), biases.drop(columns=["shape", "seed"]))
    assert own["shape"].value_counts().to_dict() == {"vgg11": 2, "yours": 2}
    theirs = pd.DataFrame(dict(network=["vgg19_bn"] * 2, layer=[0, 5], percent_negative=[80.0, 60.0]))
    assert tables.published_bias_signs(theirs)["shape"].tolist() == ["vgg19"] * 2
