"""``python -m fairdunning``."""

from fairdunning.cli import main

main()
