"""One module per experiment; the chapters and the settings each of them takes."""

from ts_core.experiments.two_layer_theorem import TwoLayerTheorem

CHAPTERS = {"two_layer_theorem": TwoLayerTheorem}  # notebook name -> its parameters
