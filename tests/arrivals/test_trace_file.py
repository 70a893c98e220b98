"""Facts about trace files as they are published."""

import re
from pathlib import Path

import pytest

from inferswarm.arrivals import Arrival
from inferswarm.arrivals.trace_file import read_trace
from inferswarm.errors import InputError
from tests.arrivals.walking import share
from tests.builders import MS, S

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"


def written(tmp_path: Path, content: str) -> Path:
    """A trace file."""
    path = tmp_path / "trace"
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "arrivals"),
    [
        pytest.param(
            AZURE + "2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319601,3180,8\n",
            [(0, 4808, 10), (52_000_100, 3180, 8)],
            id="azure 2023: seven digits, no offset",
        ),
        pytest.param(
            AZURE + "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01+00:00,2399,6\n",
            [(0, 2162, 5), (990_070_000, 2399, 6)],
            id="azure 2024: an offset, digits only when there are any",
        ),
        pytest.param(
            AZURE + "2024-02-28T23:59:59Z,1,1\n2024-03-01T01:00:00+01:00,1,1\n",
            [(0, 1, 1), (86_401 * S, 1, 1)],
            id="dates over a leap day and offsets are of one time line",
        ),
        pytest.param(
            BURST + "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,API log\n",
            [(0, 472, 18), (40 * S, 1087, None)],
            id="burstgpt: a failed request's answer has no length",
        ),
        pytest.param(
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,"
            "Log Type\n19440110.0,1722ac82-0a46,43,GPT-4,906,446,1352,Conversation log\n"
            "19440161.5,d5983bf9-4b48,2,ChatGPT,36,29,65,Conversation log\n",
            [(0, 906, 446), (51_500 * MS, 36, 29)],
            id="burstgpt with sessions: columns are found by name",
        ),
        pytest.param(
            '{"timestamp": 27482, "input_length": 6755, "output_length": 500, "hash_ids": [0, 1]}\n'
            '{"timestamp": 30535.5, "input_length": 7319, "output_length": 490, "hash_ids": []}\n',
            [(0, 6755, 500), (3_053_500_000, 7319, 490)],
            id="mooncake: milliseconds",
        ),
        pytest.param(
            "time_s,input_tokens,output_tokens\n0.1,5,6\n0.3000000001,7,8\n",
            [(0, 5, 6), (200 * MS, 7, 8)],
            id="ours: decimal seconds, exact to the nanosecond",
        ),
        pytest.param(
            "\ufeffoutput_tokens, time_s \r\n\r\n5.0,1\r\n,2\r\n",
            [(0, None, 5), (S, None, None)],
            id="ours: any order, lengths may miss, a byte order mark, blank lines",
        ),
        pytest.param(
            '\n{"time_s": 1, "input_tokens": 5}\n\n{"time_s": 1.25, "output_tokens": null}',
            [(0, 5, None), (250 * MS, None, None)],
            id="ours as JSON lines",
        ),
        pytest.param(
            "time_s\n1e3\n1.5e3\n", [(0, None, None), (500 * S, None, None)], id="times only"
        ),
    ],
)
def test_traces_are_told_apart_by_their_columns(
    tmp_path: Path, content: str, arrivals: list[tuple[int, int | None, int | None]]
) -> None:
    """Times in nanoseconds from the first row, and lengths in tokens."""
    read = list(share(read_trace(written(tmp_path, content))))
    assert read == [Arrival(k, *arrival) for k, arrival in enumerate(arrivals)]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ("", "no row in it; give one with at least one request"),
        (AZURE, "no row in it; give one with at least one request"),
        ("a,b\n1,2\n", "line 1: columns a, b are of no known kind; name them as one of Azure"),
        ('{"at": 1}\n', "line 1: columns at are of no known kind; name them as one of Azure"),
        (AZURE + "2023-11-16,1,1\n", "line 2: TIMESTAMP is 2023-11-16, it must be a date and time"),
        (AZURE + "2023-13-16 00:00:00,1,1\n", "line 2: TIMESTAMP is 2023-13-16 00:00:00, there is"),
        (AZURE + "\n2023-11-16 00:00:00,1\n", "line 3: has 2 cells, the header 3; mend or remove"),
        (BURST + "x,m,1,1,2,l\n", "line 2: Timestamp is x, it must be a number; mend or remove"),
        (BURST + "nan,m,1,1,2,l\n", "line 2: Timestamp is nan, it must be a number within a cent"),
        (BURST + "1e300,m,1,1,2,l\n", "Timestamp is 1e300, it must be a number within a century"),
        (BURST + "1,m,-1,1,2,l\n", "line 2: Request tokens is -1, it must be a whole number of t"),
        (BURST + "1,m,1,1.5,2,l\n", "line 2: Response tokens is 1.5, it must be a whole number"),
        (BURST + "1,m,,1,2,l\n", "line 2: Request tokens is missing, it must be a whole number"),
        (BURST + "1,m,9999999999,1,2,l\n", "line 2: Request tokens is 9999999999, it must be"),
        ('{"time_s": 1}\n{"time_s": }\n', "line 2: is no JSON object"),
        ('{"time_s": 1}\n[]\n', "line 2: is no JSON object"),
        ('{"time_s": 1}\n{}\n', "line 2: time_s is missing; mend or remove the row"),
        ('{"time_s": true}\n', "line 1: time_s is True, it must be a number; mend or remove"),
        ("time_s\n1\n" + "2" * 200_000 + "\n", "is no CSV (field larger than field limit"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, content: str, refusal: str) -> None:
    """The refusal names the file, the line, what is wrong and what to do."""
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=re.escape(refusal)) as refused:
        read_trace(path)
    assert str(refused.value).startswith(f"trace {path}: ")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """A packed file, or one in another encoding."""
    path = tmp_path / "trace.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00\xff\xfe")
    with pytest.raises(InputError, match=r"is not UTF-8 text; unpack or convert it"):
        read_trace(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The refusal says so."""
    with pytest.raises(InputError, match=r"nowhere: No such file or directory; check the path"):
        read_trace(tmp_path / "nowhere")


def test_scales_and_notes_reach_the_replay(tmp_path: Path) -> None:
    """A file is replayed as `TraceArrivals.scaled` says."""
    path = written(tmp_path, "time_s,output_tokens\n4,1\n0,1\n")
    arrivals = read_trace(path, time_scale=2, rate_scale=2)
    assert [arrival.due_ns for arrival in share(arrivals)] == [0, S, 2 * S, 2 * S]
    assert arrivals.notes == (
        f"trace {path}: 1 of 2 rows were earlier than the row before; sorted",
    )
