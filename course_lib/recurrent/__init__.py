"""Networks that remember: RNN, GRU and LSTM layers, and a language model made of one.

Weights are named and laid out as in torch.nn, so that they go over in one line, in either direction:
`torch.nn.GRU(3, 5, batch_first=True).load_state_dict(GRU(3, 5).state_dict())`.
"""

from course_lib.recurrent.cells import gru_cell, lstm_cell, rnn_cell
from course_lib.recurrent.language_model import RecurrentLM, RecurrentLMConfig, detached
from course_lib.recurrent.layers import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "RecurrentLM", "RecurrentLMConfig", "detached", "gru_cell", "lstm_cell", "rnn_cell"]
