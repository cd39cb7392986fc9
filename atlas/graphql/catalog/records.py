"""Generation records: who made what, with which model, from which inputs and at what cost (W2)."""

from atlas.graphql.entities import Entity, Listing, Lookup, amount, many, one, parts, value
from atlas.graphql.kinds import ADDRESS, BIG_INTEGER, BYTES, INTEGER, JSON, TEXT, TIME, enumeration
from atlas.graphql.sources import Versions
from atlas.projections.views import provenance
from atlas.protocol.vocabulary import Agent

AGENT = enumeration(Agent, "The production agent that ran.")

GENERATION_RECORD = Entity(
    "GenerationRecord",
    "One run of a production agent, as its worker signed it.",
    Versions("provenance", provenance.GENERATION_RECORDS),
    members=(
        value("id", BYTES, "The record's id: SHA-256 of the signed body.", column="record_id"),
        value("worker", ADDRESS, "The worker that ran it and signed the record."),
        value("sequence", BIG_INTEGER, "The record's number among its worker's, counted from 0."),
        value("agent", AGENT, "The production agent that ran."),
        value("model_name", TEXT, "The model's name."),
        value("model_version", TEXT, "The model's version."),
        value("model_provider", TEXT, "Who provides the model."),
        value("prompt", TEXT, "The prompt."),
        value("parameters", JSON, "The generation parameters, by name."),
        value("seed", BIG_INTEGER, "The random seed, where there was one.", nullable=True),
        value("config_sha256", BYTES, "SHA-256 of the model's configuration."),
        value("device", TEXT, "What it ran on: cpu or the GPU's name."),
        value("device_count", INTEGER, "How many devices it ran on."),
        value("runtime_ms", BIG_INTEGER, "How long it ran, in milliseconds."),
        value("compute_units", BIG_INTEGER, "The compute it used, in protocol units."),
        *amount("model_fee", "What the model cost"),
        *amount("compute_fee", "What the compute cost"),
        *amount("protocol_fee", "What the protocol took"),
        value("started_at", TIME, "When the run began."),
        value("ended_at", TIME, "When the run ended."),
        parts("inputs", "GenerationInput", {"record_id": "record_id"}, "What went in, in the record's order."),
        parts("outputs", "GenerationOutput", {"record_id": "record_id"}, "What came out, in the record's order."),
        many("assets", "AssetSource", {"record_id": "record_id"}, "The asset versions that came out of it."),
        many("used_by", "GenerationInput", {"upstream": "record_id"}, "The inputs of later records that it produced."),
    ),
)
GENERATION_INPUT = Entity(
    "GenerationInput",
    "One input of a generation record.",
    Versions("provenance", provenance.GENERATION_INPUTS),
    members=(
        value("record_id", BYTES, "The record that took the input."),
        value("ordinal", INTEGER, "Its place among the record's inputs, counted from 0."),
        value("role", TEXT, "What the input was for."),
        value("sha256", BYTES, "SHA-256 of the input."),
        value("media_type", TEXT, "Its media type."),
        value("size_bytes", BIG_INTEGER, "Its size in bytes."),
        value("upstream_id", BYTES, "The record that produced it, if one did.", nullable=True, column="upstream"),
        one("record", "GenerationRecord", {"record_id": "record_id"}, "The record that took the input."),
        one("upstream", "GenerationRecord", {"record_id": "upstream"}, "The record that produced it, if it is known."),
    ),
)
GENERATION_OUTPUT = Entity(
    "GenerationOutput",
    "One output of a generation record.",
    Versions("provenance", provenance.GENERATION_OUTPUTS),
    listed=False,
    members=(
        value("ordinal", INTEGER, "Its place among the record's outputs, counted from 0."),
        value("role", TEXT, "What the output is."),
        value("sha256", BYTES, "SHA-256 of the output."),
        value("media_type", TEXT, "Its media type."),
        value("size_bytes", BIG_INTEGER, "Its size in bytes."),
    ),
)

RECORD_ENTITIES = (GENERATION_RECORD, GENERATION_INPUT, GENERATION_OUTPUT)
RECORD_ROOTS = (
    Lookup(
        name="generation_record",
        entity="GenerationRecord",
        arguments={"id": "record_id"},
        description="One generation record by its id.",
    ),
    Listing(name="generation_records", entity="GenerationRecord", description="Generation records."),
)
