"""Files that are there whole or not at all, whatever fails while they are written; tables and documents there and back."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from matplotlib.figure import Figure

from cardiac.errors import CardiacError, DatasetError
from cardiac.files import (
    documents_file,
    json_lines,
    new_file,
    open_folder,
    png,
    read_table,
    replace_file,
    rows_file,
    write_table,
)


@contextmanager
def no_room(n_bytes: int = 2) -> Iterator[None]:
    """As on a full disk: no file grows beyond so many bytes, which the system sees to."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CardiacError, match="choose another folder"):
        open_folder(tmp_path / "file" / "out")
    assert list(open_folder(tmp_path / "new" / "out").iterdir()) == []


def test_replaced_whole_or_not_at_all(tmp_path):
    """A disk that fills up while writing leaves the old file as it was."""
    path = tmp_path / "a"
    replace_file(path, b"old")
    with no_room(), pytest.raises(CardiacError, match=r"a: cannot be written \(File too large\): make room"):
        replace_file(path, b"newer")
    assert path.read_bytes() == b"old"
    replace_file(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_to_write_into(tmp_path):
    with pytest.raises(CardiacError, match="No such file or directory"):
        replace_file(tmp_path / "gone/a", b"content")


def test_a_file_is_not_there_before_it_is_whole(tmp_path):
    path = tmp_path / "a"
    with new_file(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"
    with pytest.raises(KeyError), new_file(path) as file:
        file.write(b"other")
        raise KeyError
    assert path.read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "documents", [[], [{"record": "a"}], [{"record": "ä", "sites": ["x", {"y": 1}]}, {"b": None}, {}]]
)
def test_documents_are_an_array(documents, tmp_path):
    with documents_file(tmp_path / "a.json") as write:
        for document in documents:
            write(document)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == documents
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_name_that_is_not_utf8_is_written_with_a_mark(tmp_path):
    with documents_file(tmp_path / "a.json") as write:
        write({"record": "a\udcff"})
    assert json.loads((tmp_path / "a.json").read_bytes()) == [{"record": "a?"}]


def test_documents_on_a_full_disk_are_an_error_at_the_end(tmp_path):
    """Whoever writes them goes on: what else comes of them is not lost."""
    path = tmp_path / "a.json"
    path.write_bytes(b"[]")
    n_written = 0
    with pytest.raises(CardiacError, match="make room"), documents_file(path) as write, no_room(10):
        for _ in range(3):
            write({"record": "x" * 20_000})
            n_written += 1
    assert n_written == 3
    assert path.read_bytes() == b"[]"
    assert list(tmp_path.iterdir()) == [path]


def test_rows_one_by_one(tmp_path):
    """What stands for nothing, for a line's end and for a name that is not UTF-8."""
    with rows_file(tmp_path / "a.csv", ["record", "x", "why"]) as write:
        write({"why": "a, b\nc", "record": "a\udcff", "x": 1.5})
        write({"record": "b", "x": None, "why": None})
        assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.csv").read_bytes() == b'record,x,why\na?,1.5,"a, b\nc"\nb,,\n'
    with pytest.raises(KeyError), rows_file(tmp_path / "a.csv", ["record", "x"]) as write:
        write({"record": "c"})
    assert (tmp_path / "a.csv").read_bytes().startswith(b"record,x,why")


def test_rows_on_a_full_disk_are_an_error_at_the_end(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"old")
    n_written = 0
    with pytest.raises(CardiacError, match="make room"), rows_file(tmp_path / "a.csv", ["x"]) as write, no_room(10):
        for _ in range(3):
            write({"x": "x" * 20_000})
            n_written += 1
    assert n_written == 3
    assert (tmp_path / "a.csv").read_bytes() == b"old"


def test_a_table_there_and_back(tmp_path):
    path = tmp_path / "a.csv"
    write_table({"record_id": ["b", "007"], "fold": [1, 0], "p": [0.123456, 1.0]}, path, "%.3f")
    assert path.read_text(encoding="utf-8") == "record_id,fold,p\n007,0,1.000\nb,1,0.123\n"
    table = read_table(path, ["record_id", "fold"], text=["record_id"])
    assert table.to_dict("list") == {"record_id": ["007", "b"], "fold": [0, 1], "p": [1.0, 0.123]}


def test_words_for_no_value_may_be_names(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffrecord_id,x\nNA,1\nnull,2\n", encoding="utf-8")
    table = read_table(tmp_path / "a.csv", ["record_id"], text=["record_id"], blanks=False)
    assert list(table["record_id"]) == ["NA", "null"]
    with pytest.raises(DatasetError, match="row 2 names no record"):
        read_table(tmp_path / "a.csv", ["record_id"], text=["record_id"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("record_id\na\n", "a.csv: column 'fold' is missing: the table needs record_id, fold"),
        ("record_id,fold\na,1,2\n", "a row is longer than the head"),
        ("record_id,fold\na,1\n,2\n", "a.csv: row 3 names no record"),
        ("record_id,fold\na,1\na,2\n", "record 'a' is listed twice"),
        ("", "cannot be read as a CSV table"),
        (b"\xff\xfe\x00", "cannot be read as a CSV table"),
    ],
)
def test_tables_that_are_refused(content, sentence, tmp_path):
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DatasetError, match=sentence):
        read_table(tmp_path / "a.csv", ["record_id", "fold"], text=["record_id"])


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"a.csv: cannot be read as a CSV table \(.*No such file"):
        read_table(tmp_path / "a.csv", ["record_id"])


def test_rows_that_end_in_a_comma_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("record_id,fold\na,1,\nb,2,\n", encoding="utf-8")
    assert read_table(tmp_path / "a.csv", ["fold"]).to_dict("list") == {"record_id": ["a", "b"], "fold": [1, 2]}


def test_the_same_figure_is_the_same_picture():
    def drawn(height: float) -> bytes:
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([0, height])
        return png(figure)

    assert drawn(1.0).startswith(b"\x89PNG")
    assert drawn(1.0) == drawn(1.0) != drawn(2.0)


@pytest.mark.parametrize(
    "value", [{}, [], {"a": []}, {"a": {"b": [1, None, "ü\n"], "c": {"d": 0.1}}, "e": [{"f": True}, [2]], "g": -3}]
)
@pytest.mark.parametrize("indent", [0, 1])
def test_json_lines_are_the_same_data(value, indent):
    text = json_lines(value, indent)
    assert json.loads(text) == value
    assert all(line.startswith(" " * indent) for line in text.splitlines()[1:])


def test_what_holds_no_object_or_list_is_one_line():
    assert json_lines({"a": {"b": 1, "c": [2, 3]}, "d": []}).splitlines() == [
        "{", ' "a": {', '  "b": 1,', '  "c": [2, 3]', " },", ' "d": []', "}",
    ]  # fmt: skip
