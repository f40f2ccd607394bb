"""What counts as a word where vectors are learned."""

import re


def words_of(text: str) -> list[str]:
    """The words of a text: lower case, letters and inner apostrophes."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())
