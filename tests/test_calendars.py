"""The cited calendar of workdays agrees with two independent packages, and knows nothing past its last notice."""

from datetime import date

import chinese_calendar
import holidays
import pytest

from fairdunning import when
from fairdunning.folder import calendar, read_folder
from fairdunning.yamlfile import Problems


@pytest.fixture(scope="module")
def workdays():
    node = read_folder().calendars["cn.calendars.workdays"]
    return calendar("cn.calendars.workdays", node, Problems())


def days(first, last):
    return range(when.parse_date(first), when.parse_date(last) + 1)


@pytest.mark.parametrize("year", range(2020, 2027))
def test_each_day_of_a_year_agrees_with_chinesecalendar(workdays, year):
    """Workdays and days off of every announced year."""
    wrong = [
        when.format_date(day)
        for day in days(f"{year}-01-01", f"{year}-12-31")
        if chinese_calendar.is_workday(date.fromisoformat(when.format_date(day))) != workdays.is_workday(day)
    ]

    assert [] == wrong


@pytest.mark.parametrize("year", range(2020, 2027))
def test_each_weekday_off_agrees_with_holidays(workdays, year):
    """`holidays` knows the days off, without make-up workdays: a weekday is off in both or in neither."""
    listed = holidays.country_holidays("CN", years=year)
    wrong = [
        when.format_date(day)
        for day in days(f"{year}-01-01", f"{year}-12-31")
        if when.weekday(day) < 5 and (date.fromisoformat(when.format_date(day)) in listed) == workdays.is_workday(day)
    ]

    assert [] == wrong


def test_past_the_last_notice_nothing_is_guessed(workdays):
    """The day after the last announced year is unknown."""
    assert workdays.is_workday(when.parse_date("2026-12-31")) is not None
    assert workdays.is_workday(when.parse_date("2027-01-04")) is None
