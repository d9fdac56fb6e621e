"""The shipped law does what its cases say."""

from fairdunning import workflow


def test_every_shipped_case_passes():
    """Each case beside a policy gives what it expects, and each constraint is proved in all four ways."""
    report = workflow.run_cases("cn-consumer-finance-company")

    assert [] == [str(f) for f in report.failures]
    assert report.ran >= 34
    assert all(set(workflow.EXPECTATIONS) == proved for proved in report.proved.values())
