"""The document's table of what one machine holds is what the benchmark kept."""

import json

import pytest

pytest.importorskip("psutil", reason="requirements-stream.txt is not installed")
pytest.importorskip("confluent_kafka", reason="requirements-stream.txt is not installed")

from benchmarks import stream


def test_the_table_in_the_document_is_what_was_measured(root):
    kept = json.loads(stream.RESULTS.read_text(encoding="utf-8"))
    runs = [stream.Run(**each) for each in kept["runs"]]
    document = (root / "docs/stream.md").read_text(encoding="utf-8")
    table = "\n".join([stream.HEAD, *map(stream.format_run, runs)])
    assert table in document
    assert any(run.held and run.patients >= 200 and run.seconds >= 300 for run in runs)
    assert any(not run.held for run in runs)  # where it saturates
    assert not stream.Run(**kept["runs"][0] | {"last_line": "5 findings, 1 lost, 0 double"}).held


@pytest.mark.parametrize("text", ["200x1", "axbxc", ""])
def test_a_run_that_is_none_is_refused(text):
    with pytest.raises(SystemExit):
        stream.main(["--runs", text])
