"""Shifts the clock of a process by SHIFT seconds, so that midnight falls into a test."""

import os
import time

_shift = float(os.environ.get("SHIFT", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 10**9)
