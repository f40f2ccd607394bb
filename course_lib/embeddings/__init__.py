"""Words as vectors: compared, made by counting, and learned by prediction. Tensors in, tensors out."""

from course_lib.embeddings.counts import cooccurrence, ppmi, svd_vectors
from course_lib.embeddings.similarity import analogy, association, cosine_similarity, nearest_neighbours, normalise

__all__ = [
    "analogy",
    "association",
    "cooccurrence",
    "cosine_similarity",
    "nearest_neighbours",
    "normalise",
    "ppmi",
    "svd_vectors",
]
