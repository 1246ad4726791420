"""Whether this process still wants requests: what a readiness probe reads."""


class Lifecycle:
    """`draining` from the first signal to stop on: new requests should go to another node."""

    def __init__(self) -> None:
        self.draining = False
