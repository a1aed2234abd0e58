"""The Penn Treebank for language modelling: Mikolov's files, NLTK's sample, or sentences of a small grammar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gin

from benchmark.data.grammar import generate_corpus
from benchmark.data.text import (
    HELD_OUT_STEPS,
    Line,
    TextDataset,
    TextSplit,
    Vocabulary,
    fingerprint,
    read_lines,
    sentences,
    stream,
)
from benchmark.data.treebank import Words, find_sample, read_sample, replace_rare_words
from benchmark.errors import UserError
from zforcing.checks import require, require_choice, require_sizes

FILES = {split: f"ptb.{split}.txt" for split in ("train", "valid", "test")}
LINES = {"train": 42_068, "valid": 3_370, "test": 3_761}
TOKENS = {"train": 929_589, "valid": 73_760, "test": 82_430}  # <eos> counted
VOCABULARY = 10_000  # <eos> counted
HOW_TO_GET = "python -m benchmark.data fetch ptb fetches the three files"


@gin.register
@dataclass(frozen=True)
class PennTreebank:
    """How the Penn Treebank is read.

    The vocabulary is that of training. A held-out word that is not in it is <unk>, and an error if training has no
    <unk>. Lines without a word are left out, and the description says how many there were.

    At level 'sentence' (Bowman et al. 2016) each line is one sequence with its own <bos> and <eos>, from a zero state.
    At level 'stream' (Zaremba et al. 2014) a split is one long sequence of lines ended by <eos>, cut into segments
    whose `successor` tells where the recurrent state goes on. Perplexities of the two do not compare.

    Characters are those of the lines, words joined by one space, <unk> spelt out: 5,017,482 in training with <eos>.

    Args:
        source: 'full', 'sample', 'embedded', or 'auto' for the first of them that is found.
        level: 'sentence' or 'stream'.
        unit: 'word' or 'character'.
        segment_steps: symbols in a training segment of a stream. Held-out streams are read in segments of 1,000, the
            state carried from one to the next; their backward networks start at the end of a segment.
        longest: training sentences of more symbols are left out; None for no limit. Held-out ones never are.
        require_all_files: refuse files of other counts than Mikolov's, and a sample of other than 3,914 sentences.
    """

    source: str = "auto"
    level: str = "sentence"
    unit: str = "word"
    segment_steps: int = 35
    longest: int | None = None
    require_all_files: bool = True

    def __post_init__(self) -> None:
        require_choice(("auto", "full", "sample", "embedded"), source=self.source)
        require_choice(("sentence", "stream"), level=self.level)
        require_choice(("word", "character"), unit=self.unit)
        require_sizes(segment_steps=self.segment_steps)
        if self.longest is not None:
            require_sizes(longest=self.longest)
            require(self.level == "sentence", "longest must be None at level 'stream', which holds no single sentences")

    def load(self, root: Path | None) -> TextDataset:
        """Reads the corpus below `root`.

        Raises:
            UserError: the source that was asked for is not there, or what is there is incomplete or damaged.
        """
        source, place = self.find(root)
        if source == "full":
            description = "Mikolov's files of the Penn Treebank"
            words, empty = self._read_full(place)
            description += f", {empty} empty lines left out" if empty else ""
        elif source == "sample":
            description = "NLTK's sample of the Penn Treebank, made like Mikolov's files"
            words = read_sample(place, self.require_all_files)
        else:
            description = "embedded sentences of a small grammar, made in code"
            words = replace_rare_words(generate_corpus())
        return self._dataset(source, description, words)

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that is used, and its folder or archive (none for 'embedded')."""
        full = _find_full(root) if root and self.source in ("auto", "full") else None
        if full:
            return "full", full
        sample = find_sample(root) if root and self.source in ("auto", "sample") else None
        if sample:
            return "sample", sample
        if self.source in ("full", "sample"):
            looked_for = {
                "full": "ptb.train.txt, ptb.valid.txt and ptb.test.txt, in ptb/ or simple-examples/data/",
                "sample": "nltk_data/corpora/treebank.zip, or treebank/combined as it holds it",
            }[self.source]
            how = {"full": HOW_TO_GET, "sample": "python -m benchmark.data fetch treebank fetches it"}[self.source]
            where = f"below {root}" if root else "nowhere, because neither --data nor ZFORCING_DATA is set"
            raise UserError(f"ptb: source '{self.source}' was not found; looked for {looked_for}, {where}; {how}")
        return "embedded", Path()

    def _read_full(self, place: Path) -> tuple[Words, int]:
        """The words of every line, and how many lines have none."""
        missing = [name for name in FILES.values() if not (place / name).is_file()]
        if missing:
            raise UserError(f"ptb: {place} lacks {' and '.join(missing)}; complete the copy: {HOW_TO_GET}")
        read = {split: read_lines(place / name) for split, name in FILES.items()}
        words = {split: lines for split, (lines, _) in read.items()}
        if self.require_all_files:
            found = {split: (len(lines), _tokens(lines)) for split, lines in words.items()}
            expected = {split: (LINES[split], TOKENS[split]) for split in FILES}
            for split in FILES:
                if found[split] != expected[split]:
                    raise UserError(
                        f"ptb: {place / FILES[split]} holds {found[split][0]:,} lines and {found[split][1]:,} tokens "
                        f"with <eos> instead of {LINES[split]:,} and {TOKENS[split]:,}; replace it, or set "
                        f"PennTreebank.require_all_files = False to use what is there"
                    )
            seen = Vocabulary(words["train"]).seen
            if seen != VOCABULARY:
                raise UserError(
                    f"ptb: {place / FILES['train']} holds {seen:,} different words with <eos> instead of "
                    f"{VOCABULARY:,}; replace it, or set PennTreebank.require_all_files = False to use what is there"
                )
        return words, sum(empty for _, empty in read.values())

    def _dataset(self, source: str, description: str, words: Words) -> TextDataset:
        lines: dict[str, list[Line]] = {
            split: [" ".join(line) if self.unit == "character" else line for line in of_split]
            for split, of_split in words.items()
        }
        vocabulary = Vocabulary(lines["train"])
        texts = {split: vocabulary.encode(of_split) for split, of_split in lines.items()}
        splits: dict[str, TextSplit] = {
            split: stream(text, self.segment_steps if split == "train" else HELD_OUT_STEPS)
            if self.level == "stream"
            else sentences(text, self.longest if split == "train" else None)
            for split, text in texts.items()
        }
        if self.longest is not None:
            left_out = len(words["train"]) - len(splits["train"])
            description += f", {left_out:,} training sentences of more than {self.longest} {self.unit}s left out"
            require(len(splits["train"]) > 0, f"longest leaves no training sentence, got {self.longest}")
        sizes = " / ".join(f"{len(text):,}" for text in texts.values())
        return TextDataset(
            name="ptb",
            source=source,
            description=f"{description}; {sizes} {self.unit}s with <eos>, vocabulary {vocabulary.seen:,}",
            data_size=len(vocabulary),
            kind="categorical",
            protocols=(self.level if self.unit == "word" else f"character_{self.level}",),
            counts={split: len(of_split) for split, of_split in words.items()},
            statistics={"vocabulary": vocabulary.seen},
            fingerprint=fingerprint(words),
            vocabulary=vocabulary,
            unit=self.unit,
            **splits,
        )


def _find_full(root: Path) -> Path | None:
    """The folder that holds any of the three files: a copy that lacks one is reported, not passed over."""
    places = (root, root / "ptb", root / "simple-examples/data")
    return next((place for place in places if any((place / name).exists() for name in FILES.values())), None)


def _tokens(lines: list[list[str]]) -> int:
    return sum(len(words) + 1 for words in lines)
