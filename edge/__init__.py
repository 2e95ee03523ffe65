"""The edge controller of an EV charging site. Each package is a room of `docs/architecture.md`."""
