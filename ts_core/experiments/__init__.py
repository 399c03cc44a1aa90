"""One module per experiment; the chapters and the settings each of them takes."""

from ts_core.experiments.cifar10_chapter import Cifar10Chapter
from ts_core.experiments.fan_out_ordering import FanOutOrdering
from ts_core.experiments.lowest_layer import LowestLayer
from ts_core.experiments.two_layer_theorem import TwoLayerTheorem

CHAPTERS = {  # notebook name -> its parameters
    "two_layer_theorem": TwoLayerTheorem,
    "fan_out_ordering": FanOutOrdering,
    "lowest_layer": LowestLayer,
    "cifar10": Cifar10Chapter,
}
