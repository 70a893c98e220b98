"""Facts about tokenizers from a tokenizer.json."""

from pathlib import Path

from inferswarm.tokenizer.hugging_face import HuggingFace, fits, load
from tests.tokenizer.making import SPECIAL, WORDS, byte_tokenizer, declare, word_tokenizer


def words(folder: Path) -> HuggingFace:
    """The tokenizer of known words, loaded from its file."""
    return load("mine", word_tokenizer(folder / "tokenizer.json"))


def test_known_words_are_counted_one_token_each(tmp_path: Path) -> None:
    """In a batch, in its order; what looks like a special token is one token too."""
    texts = [" ".join(WORDS), f"{WORDS[3]} {WORDS[3]}", "xyz", f"xyz {SPECIAL}", ""]

    assert words(tmp_path).count(texts) == [len(WORDS), 2, 3, 4, 0]


def test_ids_are_those_of_the_count(tmp_path: Path) -> None:
    """As many for each text, each below the size of the vocabulary."""
    tokenizer, texts = words(tmp_path), ["xyz bal", "", WORDS[0]]
    ids = tokenizer.encode(texts)

    assert list(map(len, ids)) == tokenizer.count(texts)
    assert all(0 <= one < tokenizer.vocabulary_size for text in ids for one in text)


def test_a_text_survives_its_ids(tmp_path: Path) -> None:
    """Of a tokenizer that can say any text."""
    tokenizer = load("bytes", byte_tokenizer(tmp_path / "tokenizer.json"))
    texts = ["héllo  wörld\n", "", "😀", SPECIAL]

    assert tokenizer.decode(tokenizer.encode(texts)) == texts


def test_lengths_of_the_file_cut_and_fill_no_text(tmp_path: Path) -> None:
    """Truncation and padding, which some models declare, would make all counts alike."""
    tokenizer = load("bytes", byte_tokenizer(tmp_path / "tokenizer.json", length=3))

    assert tokenizer.count(["a", "abcdefgh", ""]) == [1, 8, 0]


def test_no_token_is_added_around_a_text(tmp_path: Path) -> None:
    """Although the tokenizer would add some to a prompt."""
    path = byte_tokenizer(tmp_path / "tokenizer.json")
    template = (
        '"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<end>", '
        '"type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": '
        '{"<end>": {"id": "<end>", "ids": [0], "tokens": ["<end>"]}}}'
    )
    path.write_text(path.read_text().replace('"post_processor": null', template))
    tokenizer = load("bytes", path)

    assert '"TemplateProcessing"' in path.read_text()
    assert tokenizer.count(["ab"]) == [2]
    assert list(map(len, tokenizer.encode(["ab"]))) == [2]


def test_special_ids_are_those_of_the_tokenizer_and_of_the_declaration(tmp_path: Path) -> None:
    """Each known by the file itself, or by tokenizer_config.json beside it."""
    path = word_tokenizer(tmp_path / "tokenizer.json")
    before = load("mine", path)
    declare(tmp_path, eos_token={"content": WORDS[0]}, bos_token="not there")
    (declared,) = load("mine", path).encode([WORDS[0]])

    assert before.special_ids == {0, 1}
    assert load("mine", path).special_ids == {0, 1, *declared}


def test_ids_that_no_token_has_are_special(tmp_path: Path) -> None:
    """A vocabulary with gaps: what is below its size is either text or special."""
    path = word_tokenizer(tmp_path / "tokenizer.json")
    text = path.read_text()
    path.write_text(
        text.replace('"id": 1,', '"id": 900,').replace(f'"{SPECIAL}": 1', f'"{SPECIAL}": 900')
    )
    tokenizer = load("mine", path)

    assert tokenizer.vocabulary_size == 901
    assert {1, 899, 900} <= tokenizer.special_ids
    (said,) = tokenizer.encode([" ".join(WORDS)])
    assert tokenizer.special_ids.isdisjoint(said)


def test_the_suffix_tells_the_kind() -> None:
    """Whatever the name before it."""
    assert fits(Path("a/mine.json"))
    assert not fits(Path("a/tokenizer.model"))
