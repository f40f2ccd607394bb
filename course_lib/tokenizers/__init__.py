"""Text to ids and back: characters, words and byte pairs, behind one protocol.

`Class.train(text or texts, vocab_size=..., special_tokens=...)` makes a tokenizer, `encode` and `decode` use it, `save`
and `Class.load` keep it. `vocabulary` lists its tokens: a token's index is its id.
"""

from course_lib.tokenizers.base import Tokenizer
from course_lib.tokenizers.bpe import GPT2_PATTERN, BPETokenizer, byte_alphabet
from course_lib.tokenizers.simple import CharTokenizer, WordTokenizer

__all__ = ["GPT2_PATTERN", "BPETokenizer", "CharTokenizer", "Tokenizer", "WordTokenizer", "byte_alphabet"]
