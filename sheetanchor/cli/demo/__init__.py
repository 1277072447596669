"""`sheetanchor demo`: kills a region's instances, then its registry, and watches DNS all along.

Every part is the real thing in a process of its own: registries, frontends, gRPC services.
The watcher is an ordinary DNS client that knows nothing of what is behind the answers.
"""
