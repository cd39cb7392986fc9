"""A batch of logs as what decoding needs of it: the words of its topics, how many each log has, and the data."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from atlas.protocol.abi.heap import Positions
from atlas.protocol.abi.words import LANES, Words
from atlas.protocol.logs import LOG_SCHEMA, TOPIC_COLUMNS, ArrowArray, ArrowBatch

GAP = -1
"""In place of a count: a topic follows a missing one."""


class LogBatch:
    """Topics and data by row. Raises TypeError for a batch without the columns of LOG_SCHEMA for them."""

    def __init__(self, logs: ArrowBatch) -> None:
        self.topics: list[ArrowArray] = [_column(logs, name) for name in TOPIC_COLUMNS]
        self.data: ArrowArray = _column(logs, "data")
        if self.data.null_count:
            self.data = self.data.fill_null(b"")
        self.topic_counts = _topic_counts(self.topics)

    def __len__(self) -> int:
        return len(self.data)

    def topic_words(self, number: int, rows: Positions | None) -> Words:
        """The words of one topic, of all logs or of ``rows``; of a log without that topic, any word."""
        column = self.topics[number]
        words = np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, LANES)
        words = words[column.offset : column.offset + len(column)]
        return words if rows is None else words.take(rows, axis=0)

    def data_of(self, rows: Positions | None) -> ArrowArray:
        """The data of all logs or of ``rows``."""
        return self.data if rows is None else self.data.take(pa.array(rows))

    def first_topics(self) -> tuple[npt.NDArray[np.int32], list[bytes]]:
        """Each log's place of its first topic among the different ones, listed; without topics, one place more."""
        encoded = self.topics[0].dictionary_encode()
        distinct: list[bytes] = encoded.dictionary.to_pylist()
        places = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
        return places.astype(np.int32, copy=False), distinct


def _column(logs: ArrowBatch, name: str) -> ArrowArray:
    expected = LOG_SCHEMA.field(name).type
    place = logs.schema.get_field_index(name)
    if place < 0 or logs.schema.field(place).type != expected:
        raise TypeError(f"expected logs with a column {name} of {expected}, got {logs.schema}")
    return logs.column(place)


def _topic_counts(topics: list[ArrowArray]) -> npt.NDArray[np.int8]:
    counts = np.zeros(len(topics[0]), np.int8)
    gaps = np.zeros(len(counts), np.bool_)
    for number, topic in enumerate(topics):
        if topic.null_count == len(topic):
            continue
        present = topic.is_valid().to_numpy(zero_copy_only=False)
        gaps |= present & (counts < number)
        counts += present
    counts[gaps] = GAP
    return counts
