"""The plan: what a worker must know, the same after its way as bytes."""

from inferswarm.config.tree import RunConfig
from inferswarm.load.plan import Plan, digest
from inferswarm.prompts import Prompt


def plan_of(config: RunConfig) -> Plan:
    """A plan of this configuration."""
    return Plan(
        run="r", config=config.model_dump(mode="json"), prompts=[Prompt("a"), Prompt("é")], model="m", records=""
    )


def test_a_plan_survives_its_way() -> None:
    """Packed and unpacked it is equal, settings included."""
    config = RunConfig.model_validate({"load": {"users": 7, "duration": "90s"}})
    plan = plan_of(config)

    assert Plan.unpack(plan.pack()) == plan
    assert Plan.unpack(plan.pack()).settings == config


def test_each_worker_has_its_own_share_and_digest() -> None:
    """Only the share differs between workers, and the digest tells plans apart."""
    plan = plan_of(RunConfig())
    first, second = plan.for_worker(0, 2), plan.for_worker(1, 2)

    assert (first.worker, second.worker, first.workers) == (0, 1, 2)
    assert first.prompts == second.prompts
    assert digest(first.pack()) != digest(second.pack())
