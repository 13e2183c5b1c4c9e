"""The plan for very many records: the simulation against what can be reckoned, and its page against the command."""

import inspect
import json
import re

import pytest

pytest.importorskip("ray", reason="requirements-scale.txt is not installed")

from benchmarks import scale as bench
from scale import batch, plan, shards


def test_without_failures_and_spread_it_is_a_division():
    forecast = plan.simulate(
        plan.Plan(
            records=64_000, shard_size=1_000, machines=4, cores=4, rate=10, spread=0, between_failures_h=1e9, start_s=0
        )
    )
    assert forecast.hours == pytest.approx(64_000 / 10 / 16 / 3_600)
    assert (forecast.failures, forecast.lost) == (0, 0)
    assert forecast.idle == pytest.approx(0, abs=1e-9)


def test_failures_cost_the_parts_that_were_begun():
    steady = plan.Plan(records=2_000_000, shard_size=1_000, machines=4, cores=4, rate=10, between_failures_h=1e9)
    failing = plan.Plan(records=2_000_000, shard_size=1_000, machines=4, cores=4, rate=10, between_failures_h=1.0)
    before, after = plan.simulate(steady), plan.simulate(failing)
    assert after.failures > 3
    assert 1 <= after.lost <= 4 * (after.failures + 4)
    assert after.hours > before.hours
    assert after.idle > before.idle


def test_larger_parts_leave_a_longer_end():
    usual = {"records": 1_000_000, "machines": 4, "cores": 4, "rate": 10.0, "between_failures_h": 1e9, "start_s": 0.0}
    assert (
        plan.simulate(plan.Plan(shard_size=50_000, **usual)).hours
        > plan.simulate(plan.Plan(shard_size=500, **usual)).hours
    )


def test_the_page_is_what_the_commands_print(root, capsys):
    page = (root / "docs/scale.md").read_text(encoding="utf-8")
    assert plan.main([]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and line != "| | |"]
    assert len(table) == 12
    assert [line for line in table if line not in page] == []
    kept = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    rates = bench.format_rates([bench.Rate(**each) for each in kept["rates"]])
    costs = [bench.Cost(**kept["overhead"][which]) for which in ("without", "with_ray")]
    for line in [*rates, *bench.format_overhead(*costs), *bench.format_feed(bench.Feed(**kept["feed"]))]:
        assert line in page
    assert costs[1].processor_ms < 1.2 * costs[0].processor_ms


def test_the_part_size_is_one_and_the_page_states_it(root):
    """That of a run, of the plan, and of the page, which also says how many files it makes."""
    page = (root / "docs/scale.md").read_text(encoding="utf-8")
    usual = plan.Plan()
    assert batch.PART_SIZE == usual.shard_size == shards.PART_SIZE
    stated = re.findall(r"[Pp]arts of ([\d,]+)", page)
    assert stated and {int(each.replace(",", "")) for each in stated} == {shards.PART_SIZE}
    assert f"make {usual.records // shards.PART_SIZE:,} files" in page
    assert inspect.signature(batch.read_many).parameters["part_size"].default == shards.PART_SIZE


def test_overhead_is_told_of_a_records_own_time():
    rounds = [bench.Cost(9.0, 5.0), bench.Cost(8.0, 6.0)]
    without, with_ray = bench.least(rounds), bench.Cost(9.0, 5.5)
    assert without == bench.Cost(8.0, 5.0)
    assert bench.format_overhead(without, with_ray)[2] == "| overhead of Ray a record | 1.00 (12 %) | 0.50 (10 %) |"


@pytest.mark.parametrize("arguments", [["--rate", "-1"], ["--machines", "0"], ["--part-size", "1", "--records", "1e8"]])
def test_wrong_numbers(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        plan.main(arguments)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
