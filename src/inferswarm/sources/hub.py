"""Datasets of the Hugging Face hub, `hf:name[:config][:split]`, streamed by the `datasets` package."""

from collections.abc import Iterator
from dataclasses import dataclass

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.sources.rows import Placed

PREFIX = "hf:"
SPLITS = ("train", "validation", "test", "valid", "val", "dev", "eval")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset by name, one of its configurations (empty: the only one), and a split of it."""

    name: str
    config: str = ""
    split: str = "train"

    @classmethod
    def parse(cls, text: str) -> "Dataset":
        """Take `hf:name[:config][:split]` apart; raises InputError."""
        if "[" in text:
            raise InputError(
                f"{text}: a slice cannot be streamed; leave it out, and use --max-prompts"
            )
        name, *rest = text.removeprefix(PREFIX).split(":")
        if not name or len(rest) > 2:
            raise InputError(f"{text}: write hf:name, hf:name:config or hf:name:config:split")
        if len(rest) == 1 and rest[0] in SPLITS:
            rest.insert(0, "")
        config, split = [*rest, "", ""][:2]
        return cls(name, config, split or cls("").split)


def rows_of(dataset: Dataset) -> Iterator[Placed]:
    """Its rows, in order, as they come over the network; raises InputError with what the hub said."""
    datasets = need("datasets", "datasets", f"{PREFIX}{dataset.name}: reading it")
    datasets.disable_progress_bars()
    try:
        stream = datasets.load_dataset(
            dataset.name, dataset.config or None, split=dataset.split, streaming=True
        )
        for number, row in enumerate(stream, 1):
            yield f"row {number}", row
    except Exception as error:  # noqa: BLE001 - see below
        # Its loaders are many and raise what they like; all of it is about the dataset named.
        why = " ".join(str(error).split())[:300]
        raise InputError(
            f"{PREFIX}{dataset.name}: {type(error).__name__}: {why}; check name, configuration and "
            "split (hf:name:config:split), and HF_TOKEN for one that is not public"
        ) from None
