"""What the frontend decides, in pure code: no I/O, no clock, no randomness."""
