"""fairdunning: asks of a planned debt-collection action whether it is lawful, before it happens."""

__version__ = "0.1.0"
