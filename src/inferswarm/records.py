"""The one value everything turns around: `Record`, one attempted request; and its JSON-lines form."""

from collections.abc import Iterator

import msgspec

from inferswarm.exchange import Outcome

FORMAT = "inferswarm-records/1"
INSTANTS = ("due_ns", "sent_ns", "end_ns")
"""The fields of a record that are instants; all others ending in `_ns` are durations."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempted request, as plain integers and short strings.

    Instants (`due_ns`, `sent_ns`, `end_ns`) are `clock.now_ns` readings: steady nanoseconds since the
    Unix epoch. `sent_ns` is 0 when no byte was sent. The others ending in `_ns` are durations;
    `first_byte_ns`, `headers_ns` and `chunk_ns` count from `sent_ns`. `chunk_ns` holds one arrival
    for each chunk that carried tokens, `chunk_tokens` how many tokens each carried (empty: one each).
    `server_ns` are durations that the server told, by the names of `timing.SERVER_SPANS`. `answer` has
    the words of the answer where they are kept, or still to be counted. A request of a conversation
    has its `turn`, from 0, and how many `turns` are to be asked; without a conversation both are 0.
    `asked_tokens` is how long its answer was to be at most. `trace` is the id of its trace, where it
    got one (`traces`).
    """

    k: int
    due_ns: int
    sent_ns: int
    end_ns: int
    outcome: Outcome
    worker: int = 0
    epoch: int = 0
    turn: int = 0
    turns: int = 0
    backend: str = ""
    api: str = ""
    streamed: bool = False
    prompt: int = 0
    prompt_chars: int = 0
    status: int = 0
    detail: str = ""
    body_head: str = ""
    finish_reason: str = ""
    connect_ns: int | None = None
    tls_ns: int | None = None
    reused: bool = False
    address: str = ""
    retries: int = 0
    headers_ns: int | None = None
    first_byte_ns: int | None = None
    chunk_ns: list[int] = []
    chunk_tokens: list[int] = []
    reasoning_chunks: int = 0
    server_ns: dict[str, int] = {}
    input_tokens: int | None = None
    cached_tokens: int | None = None
    input_source: str = ""
    asked_tokens: int = 0
    output_tokens: int = 0
    output_source: str = ""
    answer: str = ""
    bytes_out: int = 0
    bytes_in: int = 0
    reads: int = 0
    merged_reads: int = 0
    unstamped_reads: int = 0
    trace: str = ""

    @property
    def ok(self) -> bool:
        """Whether the answer was complete and carried a token."""
        return self.outcome is Outcome.OK

    @property
    def kind(self) -> str:
        """The outcome as it is counted: `http_429` tells more than `http_status`."""
        return f"http_{self.status}" if self.outcome is Outcome.HTTP_STATUS else str(self.outcome)

    @property
    def start_ns(self) -> int:
        """The instant from which the request occupied the client: sent, or due when never sent."""
        return self.sent_ns or self.due_ns


class PartHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of every part of a run's records: who wrote it, and how times were taken."""

    format: str = FORMAT
    run: str
    worker: int
    part: int
    recorder: str
    clock: str


_encoder = msgspec.json.Encoder()
_record_decoder = msgspec.json.Decoder(Record)
_header_decoder = msgspec.json.Decoder(PartHeader)


def encode_line(value: Record | PartHeader) -> bytes:
    """One JSON object and a newline."""
    return _encoder.encode(value) + b"\n"


def decode_header(line: bytes) -> PartHeader:
    """Read a part's first line; raises ValueError when it is not one of ours."""
    header = _header_decoder.decode(line)
    if header.format != FORMAT:
        raise ValueError(f"records of format {header.format!r}, this version reads {FORMAT!r}")
    return header


def decode_lines(lines: Iterator[bytes]) -> Iterator[Record | None]:
    """Records of a part after its header; None stands for a line that cannot be read.

    A process killed while writing leaves at most one such line, the last.
    """
    for line in lines:
        try:
            yield _record_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield None
