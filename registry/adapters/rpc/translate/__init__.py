"""Protobuf to domain and back, one noun a module. Nothing here decides or waits."""
