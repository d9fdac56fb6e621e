"""The only SQL: ledger, reservations, records and keys in one SQLite file (one serving process)."""
