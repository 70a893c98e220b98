"""The plan: what a worker must know, the same after its way as bytes."""

import msgspec

from inferswarm.config.tree import RunConfig
from inferswarm.load.plan import Plan, digest
from inferswarm.prompts import Prompt
from inferswarm.prompts.recipe import Recipe
from inferswarm.prompts.salt import Salt


def plan_of(config: RunConfig) -> Plan:
    """A plan of this configuration."""
    return Plan(
        run="r",
        config=config.model_dump(mode="json"),
        prompts=[Prompt("a"), Prompt("é")],
        model="m",
        records="",
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


def test_a_plan_carries_the_trace_and_the_recipe() -> None:
    """So a worker on another machine needs no file."""
    recipe = Recipe(seed=2, pieces=["a", "b"])
    plan = msgspec.structs.replace(plan_of(RunConfig()), trace=b"\x00\xff", recipe=recipe)
    as_json = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)

    assert Plan.unpack(plan.pack()) == as_json == plan
    assert len(plan.questions.pick(3, input_tokens=9).text.split()) == 9


def test_prompts_are_salted_when_the_run_asks_for_it() -> None:
    """By its id, with token ids that its prompts have."""
    config = RunConfig.model_validate({"prompts": {"salt": True}})
    plan = msgspec.structs.replace(plan_of(config), prompts=[Prompt(ids=[4, 5])])

    assert plan_of(RunConfig()).questions.salt is None
    assert plan.questions.salt == Salt.of("r", [4, 5])
    assert set(plan.questions.pick(0).ids) == {4, 5}
