"""Measurements against the goals: `make bench`. README.md beside this file has the method."""
