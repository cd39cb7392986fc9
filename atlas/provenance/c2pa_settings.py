"""How c2pa-rs is set up here: no network, no thumbnails, no compressed manifests, bounded memory.

Measured: thumbnails cost sixty times the processor time of signing a PNG, compressed manifests forty times.
Remote manifests and OCSP are off because reading a file must not make this machine call whatever host the file names.
"""

from typing import Any

from atlas.provenance.keys import TrustList

MEMORY_THRESHOLD_MB = 16
TRUST_URI = "urn:atlas-ledger:trust-list"


def settings(trust: TrustList, *, validate: bool = True) -> dict[str, Any]:
    """The settings of a c2pa Context that takes ``trust`` as its only anchors, for files and for ingredients."""
    anchors = [{"trust_anchors": trust.anchors_pem, "trust_uri": TRUST_URI, "trust_kind": "manifest"}]
    return {
        "version": 1,
        "trust": {"anchors": anchors if trust.anchors_pem else []},
        "verify": {
            "verify_after_reading": validate,
            "verify_after_sign": False,
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "core": {"backing_store_memory_threshold_in_mb": MEMORY_THRESHOLD_MB, "prefer_compress_manifests": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
