"""Settings of the experiment at every scale: what is refused, and whose images are asked for."""

import pytest

from companion.__main__ import main
from companion.chapters.cifar10.parameters import Parameters
from companion.chapters.cifar10.sweeps import CIFAR10, Cifar10
from companion.datasets.cifar10 import LAYOUT, DataError
from companion.runs.spec import SpecError
from companion.runs.sweeps import Sweep
from companion.runs.workers import RunError


@pytest.mark.parametrize(
    "values, message",
    [
        (
            dict(width=5, over_realizations=(1.3,)),
            "over_realization must be at least 1 and give a whole number",
        ),
        (dict(batch_size=3000), "batch_size: must not exceed the 1250 training images"),
        (dict(prune=(0.1,) * 8), "prune: 8 layers leave nothing of images of 16 pixels"),
        (dict(prune=(1.0,)), "prune.0: .*less than 1"),
        (dict(dataset="cifar100"), "dataset: .*'patches'"),
    ],
)
def test_bad_settings_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        Cifar10(**values)


def test_as_many_layers_as_leave_a_pixel_are_accepted():
    assert len(Cifar10(prune=(0.1,) * 7, pool=2).prune) == 7


def test_missing_images_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match="data_batch_1.bin is missing"):
        Parameters(dataset="cifar10").check(None)
    with pytest.raises(DataError, match="data_batch_1.bin is missing"):
        Parameters().check(tmp_path)  # a named folder is meant
    Parameters().check(None)  # auto: patches


@pytest.mark.parametrize("words", [["sweep", "cifar10"], ["run", "cifar10"]])
def test_a_named_folder_without_the_images_is_refused_not_replaced_by_patches(words, tmp_path, capsys):
    assert main([*words, "--data-dir", str(tmp_path)]) == 1
    missing = f"error: {tmp_path / LAYOUT / 'data_batch_1.bin'} is missing; python -m companion fetch"
    assert capsys.readouterr().err.startswith(missing)


def test_scales():
    assert CIFAR10.settings("laptop").images == 50_000 and CIFAR10.settings("paper").width == 64
    assert CIFAR10.settings("quick") == Cifar10()
    with pytest.raises(RunError, match="other has no laptop scale"):
        Sweep("other", {"quick": Cifar10()}).settings("laptop")
    found = {scale: narrowest(CIFAR10.settings(scale)).widths for scale in ("laptop", "paper")}
    assert found == {"laptop": (12, 8, 8, 5), "paper": (45, 32, 32, 20)}


def narrowest(spec):
    return spec._students(spec._teacher("patches", ""))[-1]


def test_the_chapter_shows_images_of_every_class():
    shown = Parameters(dataset="patches").shown(None)
    assert len(shown) == 10 and {images.shape for images in shown.values()} == {(8, 32, 32, 3)}
    assert {str(images.dtype) for images in shown.values()} == {"uint8"}
