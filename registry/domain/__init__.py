"""What the registry decides, in pure code: no I/O, no clock, no randomness.

Times come in as numbers: `now` is seconds of a monotonic clock, `*_ms` is Unix
time in milliseconds and serves people and records only.
"""
