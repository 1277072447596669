"""Sockets: UDP and TCP, their limits, and the responder between them and the table."""
