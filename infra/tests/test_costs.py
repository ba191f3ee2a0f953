"""The page of costs is current, every class in the templates has a price, and the budgets hold it."""

from __future__ import annotations

import pytest

from infra import environment as environments
from infra.costs import __main__ as costs
from infra.costs.estimate import Line, estimate


def total(environment: str) -> float:
    return sum(line.dollars for line in estimate(environment, costs.resources_of(environment)))


def test_the_page_is_current() -> None:
    assert costs.PAGE.read_text() == costs.page(), "run `make infra-costs`"


@pytest.mark.parametrize("environment", environments.names())
def test_the_budget_holds_the_estimate_and_not_much_more(environment: str) -> None:
    budget = environments.load(environment).settings["operations"]["monthly_budget_usd"]

    assert 0.6 * budget < total(environment) < budget


def test_dev_costs_a_small_part_of_production() -> None:
    assert total("dev") < 0.3 * total("prod")


def test_the_clusters_cost_what_kops_makes_of_them() -> None:
    """Two zones, six clusters: a control plane each, and a node in each zone."""
    lines = {line.what: line for line in estimate("dev", [])}

    assert lines["control planes, t3.medium"].count == 6
    assert lines["nodes, t3.large"].count == 12
    assert lines["gigabytes of volumes"].count == 18 * 40 + 6 * 40


def test_sums_are_counts_times_prices() -> None:
    database = {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.t4g.micro", "MultiAZ": True}}
    database["Properties"]["AllocatedStorage"] = "20"  # type: ignore[index]
    lines = {line.what: line for line in estimate("dev", [database, database])}

    assert lines["MySQL instances, in each zone"] == Line("data", "MySQL instances, in each zone", 4, 0.019 * 730)
    assert lines["gigabytes of MySQL, in each zone"].count == 80


def test_an_alarm_costs_what_each_of_its_metrics_costs() -> None:
    one = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "CPUUtilization"}}
    parts = [{"Expression": "a / b"}, {"MetricStat": {"Stat": "Sum"}}, {"MetricStat": {"Stat": "Sum"}}]
    ratio = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": parts}}
    lines = {line.what: line for line in estimate("dev", [one, ratio])}

    assert lines["metrics of alarms"].count == 3
