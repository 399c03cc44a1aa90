"""The download is verified, and all or nothing."""

import hashlib
import http.server
import io
import shutil
import tarfile
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from companion.__main__ import main
from companion.datasets import cifar10, download
from companion.datasets.cifar10 import LAYOUT, NAMES, TEST, TRAIN, DataError

FILES = (*TRAIN, *TEST)


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


class Server:
    """A web server on this machine that answers with given bytes; ``cut`` times it hangs up half-way."""

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
                self.wfile.write(body[: len(body) // 2] if short else body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()


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
    return packed(
        members | {f"{LAYOUT}/readme.html": b"<html>", f"{LAYOUT}/more/{TRAIN[0]}": b"not this one"}
    )


def fetch(target, body, *hosts, **options):
    checksum = options.pop("checksum", hashlib.sha256(body).hexdigest() if body else "0" * 64)
    return download.fetch(target, hosts, checksum, progress=False, **{"retries": 0, **options})


def test_a_download_is_verified_unpacked_and_kept(serve, archive, original, tmp_path):
    target, server = tmp_path / "cache" / LAYOUT, serve(archive)
    assert "now holds the official archive" in fetch(target, archive, server.address)
    assert {path.name for path in target.iterdir()} == {*FILES, NAMES, cifar10.OFFICIAL}
    assert cifar10.is_official(target) and cifar10.fingerprint(target) == cifar10.fingerprint(original)
    assert [path.name for path in target.parent.iterdir()] == [LAYOUT]
    assert "holds the official archive; nothing was downloaded" in fetch(target, archive, server.address)
    assert server.requests == 1
    checksums = (target / cifar10.OFFICIAL).read_bytes()
    replace(target / cifar10.OFFICIAL, b"\xff\xfe\x00")
    assert not cifar10.is_official(target)
    replace(target / cifar10.OFFICIAL, checksums)
    assert cifar10.is_official(target)
    replace(target / TEST[0], (original / TRAIN[0]).read_bytes())
    assert "not the official archive; nothing" in fetch(
        target, archive, server.address
    ) and not cifar10.is_official(target)
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
    refused(
        tmp_path,
        "another checksum",
        archive,
        serve(archive[:-100]).address,
        checksum=hashlib.sha256(archive).hexdigest(),
    )
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**8))
    refused(tmp_path, "no room at .*: 354 MB are needed, 100 MB are free", archive, here)


def link(name: str) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return found


@pytest.mark.parametrize(
    "members, message",
    [
        ({"../outside.bin": b"x"}, "stray path '../outside.bin'"),
        ({f"{LAYOUT}/../../outside.bin": b"x"}, "stray path"),
        ({"/outside.bin": b"x"}, "stray path '/outside.bin'"),
        ({f"{LAYOUT}/{TRAIN[0]}": link(f"{LAYOUT}/{TRAIN[0]}")}, "stray path"),
        ({f"{LAYOUT}/{TRAIN[0]}": b"x"}, "the archive lacks data_batch_2.bin, .*test_batch.bin"),
        (None, "cannot be unpacked"),
    ],
)
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
    refused(
        tmp_path, "cannot store the images at .*: No space left on device", archive, serve(archive).address
    )


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / LAYOUT).mkdir()
    (tmp_path / LAYOUT / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and lacks some of the six files"):
        fetch(tmp_path / LAYOUT, None)
    assert (tmp_path / LAYOUT / "mine.txt").read_text() == "mine"


def test_the_command_line(folder, tmp_path, monkeypatch, capsys):
    assert main(["fetch", "cifar10", "--data-dir", str(tmp_path)]) == 0
    assert "readable images, but not the official archive" in capsys.readouterr().out
    monkeypatch.setattr(download.fetch, "__defaults__", (("http://127.0.0.1:9/",), "0" * 64, 0, False))
    assert main(["fetch", "cifar10", "--data-dir", str(tmp_path / "new")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot download cifar-10-binary.tar.gz") and error.count("\n") == 1
