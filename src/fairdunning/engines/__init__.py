"""Interpreters of the same plain trees."""
