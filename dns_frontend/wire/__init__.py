"""Octets: strict parsing of requests, and answers compiled before they are asked for."""
