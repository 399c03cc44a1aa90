"""What the chapter on lucky nodes claims about its tables, with bars and what they must refuse."""

import numpy as np
import pandas as pd

from companion.chapters.lucky_nodes.tables import (
    CHANCE,
    bias_signs,
    by_role,
    by_width,
    image_ranks,
    overlap_sizes,
    panel_distance,
    rank_by_seed,
    selectivity,
    worth,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval, near, share_interval, swapped, worst

BARS = {
    "relation": 1e-12,  # largest difference of an update from autograd
    "separation": 0.9,  # cosine of exact and separated update, lowest layer
    "violations": 0,
    "hinder": 0.05,  # rate that overlaps of one quarter cost, of that of nodes that are alone
    "rate": 0.05,  # relative error of the measured rate of turning
    "frozen": 0.05,  # share of the others' fan-outs that is left
    "vanish": 0.05,  # losers' norm over winners' after training from a start near the teacher
    "fall": 0.5,  # losers' norm over its start in the live run
    "linger": 0.1,  # the same ratio as in "vanish" from a random start stays above
    "slowest": 0.7,  # share of students whose losers fall at the rate of the slowest mode or faster
    "panel": 0.05,  # mean distance from the published norms
    "lucky": 40.0,  # mean initial rank of winners, percent; chance is 50
    "decided": 10.0,  # mean rank after the first epoch
    "understated": 1.0,  # how many percent more 192 samples show
    "too_wide": -0.05,  # correlation of layer 2, the widest minus 5x
    "halved": 0.05,  # correlation of layer 2 that a start half as large adds at 20x
    "halved_widest": 0.1,  # the same at 50x
    "moved": 0.5,  # how far the weights of layer 2 move, the widest over 5x
    "ticket": 0.05,  # correlation that a ticket has ahead of random nodes
    "projection": 1e-12,  # cosine of a gradient with what it is projected off
    "norm": -0.03,  # correlation with batch normalization behind the ReLU minus without
    "selective": 2.0,  # a winner's overlap with its own teacher node over that with another one
    "negative": 55.0,  # percent of biases that are below 0
    "both": 0.24,  # how often two channels are active together; independent halves are .25
    "used": 1.5,  # path norm and kinds of nodes over the teacher's
}
FEW = 192  # samples that the released ranks are taken from


def relation_claims(exact_rows: pd.DataFrame, separation: pd.DataFrame) -> list[Claim]:
    """The relation is exact; its shortcut is not."""
    biased = exact_rows[exact_rows.bias > 0].groupby(["depth", "seed"]).max_cropped.max()
    lowest = separation[(separation.layer == 1) & (separation.bias > 0)]
    upper = separation[(separation.layer == separation.depth) & (separation.bias > 0)]
    by_seed = lambda rows, what="cosine": rows.groupby("seed")[what].mean()
    deepest, shallowest = (
        by_seed(lowest[lowest.depth == depth]).mean() for depth in (lowest.depth.max(), lowest.depth.min())
    )
    return [
        Claim(
            **exact(exact_rows.max_error.max()),
            id="lucky/relation",
            place="thm-overlap-relation",
            at_most=BARS["relation"],
            wrong=Wrong("the constant unit dropped, as released, biases std .5", **exact(biased.min())),
            note=f"updates have entries up to {exact_rows['size'].max():.2g}",
            sentence="With biases kept, the gradient-overlap relation is the gradient: largest difference of "
            "a weight update from autograd, depths 2 to 4.",
        ),
        Claim(
            **mean_interval(by_seed(lowest)),
            id="lucky/separation",
            place="rem-separation",
            at_least=BARS["separation"],
            wrong=Wrong("the separated update of another pair", **mean_interval(by_seed(lowest, "other"))),
            changed="cosines of one size were known when the bar was set",
            note=f"{deepest:.2f} at depth {lowest.depth.max()}, {shallowest:.2f} at depth "
            f"{lowest.depth.min()}; {by_seed(upper).mean():.2f} in the top layer",
            sentence="Separating the expectations keeps the direction of the update (cosine with the exact "
            "one, lowest layer, mean over depths and widths, before training).",
        ),
    ]


def matched_claims(trials: pd.DataFrame, rates: pd.DataFrame) -> list[Claim]:
    """The perfectly matched case, and the rich that get richer."""
    promised, others = trials[trials.gamma > 0], trials[trials.gamma <= 0]
    slope = lambda by: (rates.rate * by).groupby(rates.seed).sum() / (by**2).groupby(rates.seed).sum()
    off = lambda by: mean_interval((slope(by) - 1).abs())
    return [
        Claim(
            **exact(trials.violated.sum()),
            id="lucky/matched-inequality",
            place="thm-matched",
            at_most=BARS["violations"],
            wrong=Wrong("the bound without its cross terms", **exact(trials.loose.sum())),
            note=f"{trials.checked.sum():,} states of {len(trials)} trials",
            sentence="The largest angle never falls more slowly than the bound says (states that do).",
        ),
        Claim(
            **exact(promised.late.sum()),
            id="lucky/matched-exponential",
            place="thm-matched",
            at_most=BARS["violations"],
            wrong=Wrong("three times the rate", **exact(promised.late_thrice.sum())),
            note=f"{promised.checked.sum():,} states of the {len(promised)} trials with γ > 0; of the "
            f"{len(others)} others {(others.end < 1e-2).sum()} end below .01 rad",
            sentence="Where γ > 0 the largest angle stays below the exponential bound (states that do not).",
        ),
        Claim(
            **off(rates.expected),
            id="lucky/rich-get-richer",
            place="prop-rich",
            at_most=BARS["rate"],
            wrong=Wrong("without the factor π − θ", **off(np.sin(rates.angle) / 2)),
            sentence="A node turns towards a teacher node at the rate (π − θ) sin θ / 2π, the faster per "
            "angle the closer it is (|slope − 1| of measured against expected rate over all angles).",
        ),
    ]


def overlapping_claim(rates: pd.DataFrame) -> Claim:
    """What nodes that are active together cost in the perfectly matched case."""
    wide = rates.pivot(index=["coupling", "trial"], columns="overlap", values="rate")
    few, many = wide.columns.min(), wide.columns.max()
    gain, largest = wide[few] - wide[many], rates.coupling.max()
    at = wide.loc[largest].mean()
    return Claim(
        **mean_interval(gain[largest]),
        id="lucky/overlap-hinders",
        place="thm-matched",
        at_least=BARS["hinder"],
        wrong=Wrong("fan-outs that do not overlap", **mean_interval(gain[0.0])),
        changed="the bar was set after a pilot with other draws",
        note=f"{at[few]:.2f} at an overlap of {few:.2f}, {at[many]:.2f} at {many:.2f}",
        sentence="Students hinder each other the more, the more often two of them are active together (rate "
        "at which the largest angle falls at the smallest overlap minus that at the largest, over the rate "
        "of nodes that are alone, paired over trials).",
    )


def frozen_claims(fan_outs: pd.DataFrame) -> list[Claim]:
    """Over frozen features the others' fan-outs vanish, but for duplicates."""
    ends = fan_outs[fan_outs.time.isin([0, fan_outs.time.max()])]
    norm = ends.pivot_table(index=["case", "seed"], columns="time", values="norm")
    left = norm[norm.columns[1]] / norm[norm.columns[0]]
    found = fan_outs[fan_outs.case == "distinct"]
    above = int((found.norm > found.bound * 1.02).sum())
    return [
        Claim(
            **mean_interval(left["distinct"], "log"),
            id="lucky/frozen",
            place="thm-unlucky",
            at_most=BARS["frozen"],
            wrong=Wrong("two of the others are duplicates", **mean_interval(left["duplicates"], "log")),
            note=f"{above} of {len(found)} records above the bound of λ_min",
            sentence="With the lucky nodes in place and features frozen, the other nodes' fan-outs vanish "
            "(share of their norm that is left by SGD, geometric mean over seeds).",
        )
    ]


def _norm_ratio(norms: pd.DataFrame, start: str, gradient: str) -> pd.Series:
    """Losers' over winners' mean norm in the end, per seed and over-realization."""
    chosen = norms[(norms.start == start) & (norms.gradient == gradient)]
    last = by_role(chosen[chosen.step == chosen.step.max()])
    wide = last.pivot(index=["over_realization", "seed"], columns="role", values="norm")
    return wide["loser"] / wide["winner"]


def live_decay_claims(norms: pd.DataFrame) -> list[Claim]:
    """What the short live runs show."""

    def fallen(start: str) -> pd.Series:
        losers = by_role(norms[norms.start == start]).query("role == 'loser'")
        wide = losers.pivot(index="seed", columns="step", values="norm")
        return wide[wide.columns.max()] / wide[0]

    return [
        Claim(
            **mean_interval(fallen("[1, 1]"), "log"),
            id="lucky/decay-begins",
            place="obs-lucky-decay",
            at_most=BARS["fall"],
            wrong=Wrong("a random start", **mean_interval(fallen("random"), "log")),
            changed="the bar was set after a first look at runs of this length",
            sentence="From a start near the teacher the losers' fan-outs fall at once (norm over its start, "
            "exact gradient, geometric mean over seeds).",
        )
    ]


def slowest_mode_claim(modes: pd.DataFrame) -> Claim:
    """The closed form's rate under the measured one.

    modes       table of that name of decay.decay.
    """
    near = modes[(modes.start == "[1, 1]") & (modes.gradient == "exact")]
    at_least = lambda times: share_interval(int((near.fall >= times * near.slowest).sum()), len(near))
    return Claim(
        **at_least(1),
        id="lucky/slowest-mode",
        place="thm-unlucky",
        scale="laptop",
        at_least=BARS["slowest"],
        wrong=Wrong("a hundred times that rate", **at_least(100)),
        changed="the bar was set after a look at these runs",
        note=f"{len(near)} students, 2x to 10x",
        sentence="Where all layers move, from a start near the teacher, the losers' fan-outs still fall at "
        "the rate λ_min of the features in the end, or faster (share of students, over the last half of "
        "training).",
    )


def decay_claims(norms: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """The published panels, and where they do not apply."""
    by_seed = lambda values: np.exp(np.log(values).groupby("seed").mean())
    near, far = (by_seed(_norm_ratio(norms, start, "exact")) for start in ("[1, 1]", "random"))
    found = panel_distance(norms, published)
    other = panel_distance(norms, swapped(published, "over_realization", 2, 10))
    return [
        Claim(
            **mean_interval(near, "log"),
            id="lucky/decay",
            place="obs-lucky-decay",
            scale="laptop",
            at_most=BARS["vanish"],
            wrong=Wrong("a random start", **mean_interval(far, "log")),
            sentence="From a start near the teacher in both layers the losers' fan-outs vanish (their mean "
            "norm over the winners', exact gradient, 2x to 10x, geometric mean).",
        ),
        Claim(
            **mean_interval(far, "log"),
            id="lucky/decay-random",
            place="obs-lucky-decay",
            scale="laptop",
            at_least=BARS["linger"],
            wrong=Wrong("the start near the teacher", **mean_interval(near, "log")),
            changed="that losers linger was known from runs with another code when the bar was set",
            sentence="From a random start the true losers, duplicates left out, do not vanish within the "
            "published number of steps (the same ratio).",
        ),
        Claim(
            **mean_interval(found.distance),
            id="lucky/published-decay",
            place="obs-lucky-decay",
            scale="laptop",
            at_most=BARS["panel"],
            wrong=Wrong("published 2x and 10x panels swapped", **mean_interval(other.distance)),
            note=f"{len(found)} published norms, the farthest {found.distance.max():.2f} away; the interval "
            "is over norms, not seeds",
            sentence="Our fan-out norms, separated gradient, lie on the published ones (mean distance over "
            "panels, iterations and kinds of nodes).",
        ),
    ]


def luck_claims(ranks: pd.DataFrame, published: pd.DataFrame | None, scale: str) -> list[Claim]:
    """How lucky winners were at the start; one over-realization, random start.

    ranks       table of that name of luck.luck.
    """
    found = rank_by_seed(ranks)
    at = lambda epoch: found[found.epoch == epoch].pivot(index="seed", columns="layer", values="rank")
    of_paper: dict[int, float] = {}
    if published is not None:
        shown = published.query("setting == 'exp1' and statistic == 'mean' and epoch == 0")
        of_paper = shown.set_index("layer")["rank"].to_dict()
    width = ranks.over_realization.iloc[0]
    return [
        Claim(
            **mean_interval(at(0)[layer]),
            id=f"lucky/rank-layer-{layer}",
            place="obs-lucky-rank",
            scale=scale,
            at_most=BARS["lucky"],
            published=of_paper.get(layer),
            wrong=Wrong("nodes that have nothing to do with the teacher node", **exact(50.0)),
            note=f"{width:g}x, {ranks.samples.max():,} samples"
            + ("; the published number is of one trial, from 192 samples" if of_paper else ""),
            sentence=f"The winners of layer {layer} were lucky before training (mean initial rank in "
            "percent; chance is 50).",
        )
        for layer in at(0).columns
    ]


def decided_claim(ranks: pd.DataFrame) -> Claim:
    """When luck is decided; arguments as in :func:`luck_claims`. A handful of seeds cannot tell."""
    found = rank_by_seed(ranks)
    at = lambda epoch: found[found.epoch == epoch].pivot(index="seed", columns="layer", values="rank")
    return Claim(
        **mean_interval(at(1).mean(axis=1)),
        id="lucky/decided",
        place="obs-lucky-rank",
        scale="laptop",
        at_most=BARS["decided"],
        wrong=Wrong("before training", **mean_interval(at(0).mean(axis=1))),
        note=", ".join(f"layer {layer}: {at(1)[layer].mean():.1f}" for layer in at(1)),
        sentence="Luck is decided within the first epoch: after it the later winners already stand in the "
        "front (mean rank in percent, mean over layers).",
    )


def few_samples_claim(ranks: pd.DataFrame) -> Claim:
    """What ranks from the released number of samples hide; all over-realizations together."""
    mean = lambda samples: rank_by_seed(ranks[ranks.epoch == 0], samples).groupby("seed")["rank"].mean()
    most = ranks.samples.max()
    return Claim(
        **mean_interval(mean(FEW) - mean(most)),
        id="lucky/few-samples",
        place="obs-lucky-rank",
        scale="laptop",
        at_least=BARS["understated"],
        wrong=Wrong("1,024 samples in their place", **mean_interval(mean(1024) - mean(most))),
        changed="tenfold students alone could not tell this from 1,024 samples: now students of all widths",
        sentence=f"Ranks from the released {FEW} samples understate luck (percent more than from {most:,}, "
        "mean over layers and widths, paired over seeds).",
    )


def width_claims(layers: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """Correlation against over-realization, at the published width of teachers."""
    ours = layers[(layers.start == "random") & (layers.data == "finite")]
    epoch = ours.epoch.max()
    last = ours[(ours.epoch == epoch) & (ours.layer == 2)]
    wide = last.pivot(index="seed", columns="over_realization", values="correlation")
    of_layer = published[(published.epoch == epoch) & (published.layer == 2)]
    theirs = of_layer.set_index("over_realization").correlation
    other = by_width(layers, swapped(published, "over_realization", 1, 5))
    return [
        *(
            Claim(
                **mean_interval((wide[width] - wide[5.0]).dropna()),
                id=f"lucky/too-wide-{width:g}x",
                place="obs-lucky-rank",
                scale="laptop",
                published=theirs[width] - theirs[5.0],
                at_most=BARS["too_wide"],
                wrong=Wrong("5x over 1x", **mean_interval((wide[5.0] - wide[1.0]).dropna())),
                sentence=f"Too much width hurts: {width:g}x students recover layer 2 less well than 5x ones "
                f"after {epoch} epochs (difference of mean correlations, paired over seeds).",
            )
            for width in wide.columns[wide.columns > 10]
        ),
        Claim(
            **near(lambda measure: by_width(layers, published, measure)),
            id="lucky/published-correlation",
            place="obs-lucky-rank",
            scale="laptop",
            wrong=Wrong("published 1x and 5x swapped", **worst(other)),
            changed="the alternative was the widest swapped with 5x, which few seeds cannot tell apart",
            sentence="Our correlations against epochs lie on the published ones at every over-realization, "
            "as far as sampling alone explains (largest mean distance, in units of what sampling alone "
            "gives; the rate of the published runs is not printed).",
        ),
    ]


def start_claims(layers: pd.DataFrame) -> list[Claim]:
    """Why a wide student learns less: it leaves its start less far, and one half as large lets it go."""
    last = layers[(layers.epoch == layers.epoch.max()) & (layers.layer == 2) & (layers.data == "finite")]
    of = lambda start, what: last[last.start == start].pivot(
        index="seed", columns="over_realization", values=what
    )
    gain = of("halved", "correlation") - of("random", "correlation")
    moved = of("random", "moved")
    widest = moved.columns.max()
    ratio = lambda one, other: mean_interval((moved[one] / moved[other]).dropna(), "log")
    return [
        Claim(
            **ratio(widest, 5.0),
            id="lucky/moved",
            place="obs-lucky-rank",
            scale="laptop",
            at_most=BARS["moved"],
            wrong=Wrong("5x over 2x", **ratio(5.0, 2.0)),
            sentence=f"The weights of layer 2 move less, in relation to their length, the wider the student "
            f"({widest:g}x over 5x, paired over seeds; one over the root of the width would be "
            f"{(5 / widest) ** 0.5:.2f}).",
        ),
        *(
            Claim(
                **mean_interval(gain[width].dropna()),
                id=f"lucky/halved-{width:g}x",
                place="obs-lucky-rank",
                scale="laptop",
                at_least=BARS[bar],
                wrong=Wrong("what it adds at 5x", **mean_interval(gain[5.0].dropna())),
                changed=changed,
                sentence=f"Too much width hurts through the start: from halved weights {width:g}x students "
                "recover layer 2 better (difference of mean correlations, paired over seeds).",
            )
            for width, bar, changed in (
                (20.0, "halved", "asked at this width, of more students, after a look at the widest"),
                (50.0, "halved_widest", "bar and factor were chosen after a pilot of one student"),
            )
        ),
    ]


def ticket_claims(tickets: pd.DataFrame, layers: pd.DataFrame) -> list[Claim]:
    """Whether the winners' starts are worth anything by themselves; a handful of seeds cannot tell."""
    table = worth(tickets, layers)
    ahead = lambda ticket: (table[ticket] - table["random nodes"]).groupby("seed").mean()
    return [
        Claim(
            **mean_interval(ahead(ticket)),
            id=f"lucky/{name}",
            place="rem-lucky-tickets",
            scale="laptop",
            at_least=BARS["ticket"],
            wrong=Wrong("a new draw in its place", **mean_interval(ahead("new draw, same scale"))),
            changed="the bar was set after a first look at short runs",
            note=f"of the {gap:.2f} that the whole student is ahead",
            sentence=f"The winners alone, {words}, train to a higher correlation than as many random nodes "
            "of the same student (mean over layers, paired over seeds).",
        )
        for ticket, name, words in (
            ("winners", "ticket", "from their initial weights"),
            ("winners after 1 epoch", "late-ticket", "from their weights after one epoch"),
        )
        for gap in [ahead("the whole student").mean()]
    ]


def regularization_claims(used: pd.DataFrame, scale: str) -> list[Claim]:
    """What a start decides about the width that is used; the widest student, no penalty."""
    last = used[(used.step == used.step.max()) & (used.weight_decay == 0)]
    widest = lambda rows: rows[rows.over_realization == rows.over_realization.max()]
    small, large = (last[last.start == start] for start in ("small", "large"))
    small, large = widest(small), widest(large[large.status == "ok"])
    ratio, other = (rows.over_realization.iloc[0] for rows in (small, large))
    changed, diverged = "first looks at shorter runs were had when the bar was set", ""
    if other < ratio:
        diverged = f", {other:g}x, as wider ones diverge"
        changed += f"; the wrong alternative is that of {other:g}x since it diverged at {ratio:g}x"
    return [
        Claim(
            **mean_interval(small[column], "log"),
            id=f"lucky/{name}",
            place="obs-lucky-implicit",
            scale=scale,
            at_most=BARS["used"],
            wrong=Wrong(f"a large start{diverged}", **mean_interval(large[column], "log")),
            changed=changed,
            note=f"{ratio:g}x, {last.step.max():,} steps",
            sentence=f"From a small start the widest student ends near the teacher's {words}, without a "
            "penalty (ratio, geometric mean over seeds).",
        )
        for column, name, words in (
            ("path_norm", "path-norm", "path norm"),
            ("kinds", "kinds", "number of nodes, copies counted as one"),
        )
    ]


def projection_claim(leaks: pd.DataFrame) -> Claim:
    """Batch normalization projects; without an epsilon exactly."""
    part = lambda order, eps, column: leaks[(leaks.order == order) & (leaks.eps == eps)][column]
    inputs = leaks[leaks.eps == 0][["along_one", "along_f", "along_row"]].max().max()
    weights = part("before ReLU", 0.0, "along_w").max()
    return Claim(
        **exact(max(inputs, weights)),
        id="lucky/projection",
        place="thm-batchnorm",
        at_most=BARS["projection"],
        wrong=Wrong(
            "the weights alone, normalized after the ReLU", **exact(part("after ReLU", 0.0, "along_w").min())
        ),
        note=f"at the default ε = 1e-5 up to {leaks[leaks.eps == 1e-5].along_f.max():.1g} is left along "
        "the input",
        sentence="Without ε, batch normalization leaves nothing of the gradient along 1, along the layer's "
        "input, and along a node's weights: before the ReLU without their bias, behind it with it (largest "
        "|cosine|).",
    )


def norm_claim(layers: pd.DataFrame) -> Claim:
    """What affine batch normalization behind the ReLU does to the students."""
    mean = layers.groupby(["epoch", "seed", "norm"]).correlation.mean().unstack()
    more = (mean["after"] - mean["none"]).unstack("epoch")
    last = layers[layers.epoch == layers.epoch.max()].groupby(["layer", "norm"]).correlation.mean().unstack()
    by_layer = ", ".join(
        f"{with_norm:.2f} and {plain:.2f}" for with_norm, plain in zip(last.after, last.none)
    )
    return Claim(
        **mean_interval(more[more.columns.max()]),
        id="lucky/norm-lowers",
        place="obs-lucky-rank",
        scale="laptop",
        at_most=BARS["norm"],
        wrong=Wrong("before training", **mean_interval(more[0])),
        changed="that it lowers the correlation was known from runs with another code when the bar was set",
        note=f"with and without, by layer: {by_layer}",
        sentence="Affine batch normalization behind the ReLU lowers the final correlation (with minus "
        "without, mean over layers, paired over seeds).",
    )


def overlap_claim(blocks: pd.DataFrame, scale: str) -> Claim:
    """Whether winners take over the overlaps with teacher nodes; one over-realization, random start."""
    ratio = selectivity(blocks).pivot(index="seed", columns="epoch", values="ratio")
    last = overlap_sizes(blocks)
    left = last[(last.block == "others") & (last.epoch == last.epoch.max())].groupby("layer").relative
    note = ", ".join(f"layer {layer}: {value:.2f}" for layer, value in left.mean().items())
    return Claim(
        **mean_interval(ratio[ratio.columns.max()], "log"),
        id="lucky/overlaps",
        place="obs-lucky-overlaps",
        scale=scale,
        at_least=BARS["selective"],
        wrong=Wrong("before training", **mean_interval(ratio[0], "log")),
        note=f"overlap of a student that won nothing with itself, over a winner's: {note}",
        sentence="Seen from above, winners overlap with their own teacher nodes and not with others (entry "
        "of H* over those with other teacher nodes, root mean squares, geometric mean over layers and "
        "seeds).",
    )


def image_claims(ranks: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """Whether winners on images were lucky, and when it is decided; one over-realization."""
    found = image_ranks(ranks)
    theirs = published[(published.setting == "cifar10_cnn_bn") & (published.statistic == "mean")]
    theirs = theirs[theirs.epoch == 0]["rank"].mean()
    claims = []
    for network, rows in found.groupby("network"):
        at = lambda epoch, rows=rows: rows[rows.epoch == epoch].groupby("seed")["rank"].mean()
        name = network.replace(" ", "-")
        claims += [
            Claim(
                **mean_interval(at(0)),
                id=f"lucky/rank-{name}",
                place="obs-lucky-rank",
                scale="laptop",
                at_most=BARS["lucky"],
                published=theirs if network == "convolutional" else None,
                wrong=Wrong("channels that have nothing to do with the teacher's", **exact(CHANCE)),
                changed="twenty students in place of five, whose verdicts differed between processors",
                sentence=f"On images the winners of a {network} teacher were lucky before training (mean "
                "initial rank in percent, mean over layers; chance is 50).",
            ),
            Claim(
                **mean_interval(at(1)),
                id=f"lucky/decided-{name}",
                place="obs-lucky-rank",
                scale="laptop",
                at_most=BARS["decided"],
                wrong=Wrong("before training", **mean_interval(at(0))),
                sentence=f"On images luck is decided within the first epoch: {network} (mean rank after it).",
            ),
        ]
    return claims


def bias_claims(biases: pd.DataFrame, gates: pd.DataFrame) -> list[Claim]:
    """What batch normalization before the ReLU does to biases and to overlaps."""
    signs = bias_signs(biases).groupby("seed")[["negative", "clear"]].mean()
    normalized = gates[gates.norm == "before"]
    over = lambda trained: normalized[normalized.trained == trained].groupby("seed").overlap.mean()
    accuracy = normalized.groupby("shape").test_accuracy.mean()
    return [
        Claim(
            **mean_interval(signs.negative),
            id="lucky/negative-biases",
            place="obs-lucky-biases",
            scale="laptop",
            at_least=BARS["negative"],
            wrong=Wrong("signs drawn by a coin", **exact(50.0)),
            note=f"clearly negative: {signs.clear.mean():.0f} %; test accuracy {accuracy.min():.2f} to "
            f"{accuracy.max():.2f} by shape",
            sentence="Training makes most biases of batch normalization negative (percent below 0, mean over "
            "layers and shapes).",
        ),
        Claim(
            **mean_interval(over(True)),
            id="lucky/gates",
            place="obs-lucky-biases",
            scale="laptop",
            at_most=BARS["both"],
            wrong=Wrong("the same before training", **mean_interval(over(False))),
            changed="after shorter runs: the bar was .25, and the alternative, networks without batch "
            "normalization, lay below it",
            sentence="Trained with batch normalization, two channels of a layer are active together less "
            "often than two independent halves, .25 (share of images and positions, mean over pairs, layers "
            "and shapes).",
        ),
    ]
