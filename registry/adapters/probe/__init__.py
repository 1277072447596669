"""Ways to try whether an endpoint serves: the real one, and a scripted one for tests."""
