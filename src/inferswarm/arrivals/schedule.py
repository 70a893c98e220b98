"""Arrivals by rule: a process at one per unit of time, and the rates that turn units into time."""

from inferswarm.arrivals import Arrival
from inferswarm.arrivals.process import UnitProcess
from inferswarm.arrivals.rates import ENDLESS_NS, Profile


class Schedule:
    """A process played at the rates of a profile; it ends with the profile's last stage.

    The same seed gives the same pattern at any rate, only faster or slower.
    """

    def __init__(self, process: UnitProcess, profile: Profile) -> None:
        self._process = process
        self._profile = profile
        self._units = float(profile.units)

    @property
    def ends_ns(self) -> int | None:
        """When the last stage ends; None for a steady rate."""
        ends_ns = self._profile.duration_ns
        return ends_ns if ends_ns < ENDLESS_NS else None

    def due(self, k: int) -> int | None:
        """When arrival k is due, ns from the start; None when the stages end before it."""
        position = self._process.position(k)
        return self._profile.time_of(position) if position < self._units else None

    def at(self, k: int) -> Arrival | None:
        """Arrival k; a rule gives no lengths."""
        due_ns = self.due(k)
        return None if due_ns is None else Arrival(k, due_ns)
