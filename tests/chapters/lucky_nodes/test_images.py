"""Luck and biases on images: networks against plain sums, tables at tiny sizes, files that are refused."""

import json
import pickle

import numpy as np
import pytest
import torch

from companion.chapters.lucky_nodes import norm_biases, weight_files
from companion.chapters.lucky_nodes.image_networks import BLOCKS, FullyConnected, Vgg, drawn
from companion.chapters.lucky_nodes.studies import ImageLuck, NormBiases, OwnWeights
from companion.chapters.lucky_nodes.sweeps import Biases, LuckOnImages
from companion.runs.spec import SpecError
from ts_core.streams import stream

TINY = dict(
    dataset="patches",
    images=60,
    validation_images=20,
    test_images=30,
    width=3,
    seeds=1,
    batch_size=10,
    teacher_epochs=1,
)
STUDENTS = dict(student_epochs=2, student_rate=3e-4)


def test_a_fully_connected_network_is_products_of_matrices():
    network = drawn(FullyConnected((4, 5), 6, norm="none"), stream(1, "test"))
    x = torch.from_numpy(stream(1, "x").standard_normal((7, 3, 6, 6)))
    layers, outputs = network(x)
    first, second = (conv.weight.flatten(1) for conv in network.convs)
    low = (x.flatten(1) @ first.T + network.convs[0].bias).relu()
    high = (low @ second.T + network.convs[1].bias).relu()
    torch.testing.assert_close([f.flatten(1) for f in layers], [low, high])
    torch.testing.assert_close(outputs, high @ network.top.weight.T + network.top.bias)


@pytest.mark.parametrize("name, weight_layers", [("vgg11", 11), ("vgg13", 13), ("vgg16", 16), ("vgg19", 19)])
def test_published_shapes_have_their_layers_and_channels(name, weight_layers):
    network = drawn(Vgg(name, narrow=16), stream(1, "test")).float()
    assert sum(BLOCKS[name]) == len(network.convs) == weight_layers - 3  # ours has one linear layer of three
    layers, outputs = network(torch.zeros(2, 3, 32, 32))
    assert (
        outputs.shape == (2, 10) and layers[0].shape == (2, 4, 32, 32) and layers[-1].shape == (2, 32, 2, 2)
    )


@pytest.fixture(scope="module")
def luck():
    [cells] = LuckOnImages(**TINY, over_realizations=(1.0, 2.0), **STUDENTS).stages()
    assert [cell.network for cell in cells] == ["convolutional", "fully connected"]
    return {cell.network: cell.run() for cell in cells}


@pytest.mark.parametrize("network", ["convolutional", "fully connected"])
def test_winners_on_images_rank_first_in_the_end(luck, network):
    ranks, layers = luck[network]["ranks"], luck[network]["layers"]
    assert len(ranks) == 2 * 3 * 4 * 3 and len(layers) == 2 * 3 * 4  # widths, looks, layers, channels
    alive = ranks[ranks.alive]
    assert (alive[alive.epoch == 2]["rank"] == 0).all() and alive["rank"].between(0, 100).all()
    assert alive[alive.epoch == 0]["rank"].max() > 0 and layers.correlation.between(-1, 1).all()
    assert luck[network]["teachers"].test_accuracy.between(0, 1).all()


def test_students_of_other_widths_change_nothing(luck):
    [cells] = LuckOnImages(**TINY, over_realizations=(2.0,), **STUDENTS).stages()
    alone = cells[1].run()["ranks"]
    among = luck["fully connected"]["ranks"].query("over_realization == 2").reset_index(drop=True)
    assert alone.equals(among)


def test_shares_of_active_channels_are_means_over_images_and_positions():
    class Known(torch.nn.Module):
        def forward(self, x):  # one channel is never, one always, one on the left half active
            f = torch.zeros(len(x), 3, 2, 2)
            f[:, 1], f[:, 2, :, 0] = 1, 5
            return [f], None

    [(one, both)] = norm_biases._active(Known(), torch.zeros(9, 3, 4, 4, dtype=torch.uint8), torch.float32)
    assert one.tolist() == [0, 1, 0.5] and both[1].tolist() == [0, 1, 0.5]


def test_biases_are_those_of_normalized_classifiers_only():
    settings = Biases(**TINY, shapes=("vgg11",), narrow=32)
    [cells] = settings.stages()
    assert [(cell.shape, cell.teacher.norm) for cell in cells] == [
        ("vgg11", "before"),
        ("convolutional", "before"),
        ("convolutional", "none"),
    ]
    _, normalized, plain = (cell.run() for cell in cells)
    assert set(plain) == {"gates"} and len(normalized["biases"]) == 4 * 3
    gates = normalized["gates"]
    assert len(gates) == 2 * 4 and (gates.overlap <= gates.active).all()
    assert gates.below.between(0, 1).all() and gates[~gates.trained].active.between(0.2, 0.8).all()
    assert normalized["biases"].active.between(0, 1).all()


NAMES = {"a.weight": [2.0, 3], "a.bias": [-1.0, 0.5], "a.running_mean": [0.0, 0], "top.weight": [[1.0, 2]]}


def safetensors(path) -> None:
    header, data = {"__metadata__": {"by": "test"}}, b""
    for name, values in NAMES.items():
        numbers = np.array(values, "<f4")
        ends = [len(data), len(data) + numbers.nbytes]
        header[name] = dict(dtype="F32", shape=numbers.shape, data_offsets=ends)
        data += numbers.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize("ending", ["pt", "pth", "safetensors"])
def test_normalizations_are_read_from_a_file(tmp_path, ending):
    path = tmp_path / f"own.{ending}"
    if ending == "safetensors":
        safetensors(path)
    else:
        state = {name: torch.tensor(values) for name, values in NAMES.items()}
        torch.save({"state_dict": state} if ending == "pth" else state, path)
    found = OwnWeights(digest="0", file=str(path)).run()["biases"]
    assert found["shift"].tolist() == [-1, 0.5] and found["scale"].tolist() == [2, 3]
    assert found.name.tolist() == ["a", "a"] and found.layer.tolist() == [0, 0]


class Code:
    """What an unpickler would call."""

    def __reduce__(self):
        return print, ("code of a file was run",)


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npy", "pth"])
def test_what_is_no_table_of_numbers_is_refused_and_never_run(tmp_path, ending, capsys):
    path = tmp_path / f"own.{ending}"
    if ending == "pth":
        torch.save({"only.weight": torch.zeros(2)}, path)
    else:
        path.write_bytes(pickle.dumps(Code()))
    with pytest.raises(ValueError, match=f"own.{ending}: "):
        weight_files.normalizations(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "kind, change, words",
    [
        (ImageLuck, dict(over_realizations=(1.3,)), "1.3"),
        (ImageLuck, dict(training=dict(epochs=0, batch_size=10)), "epochs: students need at least 1, got 0"),
        (ImageLuck, dict(training=dict(batch_size=90)), "batch_size: must not exceed the 40 training images"),
        (NormBiases, dict(shape="vgg16"), "pool: vgg16 halves images five times, so 1, got 2"),
        (NormBiases, dict(shape="vgg17"), "shape"),
    ],
)
def test_bad_values_are_refused_by_name(kind, change, words):
    from companion.experiments.convolutional.spec import Training

    [teacher] = LuckOnImages(**TINY).teachers(None, norm="before")
    if "training" in change:
        change = {"training": Training(**change["training"])}
    with pytest.raises(SpecError, match=words):
        kind(teacher=teacher, **change)
