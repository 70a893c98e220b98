"""Facts about what is said to be set differently."""

from inferswarm.compare.differences import UNSET, settings
from inferswarm.compare.values import Setting

CONFIG = {"target": {"url": "http://a", "model": "m"}, "load": {"users": 8}, "output": {"out": "x"}}
RUN = {"id": "1", "started": "now", "inferswarm_version": "1", "simulated": False, "users": 8}


def test_only_what_differs_is_listed_in_the_order_of_the_configuration() -> None:
    """Options first, facts of the run after them, one value for each run."""
    other = {**CONFIG, "target": {"url": "http://b", "model": "m"}, "load": {"users": 16}}
    assert settings([CONFIG, other], [RUN, {**RUN, "inferswarm_version": "2"}]) == [
        Setting("target.url", ["http://a", "http://b"]),
        Setting("load.users", ["8", "16"]),
        Setting("run: inferswarm_version", ["1", "2"]),
    ]


def test_ids_times_and_places_of_results_are_not() -> None:
    """Nor what `run.json` only says again."""
    again = {**RUN, "id": "2", "started": "later", "ended": "then", "attempted": 7, "users": 9}
    assert settings([CONFIG, {**CONFIG, "output": {"out": "y"}}], [RUN, again]) == []


def test_the_port_of_a_simulator_is_no_difference() -> None:
    """Only where every run was of one."""
    other = {**CONFIG, "target": {"url": "http://b", "model": "m"}}
    simulated = {**RUN, "simulated": True}
    assert settings([CONFIG, other], [simulated, simulated]) == []
    keys = [one.key for one in settings([CONFIG, other], [RUN, simulated])]
    assert keys == ["target.url", "run: simulated"]


def test_what_one_run_does_not_have_is_said_so() -> None:
    """Also nested values, lists and several runs."""
    runs = [RUN, {**RUN, "machine": {"cpu": "x"}}, {**RUN, "notes": ["a"]}]
    assert settings([CONFIG] * 3, runs) == [
        Setting("run: machine.cpu", [UNSET, "x", UNSET]),
        Setting("run: notes", [UNSET, UNSET, '["a"]']),
    ]
