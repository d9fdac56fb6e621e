"""One dialler of the invariant test: its own process, its own clock, standard library only.

It writes a line for each contact that it really makes, before it tells the server, and what it saw of the server.
"""

import http.client
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime


class Lost(Exception):
    """The server did not come back."""


class Line:
    """One connection, made anew when a server dies; the idempotency key makes a retry safe."""

    def __init__(self, ports, key, tally):
        self.ports, self.key, self.tally, self.connection, self.turn = ports, key, tally, None, 0

    def post(self, path, body, idempotency=""):
        """The status and the answer; asks again until a server is back."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}", "idempotency-key": idempotency}
        for _ in range(3000):
            sent = False
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.ports[self.turn % len(self.ports)], timeout=30)
                    self.connection.connect()
                self.connection.request("POST", path, json.dumps(body), headers)
                sent = True
                answer = self.connection.getresponse()
                found = json.loads(answer.read())
                if answer.status not in {429, 500, 503}:
                    return answer.status, found
                self.tally[f"asked again after {answer.status}"] += 1
            except (OSError, http.client.HTTPException, ValueError):
                self.tally["killed requests"] += sent
                self.connection, self.turn = None, self.turn + 1
            time.sleep(0.05)
        raise Lost


class Caller:
    """Reserves, makes contacts, and commits in time, late, twice, wrongly or never."""

    def __init__(self, ports, key, number, requests, debtors, numbers, shift, folder, midnight):
        self.rng, self.tally = random.Random(number), Counter()
        self.line, self.number, self.left = Line(ports, key, self.tally), number, requests
        self.midnight, self.kept = midnight, requests // 3
        self.debtors, self.numbers = debtors, numbers
        self.shift = shift + self.rng.uniform(-2, 2)
        self.log = open(f"{folder}/made-{number}.jsonl", "w")  # noqa: SIM115 - open as long as the process
        self.later = []

    def now(self):
        """This dialler's clock."""
        return time.time() + self.shift

    def run(self):
        """Until every request was made, late commits included; a third is kept for after midnight, however fast the servers are."""
        turn = 0
        while self.left > 0:
            if self.left <= self.kept and time.time() < self.midnight:
                time.sleep(0.1)
            else:
                self.one(turn)
                turn += 1
            while self.later and self.later[0][0] < time.time():
                self.settle(*self.later.pop(0)[1:])
        for due, *rest in self.later:
            time.sleep(max(0.0, due - time.time()))
            self.settle(*rest)
        self.log.close()

    def one(self, turn):
        """One action: half of them among a tenth of the debtors, so that caps are reached."""
        rng = self.rng
        who = rng.randrange(self.debtors if rng.random() < 0.5 else self.debtors // 10)
        first = self.now() + rng.uniform(-0.2, 1.5)
        last = first + rng.uniform(0.05, 0.5)
        window = {"not_before": written(first), "not_after": written(last)}
        status, found = self.post("/v1/checks", {"case": case(who, who % self.numbers, f"{self.number}-{turn}", first), "reserve": window},
                                  f"{self.number}-{turn}")
        self.tally[f"{status} {found.get('outcome')} {found.get('cause')}"] += 1
        if not found.get("reservation"):
            return
        began = rng.uniform(first, last)
        fate = rng.random()
        if fate < 0.05:
            self.post(f"/v1/reservations/{found['reservation']}:cancel", {})
            return
        if fate < 0.10:
            began = last + rng.uniform(0.1, 3.0)  # made outside its window, and said so
        self.log.write(json.dumps({"reservation": found["reservation"], "person": who, "number": who % self.numbers, "at": written(began),
                                   "inside": fate >= 0.10}) + "\n")
        self.log.flush()
        if fate < 0.25:
            self.tally["left unresolved"] += 1
        elif fate < 0.35:
            self.later.append((time.time() + 64, found["reservation"], began))
        else:
            self.settle(found["reservation"], began)
            if fate < 0.45:
                self.settle(found["reservation"], began)

    def settle(self, reservation, began):
        """Commits, and keeps what the server promised."""
        status, found = self.post(f"/v1/reservations/{reservation}:commit", {"at": written(began)})
        self.tally[f"commit {status}"] += 1
        if status == 200:
            self.log.write(json.dumps({"promised": found["id"]}) + "\n")
            self.log.flush()

    def post(self, path, body, idempotency=""):
        """One request of the count."""
        self.left -= 1
        return self.line.post(path, body, idempotency)


def written(at):
    """An instant with microseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def case(who, number, action, at):
    """A call to a person at a number."""
    return {"action": {"id": action, "kind": "call", "at": written(at), "person": f"P{who}", "address": f"N{number}", "debts": [f"D{who}"]},
            "debtor": {"id": f"C{who}"}, "persons": [{"id": f"P{who}", "roles": ["debtor"]}], "debts": [{"id": f"D{who}"}],
            "history": {"complete_since": "2026-01-01"}}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    caller = Caller(**given)
    caller.run()
    with open(f"{given['folder']}/tally-{given['number']}.json", "w") as file:
        json.dump(caller.tally, file)
