"""The rate below which a body is given up: a byte now and then keeps a connection alive and brings nothing. Pure."""

LEAST = 1024  # bytes a second, on average over the time that an upstream may be silent


class Pace:
    """Of one body. `seconds`: how long it may stay below the floor. Only time spent waiting for the upstream counts."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waited = 0.0
        self._came = 0

    def is_kept(self, *, waited: float, came: int) -> bool:
        """Whether it goes on, after `waited` more seconds brought `came` more bytes."""
        self._waited += waited
        self._came += came
        if self._waited < self._seconds:
            return True
        is_kept = self._came >= LEAST * self._waited
        self._waited, self._came = 0.0, 0
        return is_kept
