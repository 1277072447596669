"""The edge of the registry: gRPC, SQL and probes. Adapters translate, no more."""
