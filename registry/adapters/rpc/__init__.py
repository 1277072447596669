"""gRPC: translates requests to use cases and their results to responses, no more."""
