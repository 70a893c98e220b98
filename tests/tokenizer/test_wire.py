"""Facts about the messages between a run and its tokenizer process."""

import io

import msgspec

from inferswarm.tokenizer.wire import Ask, Hello, Reply, read, write


def test_messages_come_back_one_after_the_other() -> None:
    """Of every kind; then the other side is gone."""
    stream = io.BytesIO()
    said: list[Ask | Reply | Hello] = [
        Ask("count", ["a", "é"]),
        Reply(counts=[1, 2]),
        Hello(special_ids=[7]),
        Reply("why"),
    ]
    for one in said:
        write(stream, one)
    stream.seek(0)

    for one in said:
        data = read(stream)
        assert data is not None
        assert msgspec.msgpack.decode(data, type=type(one)) == one
    assert read(stream) is None


def test_half_a_message_is_none() -> None:
    """The other side ended while it wrote."""
    stream = io.BytesIO()
    write(stream, Ask("encode", ["text"]))

    for size in range(len(stream.getvalue())):
        assert read(io.BytesIO(stream.getvalue()[:size])) is None
