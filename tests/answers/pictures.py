"""Answers to the exercises of pictures, as readers write them: right ones, and wrong ones with their words."""

import torch
from torch.nn import functional as F

from course_lib.vision import contrastive_loss, patches


def by_library(picture, size):
    return patches(picture[None], size)[0]


def by_unfold(picture, size):
    return F.unfold(picture[None], size, stride=size)[0].T


def by_columns(picture, size):
    found = []
    for x in range(0, picture.shape[2], size):
        for y in range(0, picture.shape[1], size):
            found.append(picture[:, y : y + size, x : x + size].reshape(-1))
    return torch.stack(found)


def colours_last(picture, size):
    rows = by_library(picture, size)
    return rows.view(len(rows), len(picture), -1).transpose(1, 2).flatten(1)


def transposed(picture, size):
    rows = by_library(picture, size)
    return rows.view(len(rows), len(picture), size, size).mT.flatten(1)


def as_in_memory(picture, size):
    return picture.flatten().view(-1, len(picture) * size**2)


def squares(picture, size):
    rows = by_library(picture, size)
    return rows.view(len(rows), len(picture), size, size)


def cosines(u, v):
    return (u / u.norm(dim=1, keepdim=True)) @ (v / v.norm(dim=1, keepdim=True)).T


def by_softmax(u, v, scale):
    logits = scale * cosines(u, v)
    of_pictures = -logits.log_softmax(dim=1).diagonal().mean()
    of_names = -logits.log_softmax(dim=0).diagonal().mean()
    return (of_pictures + of_names) / 2


def pulled(u, v, scale):
    return -scale * F.cosine_similarity(u, v).mean()


def one_order(pictures, names, batch_size, generator):
    order = torch.randperm(len(names), generator=generator)
    return list(zip(pictures[order].split(batch_size), names[order].split(batch_size), strict=True))


def index_lists(pictures, names, batch_size, generator):
    order = torch.randperm(len(names), generator=generator).tolist()
    parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [[pictures[part], names[part]] for part in parts]


def in_order(pictures, names, batch_size, generator):
    return list(zip(pictures.split(batch_size), names.split(batch_size), strict=True))


def whole_batches(pictures, names, batch_size, generator):
    return [pair for pair in one_order(pictures, names, batch_size, generator) if len(pair[0]) == batch_size]


def with_replacement(pictures, names, batch_size, generator):
    drawn = torch.randint(len(names), (len(names),), generator=generator)
    return one_order(pictures[drawn], names[drawn], batch_size, generator)


def same_order(pictures, names, batch_size, generator):
    return one_order(pictures, names, batch_size, torch.Generator().manual_seed(5))


def names_first(pictures, names, batch_size, generator):
    return [(words, images) for images, words in one_order(pictures, names, batch_size, generator)]


def choice(patch_size=4, d_model=32, n_layers=1, batch_size=64, learning_rate=0.01):
    return lambda: {
        "patch_size": patch_size,
        "d_model": d_model,
        "n_layers": n_layers,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }


def byte_choice(field="table", d_model=64, n_layers=2, batch_size=32, learning_rate=0.003):
    return lambda: {
        "field": field,
        "d_model": d_model,
        "n_layers": n_layers,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }


RIGHT = {
    "corner_kernel": [
        lambda: [[0, 0, 0], [0, 1, -1], [0, -1, 1]],
        lambda: torch.outer(torch.tensor([-1.0, 0, 1]), torch.tensor([-1.0, 0, 1])),
    ],
    "cut_patches": [by_library, by_unfold],
    "clip_loss": [by_softmax, lambda u, v, scale: contrastive_loss(scale * cosines(u, v))],
    "one_epoch": [one_order, index_lists],
    "patch_budget": [choice()],
    "predict_bytes": [byte_choice()],
}
RIGHT["corner_kernel"][0] = lambda: [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]
WRONG = {
    "corner_kernel": [
        (lambda: torch.full((3, 3), 1 / 9), "it answers even a flat area"),
        (lambda: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "it still answers a vertical edge"),
        (lambda: [[-1, -2, -1], [0, 0, 0], [1, 2, 1]], "it still answers a horizontal edge"),
        (lambda: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "straight edges of both directions"),
        (lambda: [[-1, 1, 0], [1, -1, 0], [0, 0, 0]], "at the corner it is below 0"),
        (lambda: torch.zeros(3, 3), "a kernel of zeros sees nothing"),
        (lambda: [[1, -1], [-1, 1]], "three rows of three finite numbers are expected."),
    ],
    "cut_patches": [
        (by_columns, "the patches come column by column"),
        (colours_last, "the colours of each pixel stand together"),
        (transposed, "each patch is transposed"),
        (as_in_memory, "in the order of memory"),
        (squares, "flatten each into one row"),
        (lambda picture, size: by_library(picture, size)[None], "the axis of the batch is too many"),
    ],
    "clip_loss": [
        (lambda u, v, scale: contrastive_loss(scale * u @ v.T), "the vectors are not normalised"),
        (lambda u, v, scale: F.cross_entropy(scale * cosines(u, v), torch.arange(len(u))), "over the names only"),
        (lambda u, v, scale: F.cross_entropy(scale * cosines(v, u), torch.arange(len(u))), "over the pictures only"),
        (lambda u, v, scale: 2 * by_softmax(u, v, scale), "the sum of both directions"),
        (lambda u, v, scale: by_softmax(u, v, 1.0), "the scale is missing"),
        (lambda u, v, scale: by_softmax(u, v, 1 / scale), "you divide by the scale"),
        (lambda u, v, scale: len(u) * by_softmax(u, v, scale), "this is the sum over the batch"),
        (lambda u, v, scale: -by_softmax(u, v, scale), "the sign"),
        (pulled, "this only pulls pairs together"),
    ],
    "one_epoch": [
        (in_order, "nothing is shuffled any more"),
        (whole_batches, "the last batch is lost"),
        (with_replacement, "a pair can come twice"),
        (same_order, "every epoch has the same order"),
        (names_first, "pictures first, then their names"),
    ],
    "patch_budget": [
        (choice(patch_size=8), "patches of 4 pixels"),
        (choice(learning_rate=0.0003), "a higher learning rate"),
        (choice(learning_rate=0.5), "a lower learning rate"),
        (choice(patch_size=3), "patch_size is one of 1, 2, 4, 8, 16, but yours is 3."),
        (choice(d_model=30), "d_model is a multiple of 4 from 8 to 96, but yours is 30."),
        (choice(n_layers=0), "n_layers is a whole number from 1 to 6, but yours is 0."),
        (choice(batch_size=1), "batch_size is a whole number from 8 to 256, but yours is 1."),
        (choice(learning_rate=3), "learning_rate is a number above 0 and below 1, but yours is 3."),
        (lambda: {"patch_size": 4}, "a dictionary with patch_size, d_model"),
    ],
    "predict_bytes": [
        (byte_choice(d_model=16, n_layers=1, batch_size=64, learning_rate=0.00003), "a higher learning rate"),
        (byte_choice(d_model=16, n_layers=1, batch_size=64, learning_rate=0.3), "a lower learning rate"),
        (byte_choice("pixels", d_model=16, n_layers=1, batch_size=64), "a second layer"),
        (byte_choice("pixels", d_model=16, batch_size=64), "a wider model"),
        (byte_choice("tunes", d_model=48, batch_size=64), "smaller batches"),
        (byte_choice("pixels", d_model=48, batch_size=16, learning_rate=0.001), "another field"),
        (byte_choice("text"), "field is one of pixels, tunes, table, but yours is 'text'."),
        (byte_choice(d_model=100), "d_model is a multiple of 4 from 8 to 64, but yours is 100."),
        (byte_choice(n_layers=4), "n_layers is a whole number from 1 to 3, but yours is 4."),
        (byte_choice(batch_size=1), "batch_size is a whole number from 8 to 64, but yours is 1."),
        (byte_choice(learning_rate=3), "learning_rate is a number above 0 and below 1, but yours is 3."),
        (lambda: {"field": "table"}, "a dictionary with field, d_model, n_layers"),
    ],
}
