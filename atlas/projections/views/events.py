"""View ``events``: every decoded event of every watched contract, by our ABIs and by those from outside.

A row belongs to the position of its log: a log that moves to another block in a reorganisation is another fact.
"""

import orjson

from atlas.projections.fold import Fold
from atlas.projections.reading.decoded import DecodedEvent, EventBatch, Inserted
from atlas.projections.tables.declarations import EntityTable, bigint, binary, integer, json, text, time
from atlas.projections.view import View
from atlas.projections.views.values import moment, moments

EVENTS = EntityTable(
    "events",
    key=(bigint("position"),),
    values=(
        text("chain"),
        binary("contract"),
        text("abi"),
        text("event"),
        text("signature"),
        json("arguments"),
        bigint("block_number"),
        time("block_time"),
        binary("tx_hash"),
        integer("log_index"),
    ),
    indexes=(("contract", "event", "position"), ("event", "position"), ("tx_hash",)),
    contained=("arguments",),
)


def event_decoded(event: DecodedEvent, fold: Fold) -> None:
    """A row."""
    origin = event.origin
    fold.put(
        EVENTS,
        origin.position,
        chain=origin.chain,
        contract=origin.contract,
        abi=event.abi,
        event=event.event,
        signature=event.signature,
        arguments=event.arguments,
        block_number=origin.block_number,
        block_time=moment(origin.block_time),
        tx_hash=origin.tx_hash,
        log_index=origin.log_index,
    )


def events_decoded(batch: EventBatch) -> list[Inserted]:
    """The same rows, by column."""
    return [
        Inserted(
            EVENTS,
            {
                "chain": batch.chain,
                "contract": batch.contracts,
                "abi": batch.abi,
                "event": batch.event.name,
                "signature": batch.event.signature,
                "arguments": list(map(orjson.Fragment, batch.arguments_json)),
                "block_number": batch.block_numbers,
                "block_time": moments(batch.block_times),
                "tx_hash": batch.tx_hashes,
                "log_index": batch.log_indexes,
            },
        )
    ]


EVENTS_VIEW = View(
    name="events",
    version=1,
    tables=(EVENTS,),
    handlers={DecodedEvent: event_decoded},
    bulk={DecodedEvent: events_decoded},
)
