"""Sphinx extension: notebooks have buttons that open them on Binder and Colab, where the book has an address.

The theme makes the buttons, but fails where ``repository: {url: ""}`` is in ``_config.yml``.
"""

BUTTONS = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}
COLAB = "https://colab.research.google.com"  # opens what is on GitHub, and nothing else


def add(app, config):
    options = config.html_theme_options
    address = options.get("repository_url") or ""
    colab = {"colab_url": COLAB} if "github.com/" in address else {}
    options["launch_buttons"] = BUTTONS | colab if address else {}


def setup(app):
    app.connect("config-inited", add, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
