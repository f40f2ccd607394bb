"""Attention: each query takes a weighted mean of values, the weights by how well its query fits each key.

Functions first, then modules that add weights. A mask is boolean, True = may attend. `recorded` shows the weights.
"""

from course_lib.attention.functions import (
    additive_scores,
    attend,
    causal_mask,
    dot_product_scores,
    padding_mask,
    scaled_dot_product_attention,
)
from course_lib.attention.grouped import GroupedQueryAttention
from course_lib.attention.multi_head import MultiHeadAttention
from course_lib.attention.recording import recorded
from course_lib.attention.single import AdditiveAttention, MultiplicativeAttention

__all__ = [
    "AdditiveAttention",
    "GroupedQueryAttention",
    "MultiHeadAttention",
    "MultiplicativeAttention",
    "additive_scores",
    "attend",
    "causal_mask",
    "dot_product_scores",
    "padding_mask",
    "recorded",
    "scaled_dot_product_attention",
]
