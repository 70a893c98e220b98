"""Sides of an invented comparison: run folders with known records, read as the command reads them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inferswarm.records import Record
from inferswarm.reports.compare import Asked, compare
from inferswarm.reports.compare_run import Side, read_side
from inferswarm.storage import RecordWriter, RunFolder
from inferswarm.verdict import Client
from tests.compare.sample import served

HOSTILE = "</script><img src=x>"


def folder_of(path: Path, records: list[Record], **config: Any) -> RunFolder:
    """A run that ended in order."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="native", clock="kernel")
    writer.write(records)
    writer.close()
    folder.client.write_bytes(msgspec.json.encode(Client(workers=1, clock="kernel")))
    told = {"id": path.name, "attempted": len(records), "model": HOSTILE, "backend": "vllm"}
    folder.run.write_text(json.dumps({**told, "started": "2026-11-23T09:00:00+00:00"}))
    folder.config.write_text(yaml.safe_dump({"simulator": config}))
    return folder


def sides(place: Path, *slower: float, streamed: bool = True, count: int = 300) -> list[Side]:
    """A run for each factor of its ITL."""
    return [
        read_side(
            folder_of(
                place / f"run-{at}",
                [
                    msgspec.structs.replace(one, streamed=streamed)
                    for one in served(f"side{at}", count, 10, slower=factor)
                ],
                itl=f"{20 * factor:g}ms",
            ),
            "ABC"[at],
            f"run-{at}",
            seed=0,
        )
        for at, factor in enumerate(slower)
    ]


__all__ = ["HOSTILE", "Asked", "compare", "folder_of", "sides"]
