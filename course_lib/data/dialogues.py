"""Conversations of several turns: between people, and written for chatbots."""

import json

import yaml

from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, digest, draw, keep_apart
from course_lib.validation import require_one_of

__all__ = ["conversations"]


def conversations(name: str) -> dict[str, list[tuple[str, ...]]]:
    """Conversations as tuples of turns, at least two, as "train", "validation" and "test", in a fixed random order.

    "chitchat": 3,998 between two people, whose messages of one turn are joined by line breaks. "chatterbot": 824 that
    were written for a program, mostly a question with its answer. No held-out longest turn differs by one word or less
    from that of a training conversation, and no question of "chatterbot". Raises ValueError for another name.
    """
    require_one_of("name", ("chitchat", "chatterbot"), name)
    return {split: [tuple(turns) for turns in found] for split, found in _conversations(name).items()}


@cached
def _conversations(name: str) -> dict[str, list[list[str]]]:
    every = _chitchat() if name == "chitchat" else _chatterbot()
    stripped = [[turn.strip() for turn in turns] for turns in every]
    sound = dict.fromkeys(tuple(turns) for turns in stripped if len(turns) > 1 and all(turns))
    rows = sorted(((max(turns, key=len), turns[0], turns) for turns in sound), key=lambda row: digest(row[0]))
    splits = {split: [row for row in rows if draw(row[0]) == split] for split in SPLITS}
    kept = keep_apart(splits, texts=(0,) if name == "chitchat" else (0, 1))  # many chats begin with "Hello"
    return {split: [list(turns) for _, _, turns in kept[split]] for split in SPLITS}


def _chitchat() -> list[list[str]]:
    [file] = data_files("chitchat-dataset", "chitchat_dataset/dataset.json")
    chats = [chat["messages"] for chat in json.loads(read_text(file)).values()]
    return [["\n".join(message["text"] for message in turn) for turn in chat] for chat in chats]


def _chatterbot() -> list[list[str]]:
    files = data_files("chatterbot-corpus", "chatterbot_corpus/data/english/*.yml")
    return [turns for file in files for turns in yaml.safe_load(read_text(file))["conversations"]]
