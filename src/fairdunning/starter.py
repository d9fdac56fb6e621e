"""What `init` writes: a profile, one constraint of the house, and its cases."""

PROFILE = """title: {en: Our house rules, zh: 本机构配置}
use: ["cn.*", "house.*"]
"""
HOUSE = """# House rules of our own: stricter than the law, never looser.
zone: Asia/Shanghai
clock: authority
sources:
  board: {title: {en: Decision of the board, zh: 董事会决定}, body: our board, from: 2026-01-01}
constraints:
  calls:
    rule: contact/too-many-conversations
    force: guidance
    confidence: text
    checked_on: 2026-01-01
    values:
      2026-01-01: {cap: 2, cite: "board decision 1"}
"""
CASES = """given:
  action: {id: A1, kind: call, at: "2026-11-23T10:00:00+08:00", person: P1, address: N1, debts: [D1], purpose: demand}
  persons: [{id: P1, roles: [debtor]}]
  debts: [{id: D1, kind: online_consumer_loan, due: 2026-10-05}]
  history: {complete_since: 2026-01-01}
cases:
  - name: second conversation was the last
    constraint: calls
    given:
      events:
        - {id: E1, kind: call, at: "2026-11-23T08:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
        - {id: E2, kind: call, at: "2026-11-23T09:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
    expect: wrong
  - name: one conversation so far
    constraint: calls
    given:
      events:
        - {id: E1, kind: call, at: "2026-11-23T08:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
    expect: silent
  - name: the record does not say
    constraint: calls
    given: {events: [], history: {complete_since: null}}
    expect: undecided
  - name: the day before it begins
    constraint: calls
    given: {action: {at: "2025-12-31T10:00:00+08:00"}, history: {complete_since: 2025-01-01}}
    expect: not_in_force
"""
