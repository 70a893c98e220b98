"""Facts about the journal: it knows what arrived, also after a kill, and never claims more."""

from pathlib import Path

from inferswarm.delivery.journal import Journal
from inferswarm.stores import Info

HERE = Info(10, "tag")


def test_what_was_added_is_known_to_a_later_journal(tmp_path: Path) -> None:
    """With its checksum, size and tag, and for this object only."""
    path = tmp_path / "journal"
    Journal(path).add("gs://b/x", "aa", HERE)
    later = Journal(path)
    assert later.knows("gs://b/x", "aa", HERE)
    assert not later.knows("gs://b/y", "aa", HERE)
    assert not later.knows("gs://b/x", "bb", HERE)
    assert not later.knows("gs://b/x", "aa", Info(11, "tag"))
    assert not later.knows("gs://b/x", "aa", Info(10, "another"))


def test_the_newest_word_on_an_object_counts(tmp_path: Path) -> None:
    """An object that was written twice is the second."""
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.add("gs://b/x", "aa", HERE)
    journal.add("gs://b/x", "bb", Info(10, "new"))
    for known in (journal, Journal(path)):
        assert known.knows("gs://b/x", "bb", Info(10, "new"))
        assert not known.knows("gs://b/x", "aa", HERE)


def test_a_cut_line_costs_only_itself(tmp_path: Path) -> None:
    """As a kill may leave one."""
    path = tmp_path / "journal"
    Journal(path).add("gs://b/x", "aa", HERE)
    path.write_bytes(path.read_bytes() + b'{"uri":"gs://b/y","sha\n\xff\n')
    assert Journal(path).knows("gs://b/x", "aa", HERE)


def test_a_journal_that_cannot_be_written_knows_for_a_while(tmp_path: Path) -> None:
    """As does one without a file."""
    for journal in (Journal(tmp_path / "nowhere" / "journal"), Journal(None)):
        journal.add("gs://b/x", "aa", HERE)
        assert journal.knows("gs://b/x", "aa", HERE)
    assert list(tmp_path.iterdir()) == []
