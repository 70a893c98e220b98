"""Run folders with given records, as a run would leave them."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from inferswarm.records import Record
from inferswarm.storage import RecordWriter, RunFolder
from inferswarm.verdict import Client

RUN = {"id": "20260202-024000-cafe", "started": "2026-02-02T02:40:00+00:00", "backend": "vllm"}


def run_of(path: Path, records: Sequence[Record], **config: object) -> RunFolder:
    """A run of these records that ended in order."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="thread", clock="kernel")
    writer.write(records)
    writer.close()
    folder.client.write_bytes(msgspec.json.encode(Client(workers=2)))
    folder.run.write_text(json.dumps(RUN | {"attempted": len(records)}))
    folder.config.write_text(yaml.safe_dump(config))
    return folder


def damage(folder: RunFolder) -> RunFolder:
    """The same with a line cut by a kill, and a compressed part that is not one."""
    (part,) = folder.records.glob("*.jsonl")
    with part.open("ab") as file:
        file.write(b'{"k": 9, "due_')
    (folder.records / "w1-00001.jsonl.zst").write_bytes(b"not zstd")
    return folder
