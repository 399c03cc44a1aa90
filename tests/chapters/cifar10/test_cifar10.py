"""CIFAR-10: every fault of the files is refused, the download is all or nothing, the experiment is paired and repeatable."""

import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ts_core import cifar10, store
from ts_core.__main__ import main
from ts_core.cifar10 import LAYOUT, NAMES, ROW, ROWS, TEST, TRAIN, DataError
from ts_core.experiments import cifar10 as scales
from ts_core.experiments import cifar10_chapter, cifar10_claims, cifar10_fetch, cifar10_students, cifar10_teacher, patches
from ts_core.experiments.spec import SpecError
from ts_core.sweeps import SweepError, run_cells, settings

FILES = (*TRAIN, *TEST)
REAL = cifar10.data_folder(os.environ.get("CIFAR10"))


def rows(seed: int) -> bytes:
    found = np.zeros((ROWS, ROW), np.uint8)  # few images that are not black, so that the archive is small
    found[:100] = np.random.default_rng(seed).integers(0, 256, (100, ROW))
    found[:, 0] %= 10
    return found.tobytes()


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    """Six files of images in the official layout; never written to."""
    folder = tmp_path_factory.mktemp("original") / LAYOUT
    folder.mkdir()
    for seed, name in enumerate(FILES):
        (folder / name).write_bytes(rows(seed))
    (folder / NAMES).write_text(cifar10_fetch.CLASSES.replace(" ", "\n"))
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """The same files, links to them: replacing one leaves the original as it is."""
    copy = tmp_path / LAYOUT
    copy.mkdir()
    for path in original.iterdir():
        (copy / path.name).symlink_to(path)
    return copy


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_rows_are_labels_and_colour_planes(original):
    images = cifar10.read(original)
    raw = np.frombuffer((original / TRAIN[1]).read_bytes(), np.uint8).reshape(ROWS, ROW)
    assert images.train.images.shape == (50_000, 3, 32, 32) and images.test.images.shape == (10_000, 3, 32, 32)
    assert images.train.labels[10_007] == raw[7, 0]
    assert images.train.images[10_007, 2, 5, 9] == raw[7, 1 + 2 * 1024 + 5 * 32 + 9]  # blue plane, row 5, column 9
    assert images.names[0] == "airplane" and images.names[9] == "truck"


@pytest.mark.parametrize("fault, message", [
    (lambda path: path.unlink(), "data_batch_3.bin is missing; python -m ts_core fetch cifar10 downloads it"),
    (lambda path: replace(path, path.read_bytes()[:-1]), "data_batch_3.bin has 30,729,999 bytes, not the 30,730,000"),
    (lambda path: replace(path, b""), "data_batch_3.bin has 0 bytes"),
    (lambda path: replace(path, path.read_bytes() + bytes(ROW)), "has 30,733,073 bytes"),
    (lambda path: replace(path, b"\x0a" + path.read_bytes()[1:]), "data_batch_3.bin is damaged: image 0 has the label 10"),
    (lambda path: (path.unlink(), path.mkdir()), "cannot read .*data_batch_3.bin"),
])
def test_faults_are_refused_by_name(folder, fault, message):
    fault(folder / TRAIN[2])
    with pytest.raises(DataError, match=message) as error:
        cifar10.read(folder)
    assert "\n" not in str(error.value)


def test_the_folder_is_found_where_it_is_named(monkeypatch, folder, tmp_path):
    assert cifar10.data_folder(folder) == folder == cifar10.data_folder(tmp_path)
    monkeypatch.setenv("TS_CORE_DATA", str(tmp_path))
    assert cifar10.data_folder() == folder and scales.chosen("auto") == "cifar10" and scales.chosen("patches") == "patches"
    monkeypatch.setenv("TS_CORE_DATA", str(tmp_path / "none"))
    assert scales.chosen("auto") == "patches" and not cifar10.present(cifar10.data_folder())
    monkeypatch.delenv("TS_CORE_DATA")
    assert "ts-core" in str(cifar10.data_folder())


def test_the_tests_never_see_this_machines_images():
    assert not cifar10.present(cifar10.data_folder())


class Server:
    """A web server on this machine that answers with given bytes; ``cut`` closes the connection half-way so often."""

    def __init__(self, body: bytes | None, cut: int = 0):
        outer = self
        self.requests, self.cut = 0, cut

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests += 1
                if body is None:
                    return self.send_error(503, "down")
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                short = outer.requests <= outer.cut
                self.wfile.write(body[:len(body) // 2] if short else body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def serve():
    running = []

    def start(*words, **options):
        running.append(Server(*words, **options))
        return running[-1]

    yield start
    for server in running:
        server.server.shutdown()
        server.server.server_close()


def packed(members: dict[str, bytes | Path | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            data = data.read_bytes() if isinstance(data, Path) else data
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def archive(original) -> bytes:
    members = {f"{LAYOUT}/{name}": original / name for name in FILES}
    return packed(members | {f"{LAYOUT}/readme.html": b"<html>", f"{LAYOUT}/more/{TRAIN[0]}": b"not this one"})


def fetch(target, body, *hosts, **options):
    checksum = options.pop("checksum", hashlib.sha256(body).hexdigest() if body else "0" * 64)
    return cifar10_fetch.fetch(target, hosts, checksum, progress=False, **{"retries": 0, **options})


def test_a_download_is_verified_unpacked_and_kept(serve, archive, original, tmp_path):
    target, server = tmp_path / "cache" / LAYOUT, serve(archive)
    assert "now holds the official archive" in fetch(target, archive, server.address)
    assert {path.name for path in target.iterdir()} == {*FILES, NAMES, cifar10.OFFICIAL}
    assert cifar10.is_official(target) and cifar10.fingerprint(target) == cifar10.fingerprint(original)
    assert [path.name for path in target.parent.iterdir()] == [LAYOUT]
    assert "holds the official archive; nothing was downloaded" in fetch(target, archive, server.address)
    assert server.requests == 1
    replace(target / TEST[0], (original / TRAIN[0]).read_bytes())
    assert "not the official archive; nothing" in fetch(target, archive, server.address) and not cifar10.is_official(target)
    replace(target / TEST[0], b"short")
    with pytest.raises(DataError, match="test_batch.bin has 5 bytes"):
        fetch(target, archive, server.address)


def test_a_broken_connection_is_retried_and_a_dead_host_replaced(serve, archive, tmp_path):
    dead, flaky = serve(None), serve(archive, cut=1)
    assert "now holds" in fetch(tmp_path / LAYOUT, archive, dead.address, flaky.address, retries=1)
    assert dead.requests == 2 and flaky.requests == 2


def refused(tmp_path, message, body, *hosts, **options):
    """The error names the reason on one line, and nothing is left where the files were to be."""
    target = tmp_path / "cache" / LAYOUT
    with pytest.raises(DataError, match=message) as error:
        fetch(target, body, *hosts, **options)
    assert "\n" not in str(error.value)
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_no_network_wrong_checksum_and_no_room(serve, archive, tmp_path, monkeypatch):
    here = serve(archive).address
    refused(tmp_path, "no answer .*refused.*", archive, "http://127.0.0.1:9/")
    refused(tmp_path, "answered 503 down", archive, serve(None).address)
    refused(tmp_path, "another checksum", archive, here, checksum="0" * 64)
    refused(tmp_path, "another checksum", archive, serve(archive[:-100]).address, checksum=hashlib.sha256(archive).hexdigest())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**8))
    refused(tmp_path, "no room at .*: 354 MB are needed, 100 MB are free", archive, here)


def link(name: str) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return found


@pytest.mark.parametrize("members, message", [
    ({"../outside.bin": b"x"}, "stray path '../outside.bin'"),
    ({f"{LAYOUT}/../../outside.bin": b"x"}, "stray path"),
    ({"/outside.bin": b"x"}, "stray path '/outside.bin'"),
    ({f"{LAYOUT}/{TRAIN[0]}": link(f"{LAYOUT}/{TRAIN[0]}")}, "stray path"),
    ({f"{LAYOUT}/{TRAIN[0]}": b"x"}, "the archive lacks data_batch_2.bin, .*test_batch.bin"),
    (None, "cannot be unpacked"),
])
def test_an_archive_that_is_not_what_it_should_be(serve, tmp_path, members, message):
    body = packed(members) if members else b"not an archive"
    refused(tmp_path, message, body, serve(body).address)
    assert not (tmp_path / "outside.bin").exists() and not (tmp_path / "cache" / "outside.bin").exists()


def test_damaged_images_in_an_archive_are_refused(serve, original, tmp_path):
    body = packed({f"{LAYOUT}/{name}": original / name for name in FILES} | {f"{LAYOUT}/{TEST[0]}": b"short"})
    refused(tmp_path, "test_batch.bin has 5 bytes", body, serve(body).address)


def test_a_disk_that_fills_up_leaves_nothing(serve, archive, tmp_path, monkeypatch):
    def full(source, copy):
        copy.write(source.read(1000))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    refused(tmp_path, "cannot store the images at .*: No space left on device", archive, serve(archive).address)


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / LAYOUT).mkdir()
    (tmp_path / LAYOUT / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and lacks some of the six files"):
        fetch(tmp_path / LAYOUT, None)
    assert (tmp_path / LAYOUT / "mine.txt").read_text() == "mine"


def test_the_command_line(folder, tmp_path, monkeypatch, capsys):
    assert main(["fetch", "cifar10", "--data-dir", str(tmp_path)]) == 0
    assert "readable images, but not the official archive" in capsys.readouterr().out
    monkeypatch.setattr(cifar10_fetch.fetch, "__defaults__", (("http://127.0.0.1:9/",), "0" * 64, 0, False))
    assert main(["fetch", "cifar10", "--data-dir", str(tmp_path / "new")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot download cifar-10-binary.tar.gz") and error.count("\n") == 1


@pytest.mark.parametrize("words", [["sweep", "cifar10"], ["run", "cifar10"]])
def test_a_named_folder_without_the_images_is_refused_not_replaced_by_patches(words, tmp_path, capsys):
    assert main([*words, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / LAYOUT / 'data_batch_1.bin'} is missing; python -m ts_core fetch")


TINY = dict(images=200, validation_images=40, test_images=60, width=4, prune=(0.0, 0.25), seeds=1, batch_size=20,
            teacher_epochs=1, tuning_epochs=1, student_epochs=2, teacher_rate=0.01, student_rate=0.01)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Tables of a tiny run on patches."""
    folder = tmp_path_factory.mktemp("cells")
    spec = scales.Cifar10(**TINY, dataset="patches")
    teacher, students = spec.stages(folder)
    tables, _ = run_cells(cifar10_teacher.run, teacher, folder, progress=False)
    return spec, folder, tables | run_cells(cifar10_students.run, students, folder, progress=False)[0]


def test_patches_come_from_places_of_their_own_and_are_always_the_same():
    images = patches.patches(200, 100)
    assert np.bincount(images.train.labels).tolist() == [20] * 10 and np.bincount(images.test.labels).tolist() == [10] * 10
    photograph = patches._photograph("chelsea")
    edge = round(patches.TRAIN_SHARE * photograph.shape[1])
    for split, part in ((images.train, photograph[:, :edge]), (images.test, photograph[:, edge:])):
        one = split.images[split.labels == 1][0].transpose(1, 2, 0)
        corners = np.argwhere((part[:-31, :-31] == one[0, 0]).all(-1))
        assert any((part[i:i + 32, j:j + 32] == one).all() for i, j in corners)
    assert patches.fingerprint(images) == patches.fingerprint(patches.patches(200, 100))
    assert cifar10_teacher.read("patches")[1] == "3b726542be4c3a54"  # what the stored chapter ran on


def test_tables_of_a_run(tiny):
    spec, _, tables = tiny
    runs, units, channels = (tables[name] for name in ("runs", "units", "channels"))
    assert len(runs) == 2 * 3 and set(runs.status) == {"ok"} and runs.groupby("over_realization").selected.sum().tolist() == [1, 1]
    assert cifar10_chapter.widths(channels).to_dict("list") == {"before": [4, 4], "after": [4, 3]}
    assert units.groupby(["over_realization", "epoch", "layer"]).size().unstack().to_numpy().tolist() == [[4, 3]] * 6
    assert units.best_correlation.between(-1, 1).all() and runs.train_loss.isna().sum() == 2
    assert len(tables["filters"]) == 2 * 2 * 4 * 27
    shown = cifar10_chapter.first_filters(tables)
    assert shown.groupby("label").size().to_dict() == {"teacher": 108, "student, before": 108, "student, after": 108}
    assert cifar10_chapter.what_ran(tables["images"]).startswith("NOT CIFAR-10")


def test_the_teacher_is_found_and_otherwise_trained_again_to_the_same_weights(tiny):
    spec, folder, tables = tiny
    cell = spec.stages(folder)[1][0]
    found, again = (cifar10_students.taught(c) for c in (cell, cell.model_copy(update=dict(cells=""))))
    for (name, a), b in zip(found.state_dict().items(), again.state_dict().values()):
        assert torch.equal(a, b), name
    assert store.run_id(cifar10_students.run, cell) == store.run_id(cifar10_students.run, cell.model_copy(update=dict(cells="x")))


def test_a_student_alone_equals_the_same_student_among_others(tiny):
    spec, folder, tables = tiny
    cell = spec.stages(folder)[1][-1]
    alone = cifar10_students.run(cell)["runs"]
    among = tables["runs"].query("over_realization == @cell.over_realization").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among)


def test_outputs_of_the_teacher_have_spread_one_and_the_same_decisions(tiny):
    spec, folder, tables = tiny
    cell = spec.stages(folder)[0][0]
    (pixels, _), _, test = cifar10_teacher.splits(cell)
    teacher = cifar10_teacher.from_table(tables["weights"], cell)
    x = cifar10_teacher.inputs(pixels, torch.float64)
    assert teacher(x)[1].var(0, correction=0).mean() == pytest.approx(1)
    reported = cifar10_chapter.teacher_accuracy(tables["epochs"])
    assert cifar10_teacher.accuracy(teacher, test, torch.float64) == pytest.approx(reported)


def test_validation_selects_and_the_test_split_is_reported_for_that_epoch():
    runs = pd.DataFrame({
        "seed": 1, "over_realization": 1.0, "epoch": [0, 1, 2], "validation_accuracy": [0.1, 0.6, 0.5],
        "test_accuracy": [0.1, 0.4, 0.7], "test_agreement": 0.5, "selected": [False, True, False],
    })
    units = pd.DataFrame({"seed": 1, "over_realization": 1.0, "epoch": [0, 0, 2, 2], "layer": 1, "best_correlation": [0.0, 0.2, 0.8, 1.0]})
    epochs = pd.DataFrame({"phase": ["training", "tuning", "tuning"], "selected": [True, False, True], "test_accuracy": [0.9, 0.1, 0.5]})
    row = cifar10_chapter.outcomes(dict(runs=runs, units=units, epochs=epochs)).iloc[0]
    assert row.test_accuracy == 0.4 and row.gap == pytest.approx(0.1) and row.selection == pytest.approx(0.3)
    assert row.mean_best_correlation == pytest.approx(0.9)
    assert cifar10_chapter.teacher_accuracy(epochs, "training") == 0.9


def made_up(gain: float) -> dict:
    """Tables in which 2x correlates ``gain`` more than 1x in both layers and is as much more accurate, three seeds."""
    keys = [dict(seed=s, over_realization=r) for s in (1, 2, 3) for r in (1.0, 2.0)]
    size = lambda k: (k["over_realization"] - 1) * gain + 0.001 * k["seed"]  # noqa: E731
    runs = pd.DataFrame([dict(k, test_accuracy=0.7 + size(k), test_agreement=0.9, selected=True) for k in keys])
    units = pd.DataFrame([dict(k, epoch=5, layer=l, best_correlation=0.9 - 0.1 * l + size(k)) for k in keys for l in (1, 2)])
    epochs = pd.DataFrame([dict(phase="tuning", selected=True, test_accuracy=0.71)])
    return dict(runs=runs, units=units, epochs=epochs, images=pd.DataFrame([dict(dataset="cifar10")]))


def test_claims_by_hand():
    published = pd.DataFrame({
        "over_realization": [1, 1, 2, 2], "layer": [1, 2] * 2, "epoch": 100, "mean_best_correlation": [0.7, 0.5, 0.8, 0.7],
        "mean_test_accuracy": [0.85, 0.85, 0.86, 0.86], "teacher_accuracy": 0.8609,
    })
    found = {claim.id: claim for claim in cifar10_claims.claims_about(made_up(0.05), published, "laptop")}
    assert {claim.verdict for claim in found.values()} == {"holds"} and len(found) == 7
    assert found["cifar10/gain-layer-2"].value == pytest.approx(0.05) and found["cifar10/gain-layer-2"].published == pytest.approx(0.2)
    assert found["cifar10/lowest"].value == pytest.approx(0.1) and found["cifar10/lowest"].published == pytest.approx(0.15)
    assert found["cifar10/gap"].value == pytest.approx(0.71 - 0.75 - 0.002) and found["cifar10/gap"].published == pytest.approx(0.0009)
    assert found["cifar10/together"].value == 1 and found["cifar10/selection"].value == 0
    worse = {claim.id: claim.verdict for claim in cifar10_claims.claims_about(made_up(-0.05), published, "laptop")}
    assert worse["cifar10/gain-layer-1"] == worse["cifar10/accuracy-gain"] == worse["cifar10/gap"] == "fails"
    broken = made_up(0.05)
    broken["units"].loc[0, "best_correlation"] = np.nan
    found = {claim.id: claim.verdict for claim in cifar10_claims.claims_about(broken, published, "laptop")}
    assert found["cifar10/gain-layer-1"] == found["cifar10/together"] == "undecided"


@pytest.mark.parametrize("values, message", [
    (dict(width=5, over_realizations=(1.3,)), "over_realization must be at least 1 and give a whole number"),
    (dict(batch_size=3000), "batch_size: must not exceed the 2000 training images"),
    (dict(prune=(0.1,) * 8), "prune: 8 layers leave nothing of images of 16 pixels"),
    (dict(prune=(1.0,)), "prune.0: .*less than 1"),
    (dict(dataset="cifar100"), "dataset: .*'patches'"),
])
def test_bad_settings_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        scales.Cifar10(**values)


def test_missing_and_other_images_are_refused(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("TS_CORE_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match="data_batch_1.bin is missing"):
        cifar10_chapter.Cifar10Chapter(dataset="cifar10")
    spec = scales.Cifar10(**TINY, dataset="patches")
    cell = spec.stages(tmp_path)[0][0]
    with pytest.raises(DataError, match="are not those of the run"):
        cifar10_teacher.splits(cell.model_copy(update=dict(fingerprint="0" * 16)))
    with pytest.raises(DataError, match="images: patches has 5000, asked for 6000"):
        cifar10_teacher.splits(cell.model_copy(update=dict(images=6000)))


def test_scales():
    assert settings("cifar10", "laptop").images == 50_000 and settings("cifar10", "paper").width == 64
    assert settings("cifar10", "quick") == scales.Cifar10()
    with pytest.raises(SweepError, match="fan_out has no laptop scale"):
        settings("fan_out", "laptop")
    widths = {s: scales.Student(**_cell(settings("cifar10", s), 1.0)).widths for s in ("laptop", "paper")}
    assert widths == {"laptop": (12, 8, 8, 5), "paper": (45, 32, 32, 20)}


def _cell(spec, ratio):
    return dict(teacher=spec._teacher("patches", ""), over_realization=ratio, seed=1, training=scales.Training())


@pytest.mark.skipif(not cifar10.present(REAL), reason="CIFAR-10 is not here; python -m ts_core fetch cifar10, or CIFAR10=folder")
def test_real_images():
    images = cifar10.read(REAL)
    assert np.bincount(images.train.labels).tolist() == [5000] * 10 and np.bincount(images.test.labels).tolist() == [1000] * 10
    means = images.train.images.mean((0, 2, 3)) / 255
    np.testing.assert_allclose(means, (0.4914, 0.4822, 0.4465), atol=2e-3)
