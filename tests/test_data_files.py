"""Reading data files, and keeping what was made of them."""

import pytest

from course_lib.data import DataError, files, packages


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(packages, "OWN_FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def squares(own):
    """A cached loader, and the list of the calls that it made."""
    calls = []

    @files.cached
    def _squares(name):
        calls.append(name)
        return {"名": [[1, "é"], [4, name]]}

    return _squares, calls


def test_what_is_made_once_is_read_the_second_time(squares, own):
    load, calls = squares
    assert load("a") == load("a") == {"名": [[1, "é"], [4, "a"]]}
    assert load("b")["名"][1] == [4, "b"] and calls == ["a", "b"]
    assert sorted(file.name.split(".")[0] for file in (own / "cache").iterdir()) == ["squares-a", "squares-b"]


def test_a_class_can_read_what_is_kept(squares, own):
    squares[0]("a")
    assert next((own / "cache").iterdir()).stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize("damage", [lambda raw: raw[:-5], lambda raw: raw.replace(b"4", b"5"), lambda raw: b""])
def test_a_damaged_file_is_made_again(squares, own, damage):
    load, calls = squares
    whole = load("a")
    file = next((own / "cache").iterdir())
    file.write_bytes(damage(file.read_bytes()))
    assert load("a") == whole and calls == ["a", "a"]
    assert load("a") == whole and calls == ["a", "a"]


def test_new_pins_make_it_anew_and_drop_the_old(squares, own, tmp_path, monkeypatch):
    load, calls = squares
    load("a")
    (tmp_path / "pins").write_text("# other pins\n", encoding="utf-8")
    monkeypatch.setattr(packages, "PINS", tmp_path / "pins")
    load("a")
    assert calls == ["a", "a"] and len(list((own / "cache").iterdir())) == 1


def test_where_nothing_can_be_kept_it_still_loads(squares, own, monkeypatch):
    (own / "no folder").write_text("a file stands in the way", encoding="utf-8")
    monkeypatch.setattr(packages, "OWN_FOLDER", own / "no folder")
    load, calls = squares
    assert load("a") == load("a") and calls == ["a", "a"]


def test_a_shared_folder_may_bring_it_along(squares, own, monkeypatch):
    load, calls = squares
    load("a")
    monkeypatch.setenv("COURSE_DATA", str(own))
    monkeypatch.setattr(packages, "OWN_FOLDER", own / "elsewhere")
    assert load("a") and calls == ["a"]


def test_text_in_another_encoding_is_named_with_its_line(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes("one\r\ntwo\r\nthr\u00e9e\r\n".encode("latin-1"))
    assert files.read_text(file, "latin-1") == "one\ntwo\nthrée\n"
    with pytest.raises(DataError, match=r"text.txt, line 3: not utf-8 \(invalid continuation byte\)"):
        files.read_text(file)


def test_a_changed_file_of_an_installed_package_is_named(monkeypatch):
    assert files.installed_file("gensim", "gensim/test/test_data/wordsim353.tsv").is_file()
    with pytest.raises(
        DataError, match=r"nothing.tsv is missing: run `python -m pip install --force-reinstall --no-deps"
    ):
        files.installed_file("gensim", "gensim/test/test_data/nothing.tsv")


def test_the_pins_are_read_whole():
    rows = packages.PINS.read_text(encoding="utf-8").splitlines()
    assert len(packages.packages()) == len([row for row in rows if row and not row.startswith("#")])
    assert all(package.size_mb > 0 and package.holds for package in packages.status())


def test_a_library_apart_from_its_course_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "PINS", tmp_path / "requirements.txt")
    with pytest.raises(DataError, match=r"install the course from its own folder with `pip install -e \.`"):
        packages.packages()
