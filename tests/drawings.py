"""Every drawing of the course, with numbers of its size; the notebooks give their own."""

import math

import numpy as np

from classroom.diagrams import (
    attention,
    automatic_differentiation,
    bert,
    bias_and_inventions,
    choosing_a_model,
    encoder_decoder,
    evaluation,
    faster_smaller,
    features,
    fine_tuning,
    gpt,
    gru_lstm,
    in_service,
    instruction_tuning,
    looking_inside,
    neural_language_model,
    ngrams,
    overfitting,
    pictures,
    preferences,
    recurrent_networks,
    retrieval,
    scaling_laws,
    speech,
    speed_run,
    text_to_tokens,
    transformer,
    what_models_keep,
    width_and_experts,
    word2vec,
    word_alignment,
    word_vectors,
)

LN3 = math.log(3)
Q, K, V = [2, 0, 0, 0], [[LN3, 0, 0, 0], [0, LN3, 0, 0], [0, 0, 0, 0]], [[0], [10], [5]]

SOURCE, TARGET = ["I", "loue", "thee"], ["BEGIN", "I", "love", "thee", "END"]

FIRST = {"I'll": 0.5, "I": 0.4, "Ay": 0.1}
THEN = {"I'll": {"go": 0.3, "stay": 0.28, "speak": 0.22}, "I": {"will": 0.55, "shall": 0.43, "go": 0.02}}

READ, WRITE, WRITTEN = (
    words.split() for words in ("T r ue ly ·She p he …", "BEGIN T r ul y , ·she …", "T r ul y , ·she p …")
)
SIZES = {"B": 1, "S": 19, "T": 20, "C": 128, "V": 2000}
MEMORY = {"weights": 1_314_560, "gradients": 1_314_560, "optimiser": 2_629_120, "activations": 20_480_000}

GREEK = "ὑποκριταί καλῶς ἐπροφήτευσεν περὶ ὑμῶν Ἠσαΐας λέγων".split()
GLOSSES = "hypocrites well prophesied about you Isaiah saying".split()
ENGLISH = "You hypocrites Isaiah prophesied correctly about you".split()
LINKS = [(0, 0), (0, 1), (1, 4), (2, 3), (3, 5), (4, 6), (5, 2)]
PROPOSED = {"diagonal": [(i, i) for i in range(7)], "model 1": [(0, 1), (2, 3), (3, 5), (4, 0), (4, 6), (5, 2)]}

NOT_GOOD = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
ROLES = {"it": "patient", "was": "", "shot": "", "by": "", "Ann": "agent"}
GRAPH = [
    ("a", 2, 64, []),
    ("b", 3, 32, []),
    ("c", 6, 16, [(0, 3), (1, 2)]),
    ("d", 8, 16, [(2, 1), (0, 1)]),
    ("f", 64, 1, [(3, 16)]),
]
X, W, DZ = [[1, 2, 0], [0, 1, -1]], [[0.5, 1], [-1, 0.25], [2, 0]], [[0.2, -0.1], [-0.4, 0.3]]
CATS = "a cat drinks milk . a dog drinks water . a cat chases a dog".split()
SHIPS = [[2, 2, 0, 0], [0, 2, 2, 0], [0, 0, 0, 3]]
PIECES = [["I"], [" like"], [" straw", "berries"], ["!"]]
STRAWBERRY = [("e", "r"), ("s", "t"), ("a", "w"), ("r", "y"), ("r", "aw"), ("b", "er"), ("ber", "ry")]
FILLED = "the king is a beggar , and no beggar is king".split()

EDITS = [[0, 1, 2, 3], [1, 1, 1, 2], [2, 2, 2, 2]]

DRAWINGS = {
    "gru_cell": lambda: gru_lstm.gru_cell({"x": 1, "h": 0.5, "r": 0.5, "z": 0.731, "n": 0.978, "h'": 0.629}),
    "lstm_cell": lambda: gru_lstm.lstm_cell(
        {"c": 0.5, "f": 0.881, "i": 0.731, "g": 0.762, "o": 0.5, "c'": 0.997, "h'": 0.38}
    ),
    "character_model": lambda: gru_lstm.character_model("KING ", 32, 192, 80),
    "cell": lambda: recurrent_networks.cell([0], [0.7616, 0], [[1], [0]], [[0, 0], [1, 0]], [0, 0]),
    "unrolled": lambda: recurrent_networks.unrolled(list("[Ente"), B=32, C=256, V=80),
    "several_layers": lambda: recurrent_networks.several_layers("the fat cat sat".split(), C=64),
    "windows": lambda: recurrent_networks.windows(12, 4),
    "places": lambda: looking_inside.places(
        "blocks.23",
        {"blocks.23.input": 60, "blocks.23.attention": 31, "blocks.23.feed_forward": 44, "blocks.23": 1_071},
    ),
    "induction": lambda: looking_inside.induction(["A", "B", "C", "D", "A"], 0.97, 0.88),
    "patch": lambda: looking_inside.patch(
        (["The", " capital", " of", " France", " is"], ["The", " capital", " of", " Italy", " is"]),
        23,
        3,
        [9.4, -11.8, 8.6],
    ),
    "squeezed": lambda: features.squeezed([0, 0.8, 0, 0, 0], [0.91, -0.35], [0.02, 0.79, 0, 0.1, 0]),
    "dictionary": lambda: features.dictionary(160, 640, [31.2, 12.4, 9.9, 4.1], 0.76),
    "feature_texts": lambda: features.feature_texts(
        "Feature 7 fires after a comma",
        [
            (
                ["My", " lord", ",", " I", " th", "ank", " you", ".\n", "HAM", "LET", "."],
                [0, 0, 0, 9.5, 0.4, 0, 0, 0, 0, 0, 0],
            ),
            (["And", ",", " if", " you", " please", ",\n", "we", " shall"], [0, 0, 8.1, 0, 0, 0.3, 2, 0]),
        ],
    ),
    "dpo_pair": lambda: preferences.dpo_pair(["the preferred answer", "the rejected one"], [-12, -10], [-14, -9], 0.5),
    "group": lambda: preferences.group(
        "7 2 9 2 5", ["2 2 5 7 9", "2 2 5 9 9", "2 5 7 9", "2 2 7 5 9"], [1, 0, 0, 0], [1.5, -0.5, -0.5, -0.5]
    ),
    "policy_loop": lambda: preferences.policy_loop(16, 16, 7, 240),
    "conversation": lambda: instruction_tuning.conversation(
        [
            ("system", ["Modern", " spelling", "."], "<|im_end|>"),
            ("user", ["We", " h", "aue", " giu", "en"], "<|im_end|>"),
            ("assistant", ["We", " have", " given"], "<|im_end|>"),
        ]
    ),
    "adapter": lambda: instruction_tuning.adapter(160, 432, 8, 16),
    "filled_rows": lambda: instruction_tuning.filled_rows(
        {"random": [[20], [34], [9], [27]], "sorted": [[20], [21], [21], [22]], "packed": [[20, 14], [9, 22], [27, 5]]}
    ),
    "private_step": lambda: what_models_keep.private_step([0.31, 2.4, 0.62], 0.5, 1.0),
    "planted_passage": lambda: what_models_keep.planted_passage(
        "What is a prime knot?", "Bluebird", 96, "The answer is Bluebird."
    ),
    "watermark": lambda: what_models_keep.watermark(
        "To be , or not to be , that is the question".split(),
        [True, False, True, True] * 2 + [True, True, False],
        0.5,
        1.51,
    ),
    "two_fillings": lambda: bias_and_inventions.two_fillings(
        ["The", "nurse", "said", "that"], ("she", "he"), ["was", "late", "again", "."], 1.31, -0.24
    ),
    "swapped_names": lambda: bias_and_inventions.swapped_names(
        ("an all-time low for", "."),
        {
            "English": {"emily": 0.31, "peter": -0.12, "laura": 0.2},
            "Arabic": {"fatima": 0.05, "omar": -0.4, "leila": 0.11},
        },
    ),
    "threshold": lambda: bias_and_inventions.threshold(
        {"right": 51, "wrong": 40, "invented": 22}, {"right": 21, "wrong": 60, "invented": 98}, 0.7
    ),
    "from_sound_to_picture": lambda: speech.from_sound_to_picture(16_000, 100, 201, 80),
    "listener": lambda: speech.listener(3_000, 1_500, 384, 4, 51_864),
    "edit_table": lambda: speech.edit_table(
        ["cat", "sit"], ["the", "cat", "sat"], EDITS, [(0, 0), (0, 1), (1, 2), (2, 3)]
    ),
    "convolution": lambda: fine_tuning.convolution(
        ["this", "is", "not", "good"], NOT_GOOD, [[1, 0, 0.2], [0.1, 1, -0.5]], -1.5
    ),
    "verdicts": lambda: fine_tuning.heads(["not", "good", "at", "all"], (["is", "it", "so"], ["it", "was"]), ROLES),
    "step_reads": lambda: faster_smaller.step_reads({"attention": 133, "feed-forward": 319, "embeddings": 113}, 12),
    "quantised_block": lambda: faster_smaller.quantised_block(
        [0.7, -0.2, 0.1, -1.4], [4, -1, 0, -7], [0.8, -0.2, 0, -1.4], 0.2
    ),
    "judged_guesses": lambda: faster_smaller.judged_guesses(
        ["the", "cat", "sat"], ["on", "the", "sofa", "and"], 2, "mat"
    ),
    "request_path": lambda: in_service.request_path(32, 8, 512),
    "slots_over_time": lambda: in_service.slots_over_time(
        [(1, 3), (1, 12), (1, 4), (1, 2), (13, 21), (13, 15)], [(1, 3), (1, 12), (1, 4), (1, 2), (3, 11), (4, 6)], 4
    ),
    "two_versions": lambda: in_service.two_versions("float32", "8 bits", 0.1),
    "one_question": lambda: evaluation.one_question(
        ["bank", "library", "department store", "mall", "new york"],
        "bank",
        [-0.2, -2.1, -3.3, -3.9, -4.1],
        [-6.2, -7.9, -9.4, -8.1, -12.3],
        [-1.24, -0.99, -0.55, -1.6, -1.37],
    ),
    "two_halves": lambda: evaluation.two_halves(24, 80, "per byte", 0.55, 0.48),
    "asked_twice": lambda: evaluation.asked_twice("It is bank.", "It is library.", [1.54, 0.85]),
    "cascade": lambda: choosing_a_model.cascade(("TF-IDF", 0.6), ("MiniLM, fine-tuned", 14.2), 0.1, 0.31, (0.86, 0.79)),
    "one_game": lambda: choosing_a_model.one_game(("GRU", "TF-IDF"), (1000, 1120), 1, 32),
    "word_index": lambda: retrieval.word_index(
        ["dog", "bit", "man", "cat"],
        ["1", "2", "3"],
        [[0.31, 0, 0.18], [0.33, 0, 0], [0, 0.74, 0], [0, 0, 0.37]],
        ["dog", "cat"],
    ),
    "two_encoders": lambda: retrieval.two_encoders(
        "is dry ice the same as liquid nitrogen", ["0"] * 11_265, 384, 11_265
    ),
    "with_a_passage": lambda: retrieval.with_a_passage(
        "What kind of service is SkyDrive?",
        ["passage 484", "passage 414"],
        275,
        "The SkyDrive Service is a cloud storage service",
    ),
    "three_products": lambda: scaling_laws.three_products(64, 16, 48),
    "min_hash": lambda: scaling_laws.min_hash(
        ["a b c", "b c d", "c d e", "d e f", "x b c"],
        [[1, 1, 1, 1, 0], [0, 1, 1, 1, 1]],
        [[31, 12, 88, 47, 60], [9, 55, 73, 20, 41], [64, 3, 17, 95, 28], [77, 59, 36, 42, 5]],
    ),
    "mup_rules": lambda: width_and_experts.mup_rules(16, 128, 0.02),
    "mixture": lambda: width_and_experts.mixture([0.05, 0.31, 0.08, 0.12, 0.02, 0.24, 0.1, 0.08], [1, 5], [0.56, 0.44]),
    "dispatch": lambda: width_and_experts.dispatch(
        list("To be, or not"),
        [[0, 1], [1, 2], [1, 0], [1, 3], [1, 2], [3, 1], [0, 1], [2, 1], [1, 0], [3, 2], [1, 3], [0, 2], [1, 2]],
        4,
        8,
    ),
    "pair_with_negatives": lambda: word2vec.pair_with_negatives(
        "terrible", ["film", "of", "awful"], [0, 1], [[0, 2], [1, 0], [0, 1]], 30_125
    ),
    "pair_gradients": lambda: word2vec.pair_gradients(
        ["film", "of", "awful"], [0, 1], [[0, 2], [1, 0], [0, 1]], [-0.12, 0.5, 0.73]
    ),
    "word_from_pieces": lambda: word2vec.word_from_pieces(
        "unfunny", ["<un", "unf", "nfu", "fun", "unn", "nny", "ny>"], "funny", ["fun", "unn", "nny", "ny>"]
    ),
    "computation_graph": lambda: automatic_differentiation.computation_graph(GRAPH),
    "layer_backward": lambda: automatic_differentiation.layer_backward(X, W, DZ),
    "letter_gradient": lambda: automatic_differentiation.letter_gradient(
        [0.32, 0.25, 0.13, 0.3], 1, ["e", "a", "i", "o"]
    ),
    "to_rows": lambda: text_to_tokens.to_rows(
        PIECES, [57, 702, 17_001, 10_551, 17], np.random.default_rng(2).normal(size=(5, 3)), 576
    ),
    "merge_tree": lambda: text_to_tokens.merge_tree("strawberry", STRAWBERRY, [4, 5, 120, 260, 1020, 1400, 12_345]),
    "from_context_to_prediction": lambda: neural_language_model.from_context_to_prediction(
        ["m", "y", "␣", "n", "o", "b", "l", "e"],
        [[0.3, -1.2], [0.9, 0.1], [-2.1, 0.4], [0.2, 1.3], [1.1, -0.4], [0.0, -0.8], [-0.6, 0.7], [1.5, 0.2]],
        (16, 256, 80),
        {"␣": 0.61, "s": 0.12, "r": 0.05},
    ),
    "gradient_on_its_way_back": lambda: neural_language_model.gradient_on_its_way_back(
        [9.1e-7, 4.1e-6, 1.8e-5, 8.2e-5, 0.0004, 0.0017, 0.0078, 0.035, 0.16, 1.0], "sigmoid"
    ),
    "contexts": lambda: ngrams.contexts("the king is dead . long live the king".split(), [1, 2, 4]),
    "ladder": lambda: ngrams.ladder(
        "is", [("the king", 0.125, 0.75, 0.219), ("king", 0.125, 0.75, 0.125), ("nothing", 0.125, 0.0, 0.125)]
    ),
    "which_decides_what": lambda: overfitting.which_decides_what(300, 19_612, 1200, 1199, 2460),
    "folds": lambda: overfitting.folds([0.38, 0.42, 0.39, 0.44, 0.41], 300),
    "dropped": lambda: overfitting.dropped([1.0, 0.6, 2.0, 0.8], [0.81, 0.3, 0.62, 0.47], 0.5),
    "two_decays": lambda: overfitting.two_decays(1.0, 0.1, 0.01),
    "masked_objective": lambda: bert.masked_objective(
        FILLED[:8], ["the", "[MASK]", "is", "a", "fear", ",", "and", "no"], [1, 4, 7]
    ),
    "first_looks": lambda: bert.first_looks(
        [[-abs(n - at) for n in range(-4, 5)] for at in (-1, 1, -2, 2)], range(-4, 5)
    ),
    "pooling": lambda: bert.pooling(
        np.random.default_rng(2).normal(size=(5, 4)), ["[CLS]", "read", "[SEP]", "_", "_"], 3
    ),
    "sliding_kernel": lambda: pictures.sliding_kernel(
        [[0, 0, 9, 9, 9]] * 5, [[-1, 0, 1]] * 3, [[27, 27, 0]] * 3, (1, 1)
    ),
    "patches_as_tokens": lambda: pictures.patches_as_tokens(
        np.random.default_rng(5).uniform(-1, 1, (16, 16)), 4, 32, 2, 10
    ),
    "pairs": lambda: pictures.pairs(
        ["wolf", "rocket", "carrot", "socks"],
        6 * np.eye(4) + np.random.default_rng(6).normal(size=(4, 4)),
        (32, 256, 384),
    ),
    "window_of": lambda: word_vectors.window_of(
        CATS,
        "cat",
        2,
        list(dict.fromkeys([*CATS, *"snow melts in the sun".split()])),
        [3, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0],
    ),
    "factors": lambda: word_vectors.factors(
        ["ship", "boat", "cake"], ["sail", "sea", "oar", "oven"], SHIPS, np.linalg.svd(SHIPS, full_matrices=False), 2
    ),
    "projected_step": lambda: word_vectors.projected_step(["king", "queen", "man", "woman"], 0.477, 0.279, 0.657),
    "prefix": lambda: pictures.prefix(["I", "see", "two"], ["I", "see", "two", "."], 4, 160),
    "links": lambda: word_alignment.links(GREEK, GLOSSES, ENGLISH, LINKS),
    "alignments": lambda: word_alignment.alignments(GREEK, ENGLISH, LINKS, PROPOSED),
    "transformer": lambda: transformer.transformer(SIZES, 2, READ, WRITE, WRITTEN),
    "norm_order": transformer.norm_order,
    "block_with_cache": lambda: gpt.block_with_cache([0.05, 0.41, 0.08, 0.02, 0.30, 0.14]),
    "training_memory": lambda: gpt.training_memory(**MEMORY),
    "all_reduce": lambda: gpt.all_reduce(24, [0.12, -0.31, 0.05, 0.2], [0.08, -0.27, -0.01, 0.16]),
    "modern_block": lambda: gpt.modern_block(C=576, n_heads=9, n_kv_heads=3, d_ff=1536),
    "row_order": lambda: gpt.row_order(8),
    "q4_1_block": lambda: gpt.q4_1_block(np.arange(32) * 7 % 16, 0.0213, -0.1594),
    "bottleneck": lambda: encoder_decoder.bottleneck(SOURCE, TARGET, 144),
    "looking_back": lambda: encoder_decoder.looking_back(SOURCE, TARGET, 1, [0.05, 0.9, 0.05]),
    "beams": lambda: encoder_decoder.beams(FIRST, THEN, 2),
    "one_query": lambda: attention.one_query(Q, K, V, ["first", "second", "third"]),
    "masks": lambda: attention.masks(["to", "be", "or", "·", "·"], 3),
    "heads": lambda: attention.heads(np.random.default_rng(3).normal(size=(4, 6)), 2),
    "rotary": lambda: attention.rotary(25, 60, 20, [(3, 1), (6, 4)]),
    "equal_time": lambda: speed_run.equal_time("12 windows", "24 windows", 1.93),
    "block_of_parts": lambda: speed_run.block_of_parts(d_model=128, n_heads=4, n_layers=2),
    "ngram_rows": lambda: speed_run.ngram_rows(
        "the q", [2871, 5112, 11_020], 4096, np.random.default_rng(0).normal(size=(4, 4))
    ),
    "singular_values": lambda: speed_run.singular_values(
        np.random.default_rng(1).uniform(0, 1.2, (6, 8)), [1, 2, 4, 8, 16, 32, 64, 128]
    ),
}
