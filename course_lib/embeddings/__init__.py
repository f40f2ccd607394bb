"""Words as vectors: compared, made by counting, and learned by prediction. Tensors in, tensors out."""

from course_lib.embeddings.counts import cooccurrence, ppmi, svd_vectors
from course_lib.embeddings.similarity import analogy, association, cosine_similarity, nearest_neighbours, normalise
from course_lib.embeddings.skipgram import (
    SkipGramConfig,
    SkipGramProgress,
    keep_probability,
    noise_distribution,
    train_skipgram,
)

__all__ = [
    "SkipGramConfig",
    "SkipGramProgress",
    "analogy",
    "association",
    "cooccurrence",
    "cosine_similarity",
    "keep_probability",
    "nearest_neighbours",
    "noise_distribution",
    "normalise",
    "ppmi",
    "svd_vectors",
    "train_skipgram",
]
