"""What goes wrong around signed media, its keys and its content.

AtlasError
└── ProvenanceError
    ├── KeyMaterialError        keys and certificates (exit code 2: configuration)
    │   ├── KeyMissing          a key, certificate or trust list is not where it should be
    │   ├── KeyExists           keys are there already and are never overwritten
    │   ├── KeyExposed          others than the owner can read a private key
    │   ├── KeyUnreadable       a file is not the PEM it should be
    │   ├── KeyMismatch         the private key belongs to another certificate
    │   ├── CertificateExpired  now is outside a certificate's validity
    │   └── CertificateUnfit    a certificate does not meet the C2PA profile, or its chain does not hold
    ├── ContentError            the content store
    │   ├── ContentMissing      no file with this hash
    │   └── ContentCorrupt      a stored file no longer has the hash that names it
    ├── MediaError              the media itself (exit code 4: invalid data)
    │   ├── UnsupportedMedia    not a PNG, WAV or MP4
    │   ├── MediaTypeMismatch   another type than announced
    │   └── CorruptMedia        the container is broken
    ├── InvalidManifest         a manifest that must not be written (exit code 4)
    ├── SigningFailed           signing was tried and not accepted
    ├── ViewsMissing            the views or this room's tables were never made (exit code 2)
    ├── SignerBusy              another process holds the signer's lock
    ├── MediaNotTrusted         a file was read and is not what a trusted signer signed
    └── AnchoringError          a checkpoint did not get on chain
        ├── AnchorRefused       the contract or the node turned it down
        └── ChainUnreachable    no answer from the node (exit code 3)
"""

from atlas.protocol.errors import AtlasError


class ProvenanceError(AtlasError):
    """The root of this package's errors."""


class KeyMaterialError(ProvenanceError):
    """Keys and certificates."""

    exit_code = 2


class KeyMissing(KeyMaterialError):
    """A key, certificate or trust list is not where it should be."""


class KeyExists(KeyMaterialError):
    """Keys are there already; they are never overwritten."""


class KeyExposed(KeyMaterialError):
    """Others than the owner can read a private key."""


class KeyUnreadable(KeyMaterialError):
    """A file is not the PEM it should be."""


class KeyMismatch(KeyMaterialError):
    """The private key belongs to another certificate."""


class CertificateExpired(KeyMaterialError):
    """Now is outside a certificate's validity."""


class CertificateUnfit(KeyMaterialError):
    """A certificate does not meet the C2PA profile, or its chain does not hold."""


class ContentError(ProvenanceError):
    """The content store."""


class ContentMissing(ContentError):
    """No file with this hash."""


class ContentCorrupt(ContentError):
    """A stored file no longer has the hash that names it."""


class MediaError(ProvenanceError):
    """The media itself."""

    exit_code = 4


class UnsupportedMedia(MediaError):
    """Not a PNG, WAV or MP4."""


class MediaTypeMismatch(MediaError):
    """The file is of another type than announced."""


class CorruptMedia(MediaError):
    """The container is broken."""


class InvalidManifest(ProvenanceError):
    """A manifest that must not be written."""

    exit_code = 4


class SigningFailed(ProvenanceError):
    """Signing was tried and its result not accepted."""


class ViewsMissing(ProvenanceError):
    """The views or this room's tables were never made."""

    exit_code = 2


class SignerBusy(ProvenanceError):
    """Another process holds the signer's lock."""


class MediaNotTrusted(ProvenanceError):
    """A file was read and is not what a trusted signer signed."""


class AnchoringError(ProvenanceError):
    """A checkpoint did not get on chain."""


class AnchorRefused(AnchoringError):
    """The contract or the node turned the anchor down."""


class ChainUnreachable(AnchoringError):
    """No answer from the node."""

    exit_code = 3
