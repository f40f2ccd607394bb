"""The conversations: their content is pinned, and nothing held out is in training."""

import hashlib
import json

import pytest

from course_lib import data
from course_lib.data.splits import SPLITS, variants

PINNED = {
    "chitchat": ([3166, 410, 422], "e5dea27b46c4e81c024a19dc5f546dc1fc1484c922fb135867044664af98c98e"),
    "chatterbot": ([713, 54, 57], "529cf1f097d25458240d74b63576e87c468f7d32ea4747b96f0029049c739623"),
}


@pytest.mark.parametrize("name", PINNED)
def test_conversations_are_pinned_and_kept_apart(name):
    found = data.conversations(name)
    text = json.dumps(found, ensure_ascii=False)
    counts = [len(found[split]) for split in SPLITS]
    assert (counts, hashlib.sha256(text.encode()).hexdigest()) == PINNED[name]
    every = [turns for split in SPLITS for turns in found[split]]
    assert all(len(turns) > 1 and all(turn.strip() == turn != "" for turn in turns) for turns in every)
    assert len({*every}) == len(every)
    seen = {mark for turns in found["train"] for mark in variants(max(turns, key=len))}
    held_out = [turns for split in SPLITS[1:] for turns in found[split]]
    assert not any(seen & variants(max(turns, key=len)) for turns in held_out)


def test_what_was_said_stays_together():
    first = data.conversations("chitchat")["test"][0]
    assert first[3] == "Pretty good. Just chilling before hall prayer.\nYou?"
    assert ("Can you control", "My robot body will allow me to control many things.") in data.conversations(
        "chatterbot"
    )["test"]


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="name must be one of chitchat, chatterbot, but it is 'reddit'"):
        data.conversations("reddit")
