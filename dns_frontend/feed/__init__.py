"""From registries to the table of answers: follow, verify, keep on disk, hand over."""
