"""Whole systems in virtual time: the servers' own loops, on a clock that costs nothing.

A seed draws a scenario: how many of everything there is, and what befalls it when. Registry
nodes are the shipped `registry.app` (leads, reconcilers, publishers, feeds, heartbeats) on the
shipped store in memory; frontends are the shipped applier, step, guard, ledger and table of
answers. Made here, because the real ones need sockets, threads and files: the network between
them, the database's moods, a frontend's disk and ear, and owners of instances.
"""
