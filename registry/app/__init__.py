"""The registry's use cases and loops; they talk to ports only."""
