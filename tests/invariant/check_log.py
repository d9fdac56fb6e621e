"""The invariant, checked from the exported log and from what the diallers wrote: standard library only, nothing of the product.

`check_log.py RECORDS MADE...`: contacts made inside the window of an allowed reservation never exceed a cap. Three a person and day of
Shanghai; four a number in two minutes, an instant having the second it lies in. A reservation without a word since may have been made
at any instant of its window, and counts wherever it may.
"""

import json
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone

CAP_DAY, CAP_NUMBER, SPAN = 3, 4, 120
SHANGHAI = timezone(timedelta(hours=8))


def second(text):
    return int(datetime.fromisoformat(text).timestamp() // 1)


def day(at):
    return datetime.fromtimestamp(at, SHANGHAI).date()


def too_many(contacts):
    """Contacts as (person, number, first second, last second): where a cap is exceeded."""
    days, numbers, found = Counter(), defaultdict(list), []
    for person, number, first, last in contacts:
        days.update({(person, day(at)) for at in (first, last)})
        numbers[number].append((first, last))
    found += [f"person {who} on {when}: {count}" for (who, when), count in days.items() if count > CAP_DAY]
    for number, spans in numbers.items():
        for moment in {at for span in spans for at in span}:
            count = sum(first <= moment and last > moment - SPAN for first, last in spans)
            if count > CAP_NUMBER:
                found.append(f"number {number} at {moment}: {count}")
    return found


def closed(at):
    """The ten seconds of the day in which nothing may begin."""
    return datetime.fromtimestamp(at, SHANGHAI).strftime("%H:%M:%S") in {f"23:59:{s}" for s in range(20, 30)}


def main(records, made):
    held, fate, tally, wrong = {}, {}, Counter(), []
    with open(records) as file:
        for line in file:
            record = json.loads(line)
            body = json.loads(record["body"])
            if record["kind"] == "verdict":
                tally["verdicts"] += 1
                causes = {f["constraint"] for f in body["verdict"]["findings"]}
                tally["refused at a cap"] += body["verdict"]["outcome"] == "block" and bool(causes & {"house.caps.a-day", "house.caps.a-number"})
                tally["refused as closed"] += causes == {"house.caps.hours"}
                if body["reservation"]:
                    action = body["case"]["action"]
                    held[body["reservation"]] = (action["person"], action["address"], *body["window"])
            elif record["kind"] in {"committed", "cancelled"}:
                tally["doubled commits"] += record["kind"] == "committed" and not body["new"]
                tally["late commits"] += record["kind"] == "committed" and body["new"] and body["late"]
                tally["commits"] += record["kind"] == "committed"
                if body["new"]:
                    fate[body["reservation"]] = record["kind"], body["at"]
    contacts = []
    for number, (person, address, first, last) in held.items():
        state, at = fate.get(number, ("unresolved", None))
        tally[state] += number not in fate
        if state == "committed" and not datetime.fromisoformat(first) <= datetime.fromisoformat(at) <= datetime.fromisoformat(last):
            tally["committed outside"] += 1
        elif state == "committed":
            contacts.append((person, address, second(at), second(at)))
        elif state == "unresolved":
            contacts.append((person, address, second(first), second(last)))
    wrong += ["log: " + text for text in too_many(contacts)]
    wrong += [f"closed: {c}" for c in contacts if closed(c[2]) or closed(c[3])]
    days = {day(c[2]) for c in contacts}
    tally["held"], tally["days"] = len(held), len(days)
    really, promised = [], set()
    for path in made:
        with open(path) as file:
            for line in file:
                entry = json.loads(line)
                if "promised" in entry:
                    promised.add(entry["promised"])
                    continue
                if entry["reservation"] not in held:
                    wrong.append(f"answered and not recorded: {entry['reservation']}")
                if entry["inside"]:
                    really.append((f"P{entry['person']}", f"N{entry['number']}", second(entry["at"]), second(entry["at"])))
    wrong += ["made: " + text for text in too_many(really)]
    wrong += [f"promised and not recorded: {number}" for number in promised if fate.get(number, ("",))[0] != "committed"]
    tally["made inside"], tally["promised"] = len(really), len(promised)
    print(json.dumps({"tally": tally, "wrong": wrong[:20]}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
