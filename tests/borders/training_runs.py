"""Borders of `training`, its runs and data; of `model_files`; and of `console`. The steps of training: training_steps."""

import atexit
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from course_lib import training
from course_lib.files import file_to_write
from course_lib.gpt import GPT, GPTConfig
from course_lib.model_files import load_model, read_about, save_model
from course_lib.tokenizers import CharTokenizer
from course_lib.training import RunLog, TokenFile, TrainingConfig, random_rows, random_windows, windows, write_tokens

from borders import Border

FOLDER = Path(tempfile.mkdtemp(prefix="borders"))
atexit.register(shutil.rmtree, FOLDER)
NEW, HERE, MISSING, EMPTY, PICKLE, FOREIGN = (FOLDER / name for name in ("new", ".", "missing", "empty", "pickle", "foreign"))
IDS = list(range(9))
LAYER = torch.nn.Linear(2, 3)
MODEL = GPT(GPTConfig(vocab_size=3, context_length=2, d_model=2, n_layers=1, n_heads=1))
CONFIG = TrainingConfig(steps=2, learning_rate=0.1)
LETTERS = CharTokenizer(list("ab"))
EMPTY.touch()
torch.save(LAYER.state_dict(), PICKLE)
training.save_weights(FOREIGN, LAYER)
write_tokens(FOLDER / "text", [IDS], vocab_size=9)

NO_SAFETENSORS = "is no safetensors file, or damaged"


def log(**changes):
    return RunLog(**{"path": NEW, "config": CONFIG, "tokens_per_step": 3} | changes)


def draw(tokens=IDS, batch_size=2, context_length=4):
    return random_windows(tokens, batch_size=batch_size, context_length=context_length)


def write(parts, vocab_size=9, path=NEW, tokenizer=None):
    return write_tokens(path, parts, vocab_size, tokenizer=tokenizer)


def ids(of, call):
    """What is no sequence of ids, for a function that takes one."""
    return [
        Border(of, "text", lambda: call("to be"), "tokens must be a sequence of ids, a list for example, but it is 'to be'"),
        Border(of, "None", lambda: call(None), "tokens must be a sequence of ids, a list for example, but it is None"),
        Border(of, "fractions", lambda: call([0.5] * 9), "tokens must be integers (ids), but at position 0 there is 0.5"),
        Border(of, "an array of floats", lambda: call(np.ones(9)), "tokens must be integers (ids), but it is an array of shape (9,) and dtype float64"),
        Border(of, "a tensor of floats", lambda: call(torch.ones(9)), "tokens must be integers (ids), but it is a tensor of shape (9,) and dtype float32"),
        Border(of, "truth values", lambda: call([True] * 9), "tokens must be integers (ids), but at position 0 there is True"),
        Border(of, "a tensor of truth values", lambda: call(torch.ones(9).bool()), "tokens must be integers (ids)"),
        Border(of, "a matrix", lambda: call(torch.ones(3, 3).long()), "tokens must be one sequence of ids"),
        Border(of, "several texts", lambda: call([IDS, IDS]), "tokens must be integers (ids), but at position 0 there is [0, 1, 2"),
        Border(of, "a negative id", lambda: call([*IDS, -1]), "tokens must be ids of at least 0, but at position 9 there is -1"),
        Border(of, "nothing", lambda: call([]), "a window of 4 tokens and its targets do not fit into 0 tokens"),
        Border(of, "too short a text", lambda: call([1, 2, 3, 4]), "a window of 4 tokens and its targets do not fit into 4 tokens"),
    ]


BORDERS = [
    Border("files.file_to_write", "a folder", lambda: file_to_write(HERE), "must name a file, not a folder"),
    Border("files.file_to_write", "no path", lambda: file_to_write(None), "must be a string or a pathlib.Path, but it is None"),
    *ids("training.random_windows", draw),
    Border("training.random_windows", "a fraction of a batch", lambda: draw(batch_size=0.5), "batch_size must be an integer, but it is 0.5"),
    Border("training.random_windows", "an empty batch", lambda: draw(batch_size=0), "batch_size must be at least 1, but it is 0"),
    Border("training.random_windows", "a fraction of a window", lambda: draw(context_length=4.0), "context_length must be an integer, but it is 4.0"),
    Border("training.random_windows", "a window of nothing", lambda: draw(context_length=0), "a window of 0 tokens and its targets do not fit"),
    *ids("training.windows", lambda tokens: windows(tokens, 4)),
    Border("training.windows", "a window of text", lambda: windows(IDS, "4"), "context_length must be an integer, but it is '4'"),
    Border("training.windows", "a negative window", lambda: windows(IDS, -4), "a window of -4 tokens and its targets do not fit"),
    Border("training.random_rows", "no tensor", lambda: random_rows(batch_size=2), "tensors of one length and a batch are needed"),
    Border("training.random_rows", "empty tensors", lambda: random_rows([], batch_size=2), "tensors of one length and a batch are needed"),
    Border("training.random_rows", "unequal lengths", lambda: random_rows(IDS, IDS[1:], batch_size=2), "lengths [8, 9] and batch_size 2"),
    Border("training.random_rows", "a single number", lambda: random_rows(torch.tensor(3), batch_size=2), "tensors[0] must have rows"),
    Border("training.random_rows", "None", lambda: random_rows(IDS, None, batch_size=2), "tensors[1] must be a tensor, array or list of numbers"),
    Border("training.random_rows", "texts", lambda: random_rows(["a", "b"], batch_size=2), "tensors[0] must be a tensor, array or list of numbers"),
    Border("training.random_rows", "ragged rows", lambda: random_rows([[1], [2, 3]], batch_size=2), "with rows of one length"),
    Border("training.random_rows", "an empty batch", lambda: random_rows(IDS, batch_size=0), "batch_size must be at least 1, but it is 0"),
    Border("training.random_rows", "a batch of text", lambda: random_rows(IDS, batch_size="2"), "batch_size must be an integer, but it is '2'"),
    Border("training.random_rows", "truth for a size", lambda: random_rows(IDS, batch_size=True), "batch_size must be an integer, but it is True"),
    Border("training.write_tokens", "a text", lambda: write("abab"), "parts must be several texts or sequences of ids"),
    Border("training.write_tokens", "a text, with a tokenizer", lambda: write("abab", None, tokenizer=LETTERS), "put a single one in a list, but it is 'abab'"),
    Border("training.write_tokens", "None", lambda: write(None), "parts must be several texts or sequences of ids"),
    Border("training.write_tokens", "one sequence", lambda: write(IDS), "parts[0] must be a sequence of ids, a list for example, but it is 0"),
    Border("training.write_tokens", "one array", lambda: write(np.array(IDS)), "parts[0] must be a sequence of ids"),
    Border("training.write_tokens", "one tensor", lambda: write(torch.tensor(IDS)), "parts[0] must be one sequence of ids"),
    Border(
        "training.write_tokens", "letters", lambda: write(map(LETTERS.encode, "ab" * 99)), "parts must be texts, not the letters of one, but here are 198 parts"
    ),
    Border(
        "training.write_tokens", "texts without a tokenizer", lambda: write(["ab"]), "parts[0] must be a sequence of ids, a list for example, but it is 'ab'"
    ),
    Border("training.write_tokens", "ids with a tokenizer", lambda: write([[1]], None, tokenizer=LETTERS), "parts[0] must be a string, but it is [1]"),
    Border("training.write_tokens", "None among texts", lambda: write(["ab", None], None, tokenizer=LETTERS), "parts[1] must be a string, but it is None"),
    Border("training.write_tokens", "a float", lambda: write([[1, 2.0]]), "parts[0] must be integers (ids), but at position 1 there is 2.0"),
    Border("training.write_tokens", "an array of floats", lambda: write([np.ones(3)]), "parts[0] must be integers (ids)"),
    Border("training.write_tokens", "a truth value", lambda: write([[1], [True]]), "parts[1] must be integers (ids), but at position 0 there is True"),
    Border(
        "training.write_tokens", "an id too large", lambda: write([[1], [9]]), "parts[1] must be ids from 0 to 8 (vocab_size - 1), but at position 0 there is 9"
    ),
    Border("training.write_tokens", "a negative id", lambda: write([[1, -1]]), "parts[0] must be ids from 0 to 8 (vocab_size - 1)"),
    Border("training.write_tokens", "matrices", lambda: write([[[1, 2], [3, 4]]]), "parts[0] must be integers (ids), but at position 0 there is [1, 2]"),
    Border("training.write_tokens", "nothing", lambda: write([]), "a token file needs tokens, but the text is empty"),
    Border("training.write_tokens", "empty texts", lambda: write(["", ""], None, tokenizer=LETTERS), "a token file needs tokens, but the text is empty"),
    Border("training.write_tokens", "no vocabulary", lambda: write([[1]], None), "vocab_size must be an integer, but it is None"),
    Border("training.write_tokens", "an empty vocabulary", lambda: write([[1]], 0), "vocab_size must be at least 1"),
    Border("training.write_tokens", "a fraction for a size", lambda: write([[1]], 9.0), "vocab_size must be an integer, but it is 9.0"),
    Border("training.write_tokens", "two vocabularies", lambda: write(["ab"], 9, tokenizer=LETTERS), "vocab_size must be left out where there is a tokenizer"),
    Border("training.write_tokens", "a folder", lambda: write([[1]], path=HERE), "must name a file, not a folder"),
    Border("training.write_tokens", "no path", lambda: write([[1]], path=None), "must be a string or a pathlib.Path, but it is None"),
    Border("training.TokenFile", "a folder", lambda: TokenFile(HERE), "must name a token file, not a folder"),
    Border("training.TokenFile", "a missing file", lambda: TokenFile(MISSING), "there is no token file", FileNotFoundError),
    Border("training.TokenFile", "an empty file", lambda: TokenFile(EMPTY), "is no token file: expected what write_tokens writes"),
    Border("training.TokenFile", "another file", lambda: TokenFile(PICKLE), "is no token file: expected what write_tokens writes"),
    Border("training.TokenFile", "a place beyond the end", lambda: TokenFile(FOLDER / "text")[torch.tensor([9])], "out of bounds", IndexError),
    Border("training.save_weights", "weights without a model", lambda: training.save_weights(NEW, ["weight"]), "model must be a torch.nn.Module"),
    Border("training.save_weights", "a folder", lambda: training.save_weights(HERE, LAYER), "must name a file, not a folder"),
    Border("training.save_weights", "a file for a folder", lambda: training.save_weights(EMPTY / "new", LAYER), "new could not be written", OSError),
    Border(
        "training.save_weights",
        "notes that are no JSON",
        lambda: training.save_weights(NEW, LAYER, {"on": {1, 2}}),
        "about must be what JSON can hold: Object of type set",
    ),
    Border("training.load_weights", "no model", lambda: training.load_weights(FOREIGN, "model"), "model must be a torch.nn.Module, but it is 'model'"),
    Border(
        "training.load_weights", "another model", lambda: training.load_weights(FOREIGN, torch.nn.Linear(3, 3)), "expected (3, 3), but the file holds (3, 2)"
    ),
    Border("training.load_weights", "a folder", lambda: training.load_weights(HERE, LAYER), "must name a checkpoint, not a folder"),
    Border("training.load_weights", "a missing file", lambda: training.load_weights(MISSING, LAYER), "there is no checkpoint", FileNotFoundError),
    Border("training.load_weights", "an empty file", lambda: training.load_weights(EMPTY, LAYER), NO_SAFETENSORS),
    Border("training.load_weights", "a pickle", lambda: training.load_weights(PICKLE, LAYER), NO_SAFETENSORS),
    Border("training.read_about", "a folder", lambda: training.read_about(HERE), "must name a checkpoint, not a folder"),
    Border("training.read_about", "a missing file", lambda: training.read_about(MISSING), "there is no checkpoint", FileNotFoundError),
    Border("training.read_about", "a pickle", lambda: training.read_about(PICKLE), NO_SAFETENSORS),
    Border("training.read_about", "no path", lambda: training.read_about(None), "must be a string or a pathlib.Path, but it is None"),
    Border("training.RunLog", "a folder", lambda: log(path=HERE), "must name a file, not a folder"),
    Border("training.RunLog", "no path", lambda: log(path=None), "must be a string or a pathlib.Path, but it is None"),
    Border("training.RunLog", "no config", lambda: log(config={"steps": 2}), "config must be a TrainingConfig, but it is {'steps': 2}"),
    Border("training.RunLog", "no tokens", lambda: log(tokens_per_step=0), "tokens_per_step must be at least 1"),
    Border("training.RunLog", "negative operations", lambda: log(flops_per_token=-1), "flops_per_token must be at least 0 and finite, but it is -1"),
    Border("training.RunLog", "a peak of NaN", lambda: log(peak_flops=float("nan")), "peak_flops must be a number, but it is nan"),
    Border("training.RunLog", "a peak of 0", lambda: log(peak_flops=0), "peak_flops must be above 0"),
    Border(
        "training.flops_per_token",
        "a layer",
        lambda: training.flops_per_token(LAYER, 7),
        "model must be a decoder-only model, GPT or ModernGPT, but it is 'Linear'",
    ),
    Border("training.flops_per_token", "a fraction", lambda: training.flops_per_token(MODEL, 7.5), "context_length must be an integer, but it is 7.5"),
    Border("training.flops_per_token", "no context", lambda: training.flops_per_token(MODEL, 0), "context_length must be at least 1"),
    Border("training.learning_curves", "losses alone", lambda: training.learning_curves([1.0]), "history must be what train returns"),
    Border("training.learning_curves", "no step", lambda: training.learning_curves(training.History()), "after at least one step"),
    Border("training.History.best_step", "without evaluations", lambda: training.History().best_step, "nothing was evaluated"),
    Border("training.History.best_loss", "without evaluations", lambda: training.History().best_loss, "nothing was evaluated"),
    Border("model_files.save_model", "another class", lambda: save_model(NEW, LAYER), "the model must be one of GPT, "),
    Border("model_files.save_model", "weights", lambda: save_model(NEW, MODEL.state_dict()), "the model must be one of GPT, "),
    Border("model_files.save_model", "no tokenizer", lambda: save_model(NEW, MODEL, "ab"), "the tokenizer must be one of BPETokenizer, "),
    Border(
        "model_files.save_model",
        "a larger vocabulary",
        lambda: save_model(NEW, MODEL, CharTokenizer(list("abcd"))),
        "must be at most the model's 3, but it is 4",
    ),
    Border(
        "model_files.save_model", "notes that are no JSON", lambda: save_model(NEW, MODEL, about={1, 2}), "about must be what JSON can hold: Object of type set"
    ),
    Border("model_files.save_model", "a folder", lambda: save_model(HERE, MODEL), "must name a file, not a folder"),
    Border("model_files.load_model", "a folder", lambda: load_model(HERE), "must name a checkpoint, not a folder"),
    Border("model_files.load_model", "a missing file", lambda: load_model(MISSING), "there is no checkpoint", FileNotFoundError),
    Border("model_files.load_model", "an empty file", lambda: load_model(EMPTY), NO_SAFETENSORS),
    Border("model_files.load_model", "a pickle", lambda: load_model(PICKLE), NO_SAFETENSORS),
    Border("model_files.load_model", "weights alone", lambda: load_model(FOREIGN), "holds no model and config: expected what save_model writes"),
    Border("model_files.read_about", "weights alone", lambda: read_about(FOREIGN), "holds no model and config: expected what save_model writes"),
    Border("model_files.read_about", "a missing file", lambda: read_about(MISSING), "there is no checkpoint", FileNotFoundError),
]
NOTHING = {
    "console.replace_unprintable": "takes nothing",
    "console.say": "takes what a command prints",
}
