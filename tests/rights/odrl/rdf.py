"""What independent software reads in a document: rdflib's Turtle and JSON-LD, with the contexts known here."""

import json
import logging
import warnings
from pathlib import Path

import rdflib
from rdflib import Graph

from atlas.rights.odrl.names import ODRL_CONTEXT, SELF_CONTAINED

rdflib.NORMALIZE_LITERALS = False  # the text of a literal is what was written
logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # years beyond 9999 have no datetime in Python


def turtle(file: Path) -> Graph:
    return Graph().parse(file, format="turtle")


def expanded(graph: Graph) -> bytes:
    """The graph as JSON-LD without a context, as any processor writes it."""
    return graph.serialize(format="json-ld", auto_compact=False).encode()


def triples(document: bytes) -> Graph:
    """A JSON-LD document as a graph; the address of ODRL's context stands for what is shipped."""
    plain = json.loads(document)
    contexts = plain["@context"]
    plain["@context"] = [SELF_CONTAINED if each == ODRL_CONTEXT else each for each in contexts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # rdflib's reader uses what rdflib deprecates
        return Graph().parse(data=json.dumps(plain), format="json-ld")
