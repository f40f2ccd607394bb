"""Configs: what is out of range is refused, with what was expected and what came."""

import math

import pytest

from course_lib.training import Execution, TrainingConfig


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"steps": 0}, "steps must be at least 1, but it is 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, but it is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a number, but it is nan"),
        ({"learning_rate": math.inf}, "learning_rate must be finite, but it is inf"),
        ({"warmup_steps": 38}, r"warmup_steps must be from 0 to 37 \(steps\), but it is 38"),
        ({"schedule": "linear"}, "schedule must be one of cosine, constant, trapezoid, but it is 'linear'"),
        ({"decay_steps": 1}, "decay_steps must be from 0 to 0 with the schedule 'cosine', but it is 1"),
        ({"schedule": "trapezoid"}, "decay_steps must be from 1 to 37 with the schedule 'trapezoid', but it is 0"),
        ({"schedule": "trapezoid", "warmup_steps": 30, "decay_steps": 8}, "must be from 1 to 7 .*, but it is 8"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"beta2": 1.0}, "beta2 must be at least 0 and below 1, but it is 1.0"),
        ({"clip_norm": 0}, "clip_norm must be above 0"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1"),
    ],
)
def test_a_config_out_of_range_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        TrainingConfig(**{"steps": 37, "learning_rate": 0.3, **changes})


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, but it is 'float16'"),
        ({"accumulate": 0}, "accumulate must be at least 1 .part., but it is 0"),
        ({"parallel": "ddp"}, "parallel must be one of replicate, shard, but it is 'ddp'"),
    ],
)
def test_an_execution_out_of_range_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Execution(**changes)
